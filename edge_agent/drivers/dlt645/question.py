"""What is asked of a meter: a data identifier, single or of a block (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.identifiers import IdentifierPoint
from config.protocol import Protocol
from edge_agent.drivers.identified import IdentifiedQuestion
from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.identifiers import Item


@dataclass(frozen=True)
class IdentifierQuestion(IdentifiedQuestion):
    """One identifier.

    Attributes:
        edition: Of the standard, which gives the length of the identifier.
    """

    edition: Edition

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.DLT645

    @property
    def digits(self) -> int:
        """Hexadecimal digits of the identifier as it is printed."""
        return 2 * IDENTIFIER_BYTES[self.edition]

    def halves(self, points: Mapping[str, IdentifierPoint]) -> "Sequence[IdentifierQuestion]":
        """Return the identifiers of a block, each for itself; a single one has no parts."""
        singles = singles_of({name: points[name] for name in self.points})
        return singles if len(singles) > 1 else ()


def singles_of(points: Mapping[str, IdentifierPoint]) -> list[IdentifierQuestion]:
    """Return one question for each identifier and coding, in the order of the points."""
    groups: dict[object, list[str]] = {}
    for name, point in points.items():
        groups.setdefault((point.number, point.item.fields), []).append(name)
    return [_question(points[names[0]], tuple(names)) for names in groups.values()]


def of_block(block: Item, edition: Edition, names: Sequence[str]) -> IdentifierQuestion:
    """Return the question for a block."""
    return IdentifierQuestion(block.identifier, block.expected_size, tuple(names), edition)


def _question(point: IdentifierPoint, names: tuple[str, ...]) -> IdentifierQuestion:
    return IdentifierQuestion(point.number, point.item.expected_size, names, point.edition)
