"""Which registers of a refused block are to blame: it is cut, its pieces are asked (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.points import Point
from edge_agent.polling.plan import BITS, Barrier, Block, Span, Unavailable, block_of
from protocols.modbus import limits

SILENT: Final = 0
"""In the place of an exception code: the device does not answer."""

NO_ANSWER: Final = "no_answer"
"""Why a point is not read to which the device says nothing."""

UNKNOWN: Final = "unknown"
"""Why a point is not read that an earlier version left out without a reason."""

PERMANENT: Final = frozenset(
    {limits.ILLEGAL_FUNCTION, limits.ILLEGAL_ADDRESS, limits.ILLEGAL_VALUE, limits.DEVICE_FAILURE}
)
"""Codes with which devices refuse registers that they do not have."""

# They may speak of a whole table or of a broken device: registers are to blame only when others
# of the same block are answered.
_AMBIGUOUS = frozenset({limits.ILLEGAL_FUNCTION, limits.DEVICE_FAILURE})
_LENGTHS_TRIED = 2  # one length that is not answered is explained as well by the place of the cut
_MOST_REFUSED = (
    14  # pieces with an ambiguous code, two halves to eight eighths; then it is given up
)


def reason_of(code: int) -> str:
    """Return the reason of a reading that was refused with this code, a fixed word."""
    if code == SILENT:
        return NO_ANSWER
    return "illegal_address" if code == limits.ILLEGAL_ADDRESS else f"refused_{code}"


def _spans(block: Block, points: Mapping[str, Point]) -> list[Span]:
    return [Span(n, points[n].address, points[n].address + points[n].words) for n in block.points]


def halves(block: Block, points: Mapping[str, Point]) -> tuple[Block, Block] | None:
    """Split a refused block at the most likely place: its widest gap, else the middle.

    Returns None where it cannot be split: one point, or points that share their registers.
    """
    spans = _spans(block, points)
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
    return block_of(block.table, spans[:index]), block_of(block.table, spans[index:])


def _apart(block: Block, points: Mapping[str, Point]) -> list[Block]:
    """Each distinct span of a block on its own: points that overlap, and are not all refused."""
    groups: dict[tuple[int, int], list[Span]] = {}
    for span in _spans(block, points):
        groups.setdefault((span.start, span.end), []).append(span)
    return [block_of(block.table, group) for group in groups.values()] if len(groups) > 1 else []


@dataclass
class Bisection:
    """The search in the refused blocks of one class: their pieces are asked.

    Attributes:
        lost: Points that could not be had so far, and why.
        refused: Blocks that were cut, where, and the code of their refusal.
    """

    lost: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[tuple[Block, int, int]] = field(default_factory=list[tuple[Block, int, int]])
    _roots: dict[Block, Block] = field(default_factory=dict[Block, Block])
    _errors: dict[Block, str] = field(default_factory=dict[Block, str])
    _answered: set[Block] = field(default_factory=set[Block])
    _ambiguous: set[Block] = field(default_factory=set[Block])
    _pieces_refused: dict[Block, int] = field(default_factory=dict[Block, int])
    _lengths: set[int] = field(default_factory=set[int])
    _silent: set[int] = field(default_factory=set[int])

    def split(
        self,
        block: Block,
        points: Mapping[str, Point],
        code: int = limits.ILLEGAL_ADDRESS,
        error: str = "",
    ) -> list[Block]:
        """Record a refused block; return the pieces to ask now, none if it is given up."""
        root = self._roots.setdefault(block, block)
        self._errors.setdefault(root, error)
        self._pieces_refused[root] = self._pieces_refused.get(root, -1) + 1
        if code in _AMBIGUOUS:
            self._ambiguous.add(root)
        if code == SILENT and block.table not in BITS:
            self._silent.add(block.size)
        blind = root in self._ambiguous and root not in self._answered
        if blind and self._pieces_refused[root] >= _MOST_REFUSED:
            self.give_up(block, code, error)
            return []
        pieces = list(halves(block, points) or ())
        if pieces:
            self.refused.append((block, pieces[1].address, code))
        else:
            pieces = _apart(block, points)
        if not pieces:
            self.give_up(block, code, error)
        self._roots |= dict.fromkeys(pieces, root)
        return pieces

    def replace(self, block: Block, pieces: Sequence[Block]) -> None:
        """Record that ``block`` is asked in pieces for another reason than its refusal."""
        root = self._roots.setdefault(block, block)
        self._roots |= dict.fromkeys(pieces, root)

    def give_up(self, block: Block, code: int, error: str) -> None:
        """The points of ``block`` are lost in this cycle."""
        self._errors.setdefault(self._roots.setdefault(block, block), error)
        self.lost |= dict.fromkeys(block.points, reason_of(code))

    def answered(self, block: Block) -> None:
        """Record that ``block`` was answered, be it a piece of a refused one or not."""
        if block in self._roots:
            self._answered.add(self._roots[block])
            self._lengths.add(block.size)

    def fruitless(self, found: Unavailable) -> list[Block]:
        """Return the blocks that were cut although nothing was found in them."""
        return [
            root
            for root, count in self._pieces_refused.items()
            if count and root not in self._answered and found.points.keys().isdisjoint(root.points)
        ]

    def unexplained(self, unavailable: Unavailable) -> list[tuple[Block, str, str]]:
        """Return the blocks that lost points which stay in the plan, the reason and the error."""
        return [
            (root, self.lost[lost[0]], error)
            for root, error in self._errors.items()
            if (
                lost := [
                    one for one in root.points if one in self.lost and one not in unavailable.points
                ]
            )
        ]

    def found(self, *, heard: bool = True) -> Unavailable:
        """Explain each refusal: by a point inside it, otherwise by the place where it was cut.

        The smallest come first: what explains a part explains the whole. A device that refuses
        everything, as many do while they start, explains nothing: nothing is found unless
        something was answered.

        Args:
            heard: Whether the device answered anything else of the class in this cycle.
        """
        points = {name: why for block in self._trusted(heard=heard) for name, why in block.items()}
        barriers: dict[Barrier, str] = {}
        for block, cut, code in sorted(self.refused, key=lambda refusal: refusal[0].size):
            if not self._trusts(self._roots[block], heard=heard):
                continue
            inside = range(block.address + 1, block.address + block.size)
            known = any(table is block.table and at in inside for table, at in barriers)
            if points.keys().isdisjoint(block.points) and not known:
                barriers[Barrier(block.table, cut)] = reason_of(code)
        longest = 0 if points else self._longest()
        if longest:
            barriers.clear()
        return Unavailable(points, barriers, longest)

    def _longest(self) -> int:
        """How many registers the device answers at once, if its silence is explained by that."""
        longest = max(self._lengths, default=0)
        plain = len(self._silent) >= _LENGTHS_TRIED and longest < min(self._silent)
        return longest if plain else 0

    def _trusts(self, root: Block, *, heard: bool) -> bool:
        return root in self._answered or (heard and root not in self._ambiguous)

    def _trusted(self, *, heard: bool) -> list[dict[str, str]]:
        """Of each block whose refusal can be believed, its lost points."""
        return [
            {name: self.lost[name] for name in root.points if name in self.lost}
            for root in self._pieces_refused
            if self._trusts(root, heard=heard)
        ]
