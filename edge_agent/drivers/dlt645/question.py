"""What is asked of a meter: a data identifier, single or of a block (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from config.identifiers import IdentifierPoint
from edge_agent.drivers.question import Barrier
from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.identifiers import Item

_SPACE: Final = "identifier"


class IdentifierQuestion(NamedTuple):
    """One identifier.

    Attributes:
        identifier: As printed, high byte first.
        edition: Of the standard, which gives the length of the identifier.
        size: Bytes of data that its answer usually has.
        points: What is made of the answer.
    """

    identifier: int
    edition: Edition
    size: int
    points: tuple[str, ...]

    @property
    def table(self) -> Literal["identifier"]:
        """What an address is here."""
        return _SPACE

    @property
    def address(self) -> str:
        """The identifier as it is printed."""
        return f"{self.identifier:0{2 * IDENTIFIER_BYTES[self.edition]}X}"

    @property
    def length(self) -> int:
        """No limit of lengths is looked for: a meter sends what it has in follow-on frames."""
        return 0

    @property
    def weight(self) -> int:
        """How long its answer is, as a power of two of bytes."""
        return self.size.bit_length()

    @property
    def shape(self) -> int:
        """An answer says which identifier it is for."""
        return self.identifier

    @property
    def described(self) -> Mapping[str, object]:
        """The identifier, as a field of a log event."""
        return {"identifier": self.address}

    def halves(self, points: Mapping[str, IdentifierPoint]) -> "tuple[IdentifierQuestion, ...]":
        """Return the identifiers of a block, each for itself; a single one has no parts."""
        singles = singles_of({name: points[name] for name in self.points})
        return tuple(singles) if len(singles) > 1 else ()

    def apart(self, points: Mapping[str, IdentifierPoint]) -> "tuple[IdentifierQuestion, ...]":
        """Return nothing: identifiers do not overlap."""
        del points
        return ()

    def barrier(self, parts: Sequence["IdentifierQuestion"]) -> Barrier:
        """Return that its members are given, and the block is not."""
        del parts
        return Barrier(_SPACE, self.identifier)

    def crosses(self, barrier: Barrier) -> bool:
        """Whether it is the block that is known not to be given."""
        return barrier == (_SPACE, self.identifier)


def singles_of(points: Mapping[str, IdentifierPoint]) -> list[IdentifierQuestion]:
    """Return one question for each identifier and coding, in the order of the points."""
    groups: dict[object, list[str]] = {}
    for name, point in points.items():
        groups.setdefault((point.number, point.item.fields), []).append(name)
    return [_question(points[names[0]], tuple(names)) for names in groups.values()]


def of_block(block: Item, edition: Edition, names: Sequence[str]) -> IdentifierQuestion:
    """Return the question for a block."""
    return IdentifierQuestion(block.identifier, edition, block.expected_size, tuple(names))


def _question(point: IdentifierPoint, names: tuple[str, ...]) -> IdentifierQuestion:
    return IdentifierQuestion(point.number, point.edition, point.item.expected_size, names)
