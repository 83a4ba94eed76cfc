"""Rows of the tables of identifiers: a pattern of digits stands for many numbers (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.dlt645.fields import Field


class Confidence(StrEnum):
    """How sure an entry is."""

    CONFIRMED = "confirmed"
    """A real meter's frame with its value, or two sources that do not know of each other."""
    DOCUMENTED = "documented"
    """One document or one implementation."""
    UNCONFIRMED = "unconfirmed"
    """General knowledge; try it on the meter before anybody relies on it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Digits of a pattern that count something.

    Attributes:
        first: Lowest number.
        names: What each number from there on adds to the name of the row.
        has_block: All ones (F or FF) ask for all of them in one answer.
        many: A meter has fewer than there are numbers: the usual answer is shorter.
    """

    first: int
    names: tuple[str, ...]
    has_block: bool = True
    many: bool = False

    def name_of(self, number: int) -> str:
        """Return what a number adds to the name."""
        return self.names[number - self.first]

    def holds(self, number: int) -> bool:
        """Return whether it is one of these numbers."""
        return self.first <= number < self.first + len(self.names)


_PHASES: Final = ("_l1", "_l2", "_l3")
SPANS: Final[Mapping[str, Span]] = {
    # 2007: two digits each; 1997: one.
    "t": Span(0, ("", *(f"_t{number}" for number in range(1, 64))), many=True),
    "s": Span(0, ("", *(f"_settlement_{number}" for number in range(1, 13))), has_block=False),
    "p": Span(1, _PHASES),
    "q": Span(0, ("", *_PHASES)),
    "n": Span(1, tuple(f"_{number}" for number in range(1, 8))),
    "r": Span(0, ("", *(f"_t{number}" for number in range(1, 15))), many=True),
}
"""Letter of a pattern: tariff, settlement day, phase, total and phases, number, tariff of 1997."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of a table.

    Attributes:
        pattern: Digits of the identifier as printed; letters of ``SPANS`` stand for digits.
        name: Of the quantity; the canonical point where there is one.
        fields: Layout of one element.
        confidence: How sure the layout is.
        source: Where it is written.
        endings: What the name of each field adds; one for each field.
        bits: Names of the bits, by the number of a status word (0: the row has one word).
        doubt: What is not sure.
    """

    pattern: str
    name: str
    fields: tuple[Field, ...]
    confidence: Confidence
    source: str
    endings: tuple[str, ...] = ("",)
    bits: Mapping[int, Mapping[int, str]] | None = None
    doubt: str = ""

    @property
    def lowest(self) -> int:
        """The first identifier that it stands for."""
        digits = self.pattern
        for letter, span in SPANS.items():
            width = digits.count(letter)
            digits = digits.replace(letter * width, f"{span.first:0{width}X}") if width else digits
        return int(digits, 16)

    def matched(self, identifier: int, digits: int) -> list[tuple[Span, int | None]] | None:
        """Return the numbers that its letters have in an identifier, None for a block's.

        None when the identifier is not one of this row.
        """
        text = f"{identifier:0{digits}X}"
        if len(text) != len(self.pattern):
            return None
        parts: dict[str, str] = {}
        for sign, digit in zip(self.pattern, text, strict=True):
            if sign in SPANS:
                parts[sign] = parts.get(sign, "") + digit
            elif sign != digit:
                return None
        return _numbers(parts)

    def label(self, suffix: str) -> str:
        """Return the name of one element."""
        return f"{self.name}{suffix}"

    def bits_of(self, number: int | None) -> Mapping[int, str] | None:
        """Return the names of the bits of one status word."""
        return self.bits.get(number or 0) if self.bits else None


def _numbers(parts: Mapping[str, str]) -> list[tuple[Span, int | None]] | None:
    found: list[tuple[Span, int | None]] = []
    for letter, digits in parts.items():
        span, number = SPANS[letter], int(digits, 16)
        if span.has_block and not digits.strip("F"):
            found.append((span, None))
        elif span.holds(number):
            found.append((span, number))
        else:
            return None
    return found
