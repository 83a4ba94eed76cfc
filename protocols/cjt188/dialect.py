"""What makers of CJ/T 188 meters do differently; each is a setting of the device."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.cjt188.frames import MOST_WAKE_UP
from protocols.cjt188.identifiers import ByteOrder
from protocols.cjt188.layouts import BY_NAME
from protocols.errors import ValueRangeError


class TimeOrder(StrEnum):
    """Order of the seven bytes of a time."""

    SECOND_FIRST = "second_first"
    """As two meters send it."""
    YEAR_FIRST = "year_first"
    """As ng-gateway's tables name it for the edition of 2018; not seen in a frame."""


class StatusBits(StrEnum):
    """Where valve and battery stand in ST1."""

    LOW = "low"
    """D1 D0 valve, D2 battery: the standard, as three sources have it."""
    HIGH = "high"
    """D7 D6 valve, D5 battery: the firmware of one collector (sdqr_energy_node, cj188.h)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What makers do differently; each is a setting of the device.

    Attributes:
        byte_order: Of identifiers in requests; both are understood in answers.
        layout: Name of the layout of 901FH and 911FH; empty: by length and maker.
        time_order: Of times.
        status_bits: Where valve and battery stand.
        echoes_serial: Whether an answer carries the serial number of its request, as three frame
            pairs do. Where it does not, a late answer cannot be told from the one that is awaited.
        wake_up: FEH before a request, 0..4.
        wake_up_answer: FEH that a meter may send before an answer, for its predicted length.

    Raises:
        ValueRangeError: There is no such layout, or a number is out of its range.
    """

    byte_order: ByteOrder = ByteOrder.HIGH_FIRST
    layout: str = ""
    time_order: TimeOrder = TimeOrder.SECOND_FIRST
    status_bits: StatusBits = StatusBits.LOW
    echoes_serial: bool = True
    wake_up: int = 4
    wake_up_answer: int = 4

    def __post_init__(self) -> None:
        if self.layout and self.layout not in BY_NAME:
            raise ValueRangeError(f"layout {self.layout!r}: {', '.join(BY_NAME)} are allowed")
        if not (0 <= self.wake_up <= MOST_WAKE_UP and 0 <= self.wake_up_answer <= MOST_WAKE_UP):
            raise ValueRangeError(f"wake-up bytes: 0..{MOST_WAKE_UP} are allowed")


STANDARD: Final = Dialect()
