"""Data identifiers: what lies behind a number, single or as a block (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from protocols.dlt645.codes import IDENTIFIER_BYTES, Edition
from protocols.dlt645.fields import Field
from protocols.dlt645.rows import Confidence, Row, Span
from protocols.dlt645.table_1997 import ROWS as ROWS_1997
from protocols.dlt645.table_2007 import ROWS as ROWS_2007
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value

_ROWS: Final = {Edition.E2007: ROWS_2007, Edition.E1997: ROWS_1997}
_BLOCK_END: Final = 0xAA
_USUAL_TARIFFS: Final = 5  # the total and four of them


@dataclass(frozen=True, slots=True)
class Item:
    """What a meter sends for one identifier.

    Attributes:
        identifier: As printed, high byte first.
        name: Of the quantity.
        labels: A name for each value that ``decode`` returns; a block of tariffs has as many as the
            meter sends, so its values may be fewer.
        fields: Of one element; a maximum demand has its value and its time.
        is_block: Elements of several identifiers in one answer.
        usual: Elements that an answer usually has.
        bits: Names of the bits of a status word.
        confidence: How sure the layout is.
        source: Where it is written.
        doubt: What is not sure about it; empty when nothing is.
    """

    identifier: int
    name: str
    labels: tuple[str, ...]
    fields: tuple[Field, ...]
    is_block: bool = False
    usual: int = 1
    bits: Mapping[int, str] | None = None
    confidence: Confidence = Confidence.UNCONFIRMED
    source: str = ""
    doubt: str = ""

    @property
    def element_size(self) -> int:
        """Bytes of one element."""
        return sum(field.size for field in self.fields)

    @property
    def expected_size(self) -> int:
        """Bytes of data that an answer usually has, without the identifier."""
        return self.usual * self.element_size

    @property
    def unit(self) -> str:
        """Unit of the (first) value."""
        return self.fields[0].unit

    def with_field(self, field: Field) -> "Item":
        """Return it with another layout of its one value: scale, sign rule, order of letters."""
        return replace(self, fields=(field,))

    def decode(self, data: bytes) -> tuple[Value, ...]:
        """Return the values, in the sequence of ``labels``; None: the meter has no such value now.

        Raises:
            FrameError: The data are too long, too short, or no such value.
        """
        size = self.element_size
        if self.is_block and len(data) % size == 1 and data[-1] == _BLOCK_END:
            # Meters of 1997 end a block with AA.
            data = data[:-1]
        count, rest = divmod(len(data), size)
        most = len(self.labels) // len(self.fields) if self.is_block else 1
        if rest or not 1 <= count <= most:
            raise FrameError(f"{self.name}: {len(data)} bytes, expected {self.expected_size}")
        values: list[Value] = []
        at = 0
        for field in self.fields * count:
            values.append(field.decode(data[at : at + field.size]))
            at += field.size
        return tuple(values)

    def encode(self, values: Sequence[Value]) -> bytes:
        """Return the data of an answer, or of a write; ``decode`` gives the values again.

        Raises:
            ValueRangeError: There are too few or too many, or one does not fit.
        """
        count, rest = divmod(len(values), len(self.fields))
        if rest or not count or len(values) > len(self.labels):
            raise ValueRangeError(f"{self.name}: {len(values)} values for {self.labels}")
        fields = self.fields * count
        return b"".join(f.encode(value) for f, value in zip(fields, values, strict=True))

    def bits_of(self, word: int) -> tuple[str, ...]:
        """Return the names of the bits that are set in a status word; unnamed ones as bit_N."""
        names = self.bits or {}
        top = word.bit_length()
        return tuple(names.get(bit, f"bit_{bit}") for bit in range(top) if word >> bit & 1)


@lru_cache(maxsize=1024)
def item(edition: Edition, identifier: int) -> Item | None:
    """Return what an identifier means; None: no table has it."""
    for row in _ROWS[edition]:
        found = _found(row, edition, identifier)
        if found is not None:
            return found
    return None


def items(edition: Edition) -> Sequence[Item]:
    """Return one item of each row of the table, the first that the row stands for."""
    lowest = (row.lowest for row in _ROWS[edition])
    return [found for one in lowest if (found := item(edition, one)) is not None]


def _found(row: Row, edition: Edition, identifier: int) -> Item | None:
    spans = row.matched(identifier, 2 * IDENTIFIER_BYTES[edition])
    if spans is None:
        return None
    blocks = [span for span, number in spans if number is None]
    if len(blocks) > 1:
        return None
    suffixes = [""]
    for span, number in spans:
        names = span.names if number is None else (span.name_of(number),)
        suffixes = [f"{left}{right}" for left in suffixes for right in names]
    elements = [row.label(suffix) for suffix in suffixes]
    return Item(
        identifier=identifier,
        name=row.name if blocks else elements[0],
        labels=tuple(f"{one}{ending}" for one in elements for ending in row.endings),
        fields=row.fields,
        is_block=bool(blocks),
        usual=min(_usual(blocks), len(elements)),
        bits=row.bits_of(spans[0][1]) if spans else row.bits_of(None),
        confidence=row.confidence,
        source=row.source,
        doubt=row.doubt,
    )


def _usual(blocks: Sequence[Span]) -> int:
    return (_USUAL_TARIFFS if blocks[0].many else len(blocks[0].names)) if blocks else 1
