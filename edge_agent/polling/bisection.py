"""Which points of a refused question are to blame: it is cut, its pieces are asked (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.drivers.question import Barrier, Question, Unavailable
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


@dataclass
class Bisection:
    """The search in the refused blocks of one class: their pieces are asked.

    Attributes:
        lost: Points that could not be had so far, and why.
        refused: Blocks that were cut, where, and the code of their refusal.
    """

    lost: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[tuple[Question, Barrier, int]] = field(
        default_factory=list[tuple[Question, Barrier, int]]
    )
    _roots: dict[Question, Question] = field(default_factory=dict[Question, Question])
    _errors: dict[Question, str] = field(default_factory=dict[Question, str])
    _answered: set[Question] = field(default_factory=set[Question])
    _ambiguous: set[Question] = field(default_factory=set[Question])
    _pieces_refused: dict[Question, int] = field(default_factory=dict[Question, int])
    _lengths: set[int] = field(default_factory=set[int])
    _silent: set[int] = field(default_factory=set[int])

    def split(
        self,
        block: Question,
        points: Mapping[str, Any],
        code: int = limits.ILLEGAL_ADDRESS,
        error: str = "",
    ) -> list[Question]:
        """Record a refused block; return the pieces to ask now, none if it is given up."""
        root = self._roots.setdefault(block, block)
        self._errors.setdefault(root, error)
        self._pieces_refused[root] = self._pieces_refused.get(root, -1) + 1
        if code in _AMBIGUOUS:
            self._ambiguous.add(root)
        if code == SILENT and block.length:
            self._silent.add(block.length)
        blind = root in self._ambiguous and root not in self._answered
        if blind and self._pieces_refused[root] >= _MOST_REFUSED:
            self.give_up(block, code, error)
            return []
        pieces = list(block.halves(points))
        if pieces:
            self.refused.append((block, block.barrier(pieces), code))
        else:
            pieces = list(block.apart(points))
        if not pieces:
            self.give_up(block, code, error)
        self._roots |= dict.fromkeys(pieces, root)
        return pieces

    def replace(self, block: Question, pieces: Sequence[Question]) -> None:
        """Record that ``block`` is asked in pieces for another reason than its refusal."""
        root = self._roots.setdefault(block, block)
        self._roots |= dict.fromkeys(pieces, root)

    def give_up(self, block: Question, code: int, error: str) -> None:
        """The points of ``block`` are lost in this cycle."""
        self._errors.setdefault(self._roots.setdefault(block, block), error)
        self.lost |= dict.fromkeys(block.points, reason_of(code))

    def answered(self, block: Question) -> None:
        """Record that ``block`` was answered, be it a piece of a refused one or not."""
        if block in self._roots:
            self._answered.add(self._roots[block])
            self._lengths.add(block.size)

    def fruitless(self, found: Unavailable) -> list[Question]:
        """Return the blocks that were cut although nothing was found in them."""
        return [
            root
            for root, count in self._pieces_refused.items()
            if count and root not in self._answered and found.points.keys().isdisjoint(root.points)
        ]

    def unexplained(self, unavailable: Unavailable) -> list[tuple[Question, str, str]]:
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
            known = any(block.crosses(one) for one in barriers)
            if points.keys().isdisjoint(block.points) and not known:
                barriers[cut] = reason_of(code)
        longest = 0 if points else self._longest()
        if longest:
            barriers.clear()
        return Unavailable(points, barriers, longest)

    def _longest(self) -> int:
        """How much the device answers at once, if its silence is explained by that."""
        longest = max(self._lengths, default=0)
        plain = len(self._silent) >= _LENGTHS_TRIED and longest < min(self._silent)
        return longest if plain else 0

    def _trusts(self, root: Question, *, heard: bool) -> bool:
        return root in self._answered or (heard and root not in self._ambiguous)

    def _trusted(self, *, heard: bool) -> list[dict[str, str]]:
        """Of each block whose refusal can be believed, its lost points."""
        return [
            {name: self.lost[name] for name in root.points if name in self.lost}
            for root in self._pieces_refused
            if self._trusts(root, heard=heard)
        ]
