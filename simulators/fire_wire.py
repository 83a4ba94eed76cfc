"""Frames of GB/T 26875.3 as a transmission device makes them.

Own code, apart from ``protocols.gb26875``, so that simulator and agent check each other.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

CONTROL: Final = 1
SEND: Final = 2
CONFIRM: Final = 3
REQUEST: Final = 4
RESPONSE: Final = 5
DENY: Final = 6

_HEAD: Final = 27
_TEXT: Final = 31


class Message(NamedTuple):
    """A frame that the device received."""

    sequence: int
    command: int
    source: int
    destination: int
    data: bytes


class SimulatedComponent(NamedTuple):
    """A component of the panel behind the device.

    Attributes:
        status: Status word; bit 1 = fire, bit 2 = fault.
    """

    system: int
    address: int
    type: int
    zone: int
    point: int
    status: int
    text: str


def stamp(local: datetime) -> bytes:
    """Return a time label."""
    year = local.year % 100
    return bytes((local.second, local.minute, local.hour, local.day, local.month, year))


def frame(
    sequence: int, command: int, data: bytes, *, source: int, destination: int, local: datetime
) -> bytes:
    """Return a frame."""
    body = b"".join(
        (
            sequence.to_bytes(2, "little"),
            b"\x01\x01",
            stamp(local),
            source.to_bytes(6, "little"),
            destination.to_bytes(6, "little"),
            len(data).to_bytes(2, "little"),
            bytes((command,)),
            data,
        )
    )
    return b"@@" + body + bytes((sum(body) % 256,)) + b"##"


def messages(received: bytearray) -> Iterator[Message]:
    """Remove and yield the whole frames; the centre is trusted to make no mistakes."""
    while len(received) > _HEAD:
        size = _HEAD + int.from_bytes(received[24:26], "little") + 3
        if len(received) < size:
            return
        yield Message(
            int.from_bytes(received[2:4], "little"),
            received[26],
            int.from_bytes(received[12:18], "little"),
            int.from_bytes(received[18:24], "little"),
            bytes(received[_HEAD : size - 3]),
        )
        del received[:size]


def component_status(components: list[SimulatedComponent], local: datetime) -> bytes:
    """Return the unit of type 2 that says the states of components."""
    objects = (
        bytes((one.system, one.address, one.type))
        + one.zone.to_bytes(2, "little")
        + one.point.to_bytes(2, "little")
        + one.status.to_bytes(2, "little")
        + one.text.encode("gb18030")[:_TEXT].ljust(_TEXT, b"\0")
        + stamp(local)
        for one in components
    )
    return bytes((2, len(components))) + b"".join(objects)
