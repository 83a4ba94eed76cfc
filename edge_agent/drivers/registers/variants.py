"""Other requests that carry the points of a block (pure).

An answer says which function and how many registers it is for, not which. While one is outstanding
nothing else of its size is asked of that unit (ADR-26): a block is cut in two between its points,
or asked with some registers more than it needs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from config.points import Point, Table
from config.profiles import Limits
from edge_agent.drivers.question import Unavailable
from edge_agent.drivers.registers.plan import BITS, Block, Span, block_of, borders

_MOST_MORE: Final = 8  # registers, or bytes of bits
_BITS_OF_A_BYTE: Final = 8
_LAST_ADDRESS: Final = 65535
_REFUSED_FOR_S: Final = 3600.0
_BUSY_FOR_S: Final = 60.0
_SILENCES: Final = 2  # in a row; one may be a lost answer


class RegisterVariants:
    """How else the blocks of one device can be asked.

    Args:
        points: Its points.
        limits: What one request may ask.
        unavailable: Says what it does not give.

    Attributes:
        planned: The blocks that the device is asked for: what is in them is known to be readable.
    """

    def __init__(
        self, points: Mapping[str, Point], limits: Limits, unavailable: Callable[[], Unavailable]
    ) -> None:
        self.planned: Sequence[Block] = ()
        self._unavailable = unavailable
        self._points = points
        self._limits = limits
        self._spans_of = {
            name: Span(name, point.address, point.address + point.words)
            for name, point in points.items()
        }
        self._refused: dict[Block, float] = {}
        self._silent: dict[tuple[Table, int, int], int] = {}
        self._cuts: dict[Block, tuple[tuple[Block, Block], ...]] = {}
        self._wider: dict[Block, tuple[Block, ...]] = {}
        self._wider_of: tuple[object, object] = (None, None)

    def cuts(self, block: Block) -> Iterator[tuple[Block, Block]]:
        """Return each cut in two between points; those into unequal parts first.

        After one part was lost the other is still free to be asked.
        """
        cuts = self._cuts.get(block)
        if cuts is None:
            cuts = self._cuts[block] = self._cut(block)
        yield from cuts

    def wider(self, block: Block, now_s: float) -> Iterator[Block]:
        """Return the block with more registers around it than it needs, the safest first.

        Registers that no request was sent for yet may be refused; see ``refused``.
        """
        narrow = self.narrow(block)
        if narrow != block:
            yield narrow
        known = self._unavailable(), self.planned
        if any(now is not before for now, before in zip(known, self._wider_of, strict=True)):
            self._wider_of = known
            self._wider.clear()
        wider = self._wider.get(block)
        if wider is None:
            wider = self._wider[block] = self._widened(block, narrow)
        yield from (wide for wide in wider if not self._is_refused(wide, now_s))

    def narrow(self, block: Block) -> Block:
        """Return the block without registers beyond its points."""
        return block_of(block.table, self._spans(block))

    def refused(self, block: Block, now_s: float, *, permanent: bool = True) -> None:
        """Record that a device does not take a request for more than was needed."""
        for_s = _REFUSED_FOR_S if permanent else _BUSY_FOR_S
        kept = {one: until_s for one, until_s in self._refused.items() if until_s > now_s}
        self._refused = kept | {block: now_s + for_s}

    def silent(self, block: Block, now_s: float) -> None:
        """Record that a request for more than was needed was not answered."""
        place = _place(block)
        self._silent[place] = self._silent.get(place, 0) + 1
        if self._silent[place] >= _SILENCES:
            self.refused(block, now_s)

    def answered(self, block: Block) -> None:
        """Record that a request was answered."""
        if self._silent:
            self._silent.pop(_place(block), None)

    def _cut(self, block: Block) -> tuple[tuple[Block, Block], ...]:
        spans = self._spans(block)
        found: list[tuple[Block, Block]] = []
        end = 0
        for index in range(1, len(spans)):
            end = max(end, spans[index - 1].end)
            if spans[index].start >= end:
                first, rest = spans[:index], spans[index:]
                found.append((block_of(block.table, first), block_of(block.table, rest)))
        return tuple(sorted(found, key=lambda cut: cut[0].size == cut[1].size))

    def _widened(self, block: Block, narrow: Block) -> tuple[Block, ...]:
        step = _BITS_OF_A_BYTE if block.table in BITS else 1
        room = self._room(block)
        found: list[tuple[tuple[bool, bool, int], Block]] = []
        for more in range(step, _MOST_MORE * step + 1, step):
            for before in (0, more):
                wide = narrow._replace(address=narrow.address - before, size=narrow.size + more)
                if wide != block and room.holds(wide):
                    start = wide.address if before else narrow.address + narrow.size
                    found.append(((*self._risk(wide.table, start, more), more), wide))
        found.sort(key=lambda each: each[0])
        return tuple(wide for _, wide in found)

    def _spans(self, block: Block) -> list[Span]:
        return [self._spans_of[name] for name in block.points]

    def _is_refused(self, wide: Block, now_s: float) -> bool:
        return any(until > now_s and _within(one, wide) for one, until in self._refused.items())

    def _room(self, block: Block) -> "_Room":
        table, unavailable = block.table, self._unavailable()
        limits = self._limits.keeping_off(
            p for name, p in self._points.items() if p.clear_on_read and name not in block.points
        )
        most = limits.max_coils if table in BITS else limits.max_registers
        if unavailable.longest and table not in BITS:
            most = min(most, unavailable.longest)
        barriers = {at for where, at in unavailable.barriers if where == table}
        left_out = [name for name in unavailable.points if name in self._points]
        kept_off = [self._spans_of[n] for n in left_out if self._points[n].table is table]
        forbidden = [one for one in limits.forbidden if one.table is table]
        return _Room(
            most,
            barriers | borders(limits, table),
            [(span.start, span.end) for span in kept_off]
            + [(one.first, one.last + 1) for one in forbidden],
        )

    def _risk(self, table: Table, start: int, count: int) -> tuple[bool, bool]:
        """Whether registers are unknown, and whether they are points of their own."""
        asked = [
            (one.address, one.address + one.size) for one in self.planned if one.table is table
        ]
        known = any(begin <= start and start + count <= end for begin, end in asked)
        others = any(
            self._points[span.name].table is table
            and span.start < start + count
            and start < span.end
            for span in self._spans_of.values()
        )
        return not known, others


class _Room(NamedTuple):
    """Where a request of one table may reach.

    Attributes:
        most: Registers or bits of the longest request.
        borders: Addresses that it may not cross.
        kept_off: First and end (exclusive) of what it may not touch.
    """

    most: int
    borders: set[int]
    kept_off: list[tuple[int, int]]

    def holds(self, wide: Block) -> bool:
        """Whether the request stays within."""
        first, end = wide.address, wide.address + wide.size
        if first < 0 or end - 1 > _LAST_ADDRESS or wide.size > self.most:
            return False
        if any(first < at < end for at in self.borders):
            return False
        return not any(begin < end and first < stop for begin, stop in self.kept_off)


def _within(one: Block, other: Block) -> bool:
    """Whether a device that refuses the one refuses the other as well."""
    ends = one.address + one.size, other.address + other.size
    return one.table is other.table and other.address <= one.address and ends[0] <= ends[1]


def _place(block: Block) -> tuple[Table, int, int]:
    return block.table, block.address, block.size
