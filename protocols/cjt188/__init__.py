"""CJ/T 188-2004 and -2018: water, heat and gas meters; bytes and values, no I/O, no clock.

- ``frames``: ``Frame`` and ``encode``; ``decode_frame`` takes one, ``frame_stream`` a line.
- ``addresses``: the 14 digits as printed, the wildcard, meter types, makers.
- ``identifiers``: what can be read and written, in both byte orders.
- ``requests``: ``read``, ``read_address``, ``write``, ``set_valve`` make a ``Request``: its bytes,
  what answers it, what refuses it, how long the answer will be.
- ``layouts``: what lies where in an answer, as data, by identifier, length and maker.
- ``units``: unit codes, and the one unit of each quantity.
- ``dialect``: ``Dialect`` holds what makers do differently.
- ``readings``: ``decode_reading`` makes named values of an answer, ``encode_reading`` the reverse.
"""
