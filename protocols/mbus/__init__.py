"""M-Bus (EN 13757-2, -3), the master's side and what a simulated slave needs; no I/O, no clock.

- ``frames``: short, control and long frames and E5; ``decode_frame`` takes one, ``frame_stream`` a
  line.
- ``addresses``: primary addresses, and secondary addresses with wildcards in each digit.
- ``master``: ``Master`` makes requests, toggles the frame count bit of each slave, says what
  answers a request and how long an answer may be.
- ``telegram``: the header of an answer with variable data, its data blocks without their meaning,
  whether more telegrams follow. ``encoding``: the reverse, for a simulated slave.
- ``dates``: the types of dates and times.
- ``record``: ``Record``, one value as the agent names it. pyMeterBus makes the values; the mapping
  stands in ``edge_agent/drivers/mbus/records.py``, since that library imports pyserial.
- ``search``: ``WildcardSearch`` says what to select next, and is told what came.
"""
