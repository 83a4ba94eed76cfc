"""Frames of panels as their makers would send them: own code, so that it checks the adapters."""


def jbf193k(*fields: int) -> bytes:
    """Eleven numbers: event, panel, loop, address, kind, year, month, day, hour, minute, second."""
    data = bytes(fields)
    text = (data + bytes([sum(data) % 256])).hex()
    return b"\x82" + bytes(0x30 + int(digit, 16) for digit in text) + b"\x83"


def jbf5010(command: int, data: bytes) -> bytes:
    body = bytes([command, 0, 0, 0x6E, 1, len(data)]) + data
    return b"\xff\xff\xff" + body + sum(body).to_bytes(2, "big")


def bcd(number: int) -> int:
    return int(str(number), 16)


def gst200(
    event: int,
    *,
    head: int = 0x51,
    floor: int = 0,
    room: int = 0,
    kind: int = 0,
    text: bytes = b"",
    index: int = 7,
) -> bytes:
    place = bytes([bcd(floor), bcd(room % 100), bcd(room // 100)])
    body = bytes([index, 0xAA, event]) + place + bytes([kind, 0, 0, 0]) + text.ljust(14, b"\0")
    body = bytes([head, len(body) + 3]) + body
    return body + bytes([sum(body) % 256])


def gst500(head: int, *, floor: int, room: int, kind: int, state: int) -> bytes:
    body = bytes([bcd(floor), bcd(room % 100), bcd(room // 100), bcd(kind), state])
    return bytes([head]) + body + bytes([sum(body) % 256, 0xBB])


def simplex(sequence: int, data: bytes) -> bytes:
    body = bytes([sequence]) + data + b"\x17"
    inverted = 0xFFF - sum(body) % 0x1000
    return b"\x1c" + body + bytes([0x40 + inverted // 64, 0x40 + inverted % 64])


def simplex_event(
    sequence: int, *, card: int, point: int, sub: int, letter: str, on: str, taken: str = "-"
) -> bytes:
    tail = bytes([card, 0x2C, point, 0x2C, sub, 0x2C]) + f"{letter}{on}{taken}".encode() + b"\r"
    return simplex(sequence, b"\x1e 12:00 " + tail)


def n3030(head: bytes, place: str, text: str = "") -> bytes:
    line = head + text.encode("gb18030")
    return (line.ljust(151) + place.encode("ascii")).ljust(163) + b"\n"
