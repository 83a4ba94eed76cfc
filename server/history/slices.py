"""Slices of time: a range, and the grid on which it is cut.

Readings of a minute and of an hour are summarised when they are stored. A slice can be made of
such summaries when its edges are edges of minutes or hours of UTC, so ``even_slices`` puts them
there; only the two ends of the range may lie within one.
"""

from typing import NamedTuple

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Slices(NamedTuple):
    """``start_ms <= taken_at < end_ms`` in slices of equal width.

    The first and the last slice may reach beyond the range; nothing beyond it is in them.
    """

    start_ms: int
    end_ms: int
    first_ms: int
    """Where the first slice begins, UTC ms; not after the start."""
    width_ms: int

    @property
    def number(self) -> int:
        """How many slices there are, with those that hold nothing."""
        return max(0, -(-(self.end_ms - self.first_ms) // self.width_ms))

    @property
    def unit_ms(self) -> int:
        """The longest unit on whose edges all slices begin: hour, minute or 0: neither."""
        for unit in (HOUR_MS, MINUTE_MS):
            if self.first_ms % unit == 0 and self.width_ms % unit == 0:
                return unit
        return 0

    def around(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Return the range of the slices that hold something of a range, not an empty one."""
        width, first = self.width_ms, self.first_ms
        begin = first + (start_ms - first) // width * width
        return begin, first - (first - end_ms) // width * width


def exact_slices(start_ms: int, end_ms: int, number: int) -> Slices:
    """Return at most ``number`` slices that begin with the range."""
    return Slices(start_ms, end_ms, start_ms, max(1, -(-(end_ms - start_ms) // number)))


def slices_of_width(start_ms: int, end_ms: int, width_ms: int) -> Slices:
    """Return slices of this width, counted from 1970-01-01T00:00:00Z on."""
    return Slices(start_ms, end_ms, start_ms // width_ms * width_ms, width_ms)


def even_slices(start_ms: int, end_ms: int, number: int) -> Slices:
    """Return at most ``number`` slices, longer than a minute ones of whole minutes or hours.

    These are counted from 1970-01-01T00:00:00Z on, so they stay the same when the range moves.
    """
    exact = exact_slices(start_ms, end_ms, number)
    if exact.width_ms < MINUTE_MS:
        return exact
    unit = HOUR_MS if exact.width_ms > HOUR_MS else MINUTE_MS
    width = -(-exact.width_ms // unit) * unit
    while True:
        even = slices_of_width(start_ms, end_ms, width)
        if even.number <= max(number, 1):
            return even
        if number == 1:  # a range over an edge of every grid
            return Slices(start_ms, end_ms, start_ms // unit * unit, width + unit)
        width += unit
