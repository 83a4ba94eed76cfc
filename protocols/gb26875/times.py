"""The time label of GB/T 26875.3-2011, 8.2.2: six bytes, binary, the second first (pure)."""

from datetime import datetime
from typing import Final, NamedTuple

from protocols.errors import FrameError

TIME_BYTES: Final = 6
_CENTURY: Final = 2000


class DeviceTime(NamedTuple):
    """A local time by the clock of the equipment, as its bytes say it.

    A clock that was never set says a time that does not exist; an event is no less true for that.
    """

    second: int
    minute: int
    hour: int
    day: int
    month: int
    year: int

    @classmethod
    def decode(cls, data: bytes | bytearray) -> "DeviceTime":
        """Return the time of six bytes; FrameError when there are not six."""
        if len(data) != TIME_BYTES:
            raise FrameError(f"a time has {TIME_BYTES} bytes, not {len(data)}")
        return cls(*data)

    @classmethod
    def of(cls, moment: datetime) -> "DeviceTime":
        """Return a local time; of the year only two digits are said."""
        return cls(
            moment.second,
            moment.minute,
            moment.hour,
            moment.day,
            moment.month,
            moment.year % 100,
        )

    @property
    def moment(self) -> datetime | None:
        """The local time without a zone; None when there is no such time."""
        second, minute, hour, day, month, year = self
        if year >= 100:  # noqa: PLR2004 (two digits)
            return None
        try:
            return datetime(_CENTURY + year, month, day, hour, minute, second)  # noqa: DTZ001 (local)
        except ValueError:
            return None

    def encode(self) -> bytes:
        """Return the six bytes."""
        return bytes(self)
