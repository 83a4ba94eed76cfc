"""Points to the fewest requests worth asking (pure).

A request costs its overhead plus its registers, needed or not; reading over a gap is right while
that is cheaper than one request more. The cheapest cut of the sorted points is found exactly.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from config.errors import ConfigError
from config.points import Point, Table
from config.profiles import Limits
from config.protocol import Protocol
from edge_agent.drivers.question import ALL_AVAILABLE, Barrier, Unavailable
from edge_agent.drivers.timing import LineTiming

BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
"""Tables of one bit a place."""


class Span(NamedTuple):
    """Where a point is: ``start`` to ``end`` (exclusive) of a table."""

    name: str
    start: int
    end: int


class Block(NamedTuple):
    """One read request and the points that its reply carries, in order of address."""

    table: Table
    address: int
    size: int
    points: tuple[str, ...]

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.MODBUS

    @property
    def length(self) -> int:
        """Registers; of bits no limit is looked for."""
        return 0 if self.table in BITS else self.size

    @property
    def weight(self) -> int:
        """How long its reply is, as a power of two of registers."""
        return ((self.size + 15) // 16 if self.table in BITS else self.size).bit_length()

    @property
    def shape(self) -> tuple[Table, int]:
        """A reply says function and length, not address."""
        return self.table, (self.size + 7) // 8 if self.table in BITS else self.size

    @property
    def described(self) -> Mapping[str, object]:
        """Its registers, as fields of a log event."""
        return {
            "table": self.table.value,
            "first": self.address,
            "last": self.address + self.size - 1,
        }

    def halves(self, points: Mapping[str, Point]) -> "tuple[Block, ...]":
        """Split it at the most likely place: its widest gap, else the middle.

        Returns none where it cannot be split: one point, or points that share their registers.
        """
        spans = spans_of(self, points)
        best: tuple[int, int] | None = None
        middle = len(spans) / 2
        end = 0
        for index in range(1, len(spans)):
            end = max(end, spans[index - 1].end)
            gap = spans[index].start - end
            if gap < 0:
                continue
            off = abs(index - middle)
            nearer = best is not None and gap == best[0] and off < abs(best[1] - middle)
            if best is None or gap > best[0] or nearer:
                best = (gap, index)
        if best is None:
            return ()
        index = best[1]
        return block_of(self.table, spans[:index]), block_of(self.table, spans[index:])

    def apart(self, points: Mapping[str, Point]) -> "tuple[Block, ...]":
        """Return each distinct span on its own: points that overlap, and are not all refused."""
        groups: dict[tuple[int, int], list[Span]] = {}
        for span in spans_of(self, points):
            groups.setdefault((span.start, span.end), []).append(span)
        found = [block_of(self.table, group) for group in groups.values()]
        return tuple(found) if len(found) > 1 else ()

    def barrier(self, parts: "Sequence[Block]") -> Barrier:
        """Return the place where it was cut."""
        return Barrier(self.table, parts[1].address)

    def crosses(self, barrier: Barrier) -> bool:
        """Whether it reaches over this place."""
        inside = range(self.address + 1, self.address + self.size)
        return barrier.space == self.table and barrier.address in inside


NO_POINTS: Final[Mapping[str, Point]] = {}


def plan(
    points: Mapping[str, Point],
    *,
    limits: Limits,
    timing: LineTiming,
    unavailable: Unavailable = ALL_AVAILABLE,
    others: Mapping[str, Point] = NO_POINTS,
) -> list[Block]:
    """Return the cheapest requests that read ``points`` once.

    Args:
        points: They.
        limits: What one request may ask.
        timing: What a request costs.
        unavailable: What the device does not give.
        others: Points that are read by other requests; what is emptied by being read is kept off.

    Raises:
        ConfigError: A point is larger than the device's largest reply.
            That no point is outside the device's ranges was checked when the file was loaded.
    """
    blocks: list[Block] = []
    limits = limits.keeping_off(
        point for name, point in others.items() if point.clear_on_read and name not in points
    )
    for table in Table:
        limit = limits.max_coils if table in BITS else limits.max_registers
        if unavailable.longest and table not in BITS:
            asked = points.keys() - unavailable.points.keys()
            widest = max((points[one].words for one in asked), default=1)
            limit = min(limit, max(unavailable.longest, widest))
        spans = _spans(points, table, limit, unavailable.points)
        barriers = _barriers(points, table, unavailable) | borders(limits, table)
        unit_s = timing.register_s / 16 if table in BITS else timing.register_s
        blocks += [
            block_of(table, group)
            for group in _cheapest(spans, limit, barriers, timing.overhead_s, unit_s)
        ]
    return blocks


def _barriers(points: Mapping[str, Point], table: Table, unavailable: Unavailable) -> set[int]:
    barriers = {address for at, address in unavailable.barriers if at == table}
    # No request reads over an unavailable register either; just behind its first one a neighbour
    # still fits.
    left_out = [points[name] for name in unavailable.points if name in points]
    return barriers | {point.address + 1 for point in left_out if point.table is table}


def borders(limits: Limits, table: Table) -> set[int]:
    """Where a request must end because of the device file's ranges."""
    # No point is on a forbidden register, so not to cross the first one keeps off all of them.
    forbidden = {one.first for one in limits.forbidden if one.table is table}
    readable = [one for one in limits.readable if one.table is table]
    return forbidden.union(*({one.first, one.last + 1} for one in readable))


def _spans(
    points: Mapping[str, Point], table: Table, limit: int, left_out: Collection[str]
) -> list[Span]:
    spans: list[Span] = []
    for name, point in points.items():
        if point.table is not table or name in left_out:
            continue
        if point.words > limit:
            message = f"points.{name}: {point.words} registers, but limits allow {limit} a request"
            raise ConfigError(message)
        spans.append(Span(name, point.address, point.address + point.words))
    return sorted(spans, key=lambda span: (span.start, span.end, span.name))


def _cheapest(
    spans: Sequence[Span], limit: int, barriers: set[int], overhead: float, unit: float
) -> list[Sequence[Span]]:
    """Cut the sorted spans into groups at the least total cost.

    ``best[i]`` is the cost of the first i spans; the last group is tried at every length that fits.
    """
    best = [0.0]
    cut = [0]
    for stop in range(1, len(spans) + 1):
        end = 0
        cheapest, where = float("inf"), stop - 1
        for start in range(stop - 1, -1, -1):
            end = max(end, spans[start].end)
            first = spans[start].start
            if end - first > limit:
                break
            if any(first < address < end for address in barriers):
                break
            cost = best[start] + overhead + (end - first) * unit
            if cost < cheapest:
                cheapest, where = cost, start
        best.append(cheapest)
        cut.append(where)
    groups: list[Sequence[Span]] = []
    stop = len(spans)
    while stop:
        groups.append(spans[cut[stop] : stop])
        stop = cut[stop]
    return groups[::-1]


def spans_of(block: Block, points: Mapping[str, Point]) -> list[Span]:
    """Return where the points of a block are."""
    return [Span(n, points[n].address, points[n].address + points[n].words) for n in block.points]


def block_of(table: Table, group: Sequence[Span]) -> Block:
    """Return the request for these spans, which are in order of address."""
    start = group[0].start
    end = max(span.end for span in group)
    return Block(table, start, end - start, tuple(span.name for span in group))
