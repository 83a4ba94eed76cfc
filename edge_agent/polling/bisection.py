"""Where the hole in a refused block is: it is cut, and its pieces are asked (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.points import Point, Table
from edge_agent.polling.plan import BITS, ILLEGAL_ADDRESS, Block, Learned, Span, block_of
from protocols.modbus import limits

NO_ANSWER: Final = 0
"""In the place of an exception code: the device says nothing to some of its registers."""

PERMANENT: Final = frozenset(
    {limits.ILLEGAL_FUNCTION, limits.ILLEGAL_ADDRESS, limits.ILLEGAL_VALUE, limits.DEVICE_FAILURE}
)
"""Codes with which devices refuse registers that they do not have."""

# They may speak of a whole table or of a broken device: registers are to blame only when others
# of the same block are answered.
_DOUBTFUL = frozenset({limits.ILLEGAL_FUNCTION, limits.DEVICE_FAILURE})
_LENGTHS_TRIED = 2  # one length in vain is explained as well by the place of the cut
_MOST_IN_VAIN = 14  # pieces of a doubtful block, two halves to eight eighths; then it is given up


def reason_of(code: int) -> str:
    """Return the reason of a reading that was refused with this code, a fixed word."""
    if code == NO_ANSWER:
        return "no_answer"
    return ILLEGAL_ADDRESS if code == limits.ILLEGAL_ADDRESS else f"refused_{code}"


def _spans(block: Block, points: Mapping[str, Point]) -> list[Span]:
    return [Span(n, points[n].address, points[n].address + points[n].words) for n in block.points]


def halves(block: Block, points: Mapping[str, Point]) -> tuple[Block, Block] | None:
    """Split a refused block where the hole most likely is: its widest gap, else the middle.

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
    """What refused blocks of one class taught while their pieces were asked, in one cycle.

    Attributes:
        lost: Points that could not be had in this cycle, and why.
        refused: Blocks that were cut, and where.
    """

    lost: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[tuple[Block, int]] = field(default_factory=list[tuple[Block, int]])
    _roots: dict[Block, Block] = field(default_factory=dict[Block, Block])
    _errors: dict[Block, str] = field(default_factory=dict[Block, str])
    _answered: set[Block] = field(default_factory=set[Block])
    _doubtful: set[Block] = field(default_factory=set[Block])
    _in_vain: dict[Block, int] = field(default_factory=dict[Block, int])
    _lengths: set[int] = field(default_factory=set[int])
    _silent: set[int] = field(default_factory=set[int])

    def split(
        self,
        block: Block,
        points: Mapping[str, Point],
        code: int = limits.ILLEGAL_ADDRESS,
        error: str = "",
    ) -> list[Block]:
        """Note that ``block`` was refused; return the pieces to ask now, none if it is a hole."""
        root = self._roots.setdefault(block, block)
        self._errors.setdefault(root, error)
        self._in_vain[root] = self._in_vain.get(root, -1) + 1
        if code in _DOUBTFUL:
            self._doubtful.add(root)
        if code == NO_ANSWER and block.table not in BITS:
            self._silent.add(block.size)
        blind = root in self._doubtful and root not in self._answered
        if blind and self._in_vain[root] >= _MOST_IN_VAIN:
            self.give_up(block, code, error)
            return []
        pieces = list(halves(block, points) or ())
        if pieces:
            self.refused.append((block, pieces[1].address))
        else:
            pieces = _apart(block, points)
        if not pieces:
            self.give_up(block, code, error)
        self._roots |= dict.fromkeys(pieces, root)
        return pieces

    def cut(self, block: Block, pieces: Sequence[Block]) -> None:
        """Note that ``block`` is asked in pieces, though nothing is known against it."""
        root = self._roots.setdefault(block, block)
        self._roots |= dict.fromkeys(pieces, root)

    def give_up(self, block: Block, code: int, error: str) -> None:
        """The points of ``block`` are lost in this cycle."""
        self._errors.setdefault(self._roots.setdefault(block, block), error)
        self.lost |= dict.fromkeys(block.points, reason_of(code))

    def answered(self, block: Block) -> None:
        """Note that ``block`` was answered, be it a piece of a refused one or not."""
        if block in self._roots:
            self._answered.add(self._roots[block])
            self._lengths.add(block.size)

    def in_vain(self, learned: Learned) -> list[Block]:
        """Return the blocks that were cut and taught nothing."""
        return [
            root
            for root, count in self._in_vain.items()
            if count and root not in self._answered and learned.unavailable.isdisjoint(root.points)
        ]

    def unexplained(self, learned: Learned) -> list[tuple[Block, str, str]]:
        """Return what was refused but is no hole: the block, the reason and the driver's words."""
        return [
            (root, self.lost[lost[0]], error)
            for root, error in self._errors.items()
            if (
                lost := [
                    one for one in root.points if one in self.lost.keys() - learned.unavailable
                ]
            )
        ]

    def learned(self, *, heard: bool = True) -> Learned:
        """Explain each refusal: by a hole inside it, otherwise by the place where it was cut.

        The smallest come first: what explains a part explains the whole. A device that refuses
        everything, as many do while they start, has no holes: nothing is learned unless something
        was answered.

        Args:
            heard: Whether the device answered anything else of the class in this cycle.
        """
        holes = {name: why for block in self._trusted(heard=heard) for name, why in block.items()}
        barriers: set[tuple[Table, int]] = set()
        for block, cut in sorted(self.refused, key=lambda refusal: refusal[0].size):
            if not self._trusts(self._roots[block], heard=heard):
                continue
            inside = range(block.address + 1, block.address + block.size)
            known = any(table is block.table and at in inside for table, at in barriers)
            if holes.keys().isdisjoint(block.points) and not known:
                barriers.add((block.table, cut))
        longest = 0 if holes else self._longest()
        if longest:
            barriers.clear()
        reasons = {(name, why) for name, why in holes.items() if why != ILLEGAL_ADDRESS}
        return Learned(frozenset(holes), frozenset(barriers), frozenset(reasons), longest)

    def _longest(self) -> int:
        """How many registers the device answers at once, if its silence is explained by that."""
        longest = max(self._lengths, default=0)
        plain = len(self._silent) >= _LENGTHS_TRIED and longest < min(self._silent)
        return longest if plain else 0

    def _trusts(self, root: Block, *, heard: bool) -> bool:
        return root in self._answered or (heard and root not in self._doubtful)

    def _trusted(self, *, heard: bool) -> list[dict[str, str]]:
        """Of each block whose refusal can be believed, its lost points."""
        return [
            {name: self.lost[name] for name in root.points if name in self.lost}
            for root in self._in_vain
            if self._trusts(root, heard=heard)
        ]
