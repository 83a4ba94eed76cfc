"""Sets of journal offsets as closed ranges: small however many offsets they hold."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""First and last offset, both included."""


class RangeSet:
    """Offsets as sorted, disjoint, never touching closed ranges."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int) -> None:
        """Add a closed range; an empty one (last < first) changes nothing."""
        if last < first:
            return
        low = bisect_left(self._lasts, first - 1)
        high = low
        while high < len(self._firsts) and self._firsts[high] <= last + 1:
            high += 1
        if high > low:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def discard(self, first: int, last: int) -> None:
        """Take a closed range out."""
        if last < first:
            return
        low = bisect_left(self._lasts, first)
        high = low
        left: list[Range] = []
        while high < len(self._firsts) and self._firsts[high] <= last:
            if self._firsts[high] < first:
                left.append((self._firsts[high], first - 1))
            if self._lasts[high] > last:
                left.append((last + 1, self._lasts[high]))
            high += 1
        self._firsts[low:high] = [item[0] for item in left]
        self._lasts[low:high] = [item[1] for item in left]

    def update(self, ranges: Iterable[Range]) -> None:
        """Add many ranges."""
        for first, last in ranges:
            self.add(first, last)

    def coarsen(self, limit: int) -> None:
        """Close the smallest gaps until at most ``limit`` ranges are left.

        Only for sets where an offset too many costs nothing but work.
        """
        while len(self._firsts) > limit:
            gaps = [self._firsts[at + 1] - self._lasts[at] for at in range(len(self._firsts) - 1)]
            at = gaps.index(min(gaps))
            del self._lasts[at], self._firsts[at + 1]

    def clear(self) -> None:
        """Forget everything."""
        self._firsts.clear()
        self._lasts.clear()

    def lowest(self) -> Range | None:
        """Return the range with the lowest offsets."""
        return (self._firsts[0], self._lasts[0]) if self._firsts else None

    def __contains__(self, offset: int) -> bool:
        at = bisect_left(self._lasts, offset)
        return at < len(self._firsts) and self._firsts[at] <= offset

    def __iter__(self) -> Iterator[Range]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    def __len__(self) -> int:
        return len(self._firsts)
