"""Date and time in registers, as devices lay them out, to ISO 8601 text (pure).

A layout is words in their sequence: ``YY MM DD hh mm ss``. Each stands in one byte or one register,
``YYYY`` and ``ms`` in two bytes or one register; ``--`` is not looked at. Or the registers count
seconds or milliseconds since an instant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from protocols.errors import FrameError, ValueRangeError

PARTS: Final = {"YYYY": 2, "YY": 1, "MM": 1, "DD": 1, "hh": 1, "mm": 1, "ss": 1, "ms": 2, "--": 1}
"""Words of a layout and the bytes that each takes."""
COUNTERS: Final = {"uint32": 4, "int32": 4, "uint48": 6, "uint64": 8, "int64": 8}
"""Types that count from an instant, and their bytes."""

_CENTURY: Final = 2000
_DATE: Final = ("MM", "DD")
_YEARS: Final = ("YY", "YYYY")


@dataclass(frozen=True)
class Layout:
    """How a date and time lies in its registers.

    Attributes:
        parts: Words of the layout; empty: the registers count.
        in_words: Whether each part has a register of its own.
        bcd: Whether parts are coded in BCD, not binary.
        counter: Type of the number that counts.
        per_second: Its steps in a second.
        epoch: Where it starts, by the clock of ``zone``.
        zone: Whose clock it is; None: no instant is meant, but a date or a time of day alone.
    """

    parts: tuple[str, ...] = ()
    in_words: bool = False
    bcd: bool = False
    counter: str = "uint32"
    per_second: int = 1
    epoch: datetime = datetime(1970, 1, 1)  # noqa: DTZ001 (of the zone)
    zone: tzinfo | None = UTC

    @property
    def registers(self) -> int:
        """Registers that it takes."""
        if not self.parts:
            return COUNTERS[self.counter] // 2
        if self.in_words:
            return len(self.parts)
        return (sum(PARTS[part] for part in self.parts) + 1) // 2

    @property
    def has_date(self) -> bool:
        """Whether it names a day."""
        return not self.parts or any(part in _YEARS for part in self.parts)

    @property
    def has_time(self) -> bool:
        """Whether it names a time of day."""
        return not self.parts or "hh" in self.parts

    def reader(self) -> Callable[[bytes], str]:
        """Return bytes -> text: 2026-11-28T06:40:05Z, or a date or time of day alone.

        FrameError when there is no such date or time.
        """
        if not self.parts:
            is_signed = self.counter.startswith("int")
            return lambda raw: self._counted(int.from_bytes(raw, "big", signed=is_signed))
        return self._laid_out

    def _counted(self, number: int) -> str:
        try:
            moment = self.epoch + timedelta(seconds=number // self.per_second)
            moment += timedelta(microseconds=number % self.per_second * 1_000_000 / self.per_second)
        except OverflowError:
            raise FrameError(f"{number} is beyond all dates") from None
        return self._text(moment)

    def _laid_out(self, raw: bytes) -> str:
        found = self._parts_of(raw)
        year = found.get("YYYY", _CENTURY + found.get("YY", 0))
        if found.get("YY", 0) >= 100:  # noqa: PLR2004 (as 126 for 2026: another count of years)
            raise FrameError(f"{found['YY']} is no year of two digits")
        clock = (found.get("hh", 0), found.get("mm", 0), found.get("ss", 0))
        try:
            of_day = time(*clock, microsecond=1000 * found.get("ms", 0))
            if not self.has_date:
                return of_day.isoformat(_timespec(of_day))
            day = date(year, found["MM"], found["DD"])
        except ValueError as error:
            raise FrameError(f"{raw.hex()} is no date and time: {error}") from None
        return self._text(datetime.combine(day, of_day)) if self.has_time else day.isoformat()

    def _parts_of(self, raw: bytes) -> dict[str, int]:
        found: dict[str, int] = {}
        at = 0
        for part in self.parts:
            size = 2 if self.in_words else PARTS[part]
            if part != "--":
                found[part] = self._number(raw[at : at + size])
            at += size
        return found

    def _number(self, raw: bytes) -> int:
        if not self.bcd:
            return int.from_bytes(raw, "big")
        try:
            return int(raw.hex())
        except ValueError:
            raise FrameError(f"0x{raw.hex()} has a digit above 9") from None

    def _text(self, moment: datetime) -> str:
        try:
            there = moment.replace(tzinfo=self.zone or UTC)
            instant = there.astimezone(UTC)
            if instant.astimezone(there.tzinfo).replace(tzinfo=None) != moment:
                raise FrameError(f"{moment.isoformat()} is left out by the clock of its zone")
        except (OverflowError, ValueError):
            raise FrameError(f"{moment.isoformat()} is beyond all dates") from None
        return instant.replace(tzinfo=None).isoformat(timespec=_timespec(instant)) + "Z"


def _timespec(moment: datetime | time) -> str:
    return "milliseconds" if moment.microsecond else "seconds"


def layout_of(text: str) -> Layout:
    """Return the layout that its words mean, one byte each, binary.

    Raises:
        ValueRangeError: A word is unknown, twice there or lacks another; says which are allowed.
    """
    parts = tuple(text.split())
    unknown = next((part for part in parts if part not in PARTS), None)
    if unknown is not None or not parts:
        allowed = ", ".join(PARTS)
        raise ValueRangeError(f"{unknown or text!r} is no part of a date; allowed: {allowed}")
    given = [part for part in parts if part != "--"]
    problem = _contradiction(given)
    if problem:
        raise ValueRangeError(f"{text!r}: {problem}")
    return replace(Layout(), parts=parts)


def _contradiction(given: Sequence[str]) -> str:
    twice = next((part for part in given if given.count(part) > 1), "")
    if twice or sum(year in given for year in _YEARS) > 1:
        return f"{twice or 'the year'} is there twice"
    has_year = any(year in given for year in _YEARS)
    if any(has_year is not (part in given) for part in _DATE):
        return "a date needs a year, MM and DD"
    needs = {"mm": "hh", "ss": "mm", "ms": "ss"}
    lone = next((part for part, other in needs.items() if part in given and other not in given), "")
    if lone:
        return f"{lone} needs {needs[lone]}"
    return "" if has_year or "hh" in given else "it names neither a day nor a time"
