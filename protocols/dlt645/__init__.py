"""DL/T 645-2007 and -1997, the protocol of Chinese electricity meters: bytes and values.

frames:
    ``Frame(address, control, data)``, ``frame.encode(wake_up=4)``, ``decode_frame(bytes)``;
    ``frame_stream().feed(bytes)`` returns frames, counts rejections and has bounded memory.
codes:
    ``Edition``, functions, error words.
requests:
    ``Request``: what is asked of an address, made by ``read``, ``read_next``, ``read_address``;
    ``request.answered_by(frame)``, ``request.payload(frame)``, ``request.refusal(frame)``,
    ``request.answer_bytes(size)``.
commands:
    The requests that change something: ``write``, ``relay``, ``broadcast_time``; ``Password``.
fields:
    ``Field``: bytes of one quantity to a value and back (``decode``, ``encode``).
identifiers:
    ``item(edition, identifier)`` returns an ``Item``: name, unit, labels, ``expected_size``,
    ``decode``, ``encode``. None for an identifier that no table has: make an ``Item`` from a
    ``Field`` of your own. ``with_field`` replaces what is doubtful about one of the table.

Reading one value, without any I/O::

    wanted = item(Edition.E2007, 0x0201FF00)        # block: three phases
    request = read("201000000012", 0x0201FF00)
    line.send(request.frame().encode(wake_up=4))
    for frame in stream.feed(received):
        if request.refused_by(frame):
            words = request.refusal(frame)          # ("no_such_data",)
        elif request.answered_by(frame):            # address, function, identifier
            data = request.payload(frame)           # frame.more: ask read_next(..., sequence=1)
            values = wanted.decode(data)            # (225.6, None, None); None: not available
            dict(zip(wanted.labels, values))        # voltage_l1, voltage_l2, voltage_l3

What is wrong with bytes is a FrameError, what is wrong with a value or an argument a
ValueRangeError. The standards' own texts were not at hand: each entry of the tables names its
source and a confidence (``confirmed``: a frame of a real meter or two independent sources;
``documented``: one document; ``unconfirmed``: general knowledge). What sources disagree about is
an option.
"""
