"""Points to the fewest requests worth asking, and what a refused request teaches (pure).

A request costs its overhead plus its registers, needed or not; reading over a gap is right while
that is cheaper than one request more. The cheapest cut of the sorted points is found exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from config.errors import ConfigError
from config.points import Point, Table
from config.profiles import Limits
from edge_agent.drivers.timing import LineTiming

_BITS = frozenset({Table.COIL, Table.DISCRETE})


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


@dataclass(frozen=True)
class Learned:
    """What a device refused so far.

    Attributes:
        holes: Names of points whose own registers the device refuses.
        barriers: (table, address): no request may reach from below this address over it.
    """

    holes: frozenset[str] = frozenset()
    barriers: frozenset[tuple[Table, int]] = frozenset()

    def __or__(self, other: "Learned") -> "Learned":
        """Both together."""
        return Learned(self.holes | other.holes, self.barriers | other.barriers)


NOTHING = Learned()


def plan(
    points: Mapping[str, Point],
    *,
    limits: Limits,
    timing: LineTiming,
    learned: Learned = NOTHING,
) -> list[Block]:
    """Return the cheapest requests that read ``points`` once.

    Raises:
        ConfigError: A point is larger than the device's largest reply.
            That no point is outside the device's ranges was checked when the file was loaded.
    """
    blocks: list[Block] = []
    for table in Table:
        limit = limits.max_coils if table in _BITS else limits.max_registers
        spans = _spans(points, table, limit, learned.holes)
        barriers = _barriers(points, table, learned) | _borders(limits, table)
        unit_s = timing.register_s / 16 if table in _BITS else timing.register_s
        blocks += [
            _block(table, group)
            for group in _cheapest(spans, limit, barriers, timing.overhead_s, unit_s)
        ]
    return blocks


def _barriers(points: Mapping[str, Point], table: Table, learned: Learned) -> set[int]:
    barriers = {address for at, address in learned.barriers if at is table}
    # No request reads over a hole either; just behind its first register a neighbour still fits.
    holes = [points[name] for name in learned.holes if name in points]
    return barriers | {point.address + 1 for point in holes if point.table is table}


def _borders(limits: Limits, table: Table) -> set[int]:
    """Where a request must end because of the device file's ranges."""
    # No point is on a forbidden register, so not to cross the first one keeps off all of them.
    forbidden = {one.first for one in limits.forbidden if one.table is table}
    readable = [one for one in limits.readable if one.table is table]
    return forbidden.union(*({one.first, one.last + 1} for one in readable))


def _spans(
    points: Mapping[str, Point], table: Table, limit: int, holes: Iterable[str]
) -> list[Span]:
    spans: list[Span] = []
    for name, point in points.items():
        if point.table is not table or name in holes:
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


def _block(table: Table, group: Sequence[Span]) -> Block:
    start = group[0].start
    end = max(span.end for span in group)
    return Block(table, start, end - start, tuple(span.name for span in group))


def halves(block: Block, points: Mapping[str, Point]) -> tuple[Block, Block] | None:
    """Split a refused block where the hole most likely is: its widest gap, else the middle.

    Returns None where it cannot be split: one point, or points that share their registers.
    """
    spans = [Span(n, points[n].address, points[n].address + points[n].words) for n in block.points]
    best: tuple[int, int] | None = None
    middle = len(spans) / 2
    end = 0
    for index in range(1, len(spans)):
        end = max(end, spans[index - 1].end)
        gap = spans[index].start - end
        if gap < 0:
            continue
        nearer = best is not None and gap == best[0] and abs(index - middle) < abs(best[1] - middle)
        if best is None or gap > best[0] or nearer:
            best = (gap, index)
    if best is None:
        return None
    index = best[1]
    return _block(block.table, spans[:index]), _block(block.table, spans[index:])


@dataclass
class Bisection:
    """What one refused block taught while its pieces were asked, in one cycle."""

    refused: list[tuple[Block, int]] = field(default_factory=list[tuple[Block, int]])
    holes: set[str] = field(default_factory=set[str])

    def split(self, block: Block, points: Mapping[str, Point]) -> list[Block]:
        """Note that ``block`` was refused; return the pieces to ask now, none if it is a hole."""
        pieces = halves(block, points)
        if pieces is None:
            self.holes.update(block.points)
            return []
        self.refused.append((block, pieces[1].address))
        return list(pieces)

    def learned(self) -> Learned:
        """Explain each refusal: by a hole inside it, otherwise by the place where it was cut.

        The smallest come first: what explains a part explains the whole.
        """
        barriers: set[tuple[Table, int]] = set()
        for block, cut in sorted(self.refused, key=lambda refusal: refusal[0].size):
            inside = range(block.address + 1, block.address + block.size)
            known = any(table is block.table and at in inside for table, at in barriers)
            if self.holes.isdisjoint(block.points) and not known:
                barriers.add((block.table, cut))
        return Learned(frozenset(self.holes), frozenset(barriers))
