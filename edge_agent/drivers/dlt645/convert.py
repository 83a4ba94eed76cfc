"""Answers of a meter to readings, compiled once per question (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final

from config.identifiers import IdentifierPoint
from edge_agent.drivers.dlt645.question import IdentifierQuestion
from edge_agent.drivers.question import Reader
from edge_agent.drivers.values import (
    NOT_AVAILABLE,
    UNDECODABLE,
    Finish,
    Unusable,
    believable,
    plain,
    reader_of,
    rounder,
    stater,
    usable,
)
from protocols.dlt645.fields import Kind
from protocols.dlt645.identifiers import Item, item
from protocols.errors import FrameError
from protocols.reading import Value

Raw = Value | Unusable
_BLOCK_END: Final = 0xAA


def compile_answer(question: IdentifierQuestion, points: Mapping[str, IdentifierPoint]) -> Reader:
    """Return a function of (data bytes, taken_at) that makes the readings of an answer."""
    chosen = [points[name] for name in question.points]
    own = chosen[0].number == question.identifier
    asked = chosen[0].item if own else item(question.edition, question.identifier)
    found = asked or chosen[0].item
    places = [one.part if own else found.labels.index(one.item.labels[one.part]) for one in chosen]

    def decode(data: Sequence[int]) -> list[Raw]:
        values = values_of(found, bytes(data))
        # A meter with fewer tariffs sends a shorter block.
        return [values[at] if at < len(values) else NOT_AVAILABLE for at in places]

    return reader_of(question.points, [_finisher(one) for one in chosen], decode)


def values_of(asked: Item, data: bytes) -> list[Raw]:
    """Return the values of an answer; what a damaged one has is told for each of them apart."""
    try:
        return [NOT_AVAILABLE if one is None else one for one in asked.decode(data)]
    except FrameError:
        pass
    size = asked.element_size
    if asked.is_block and len(data) % size == 1 and data[-1] == _BLOCK_END:
        data = data[:-1]
    if len(data) % size or (len(data) > size and not asked.is_block):
        return [UNDECODABLE] * len(asked.labels)
    values: list[Raw] = []
    at = 0
    for field in asked.fields * (len(data) // size):
        try:
            value = field.decode(data[at : at + field.size])
        except FrameError:
            value = UNDECODABLE
        values.append(NOT_AVAILABLE if value is None else value)
        at += field.size
    return values or [UNDECODABLE] * len(asked.labels)


def _finisher(point: IdentifierPoint) -> Finish:
    """Return raw value -> value or why it is none."""
    return usable(plain if point.factors else believable(point, _plain_finisher(point)))


def _plain_finisher(point: IdentifierPoint) -> Finish:
    if point.bit is not None:
        mask = (1 << point.width) - 1
        words = None if point.enum is None else stater(point.enum, None)
        bit, inverted = point.bit, point.inverted

        def part(raw: int) -> Raw:
            number = raw >> bit & mask
            return words(number) if words else bool(number) is not inverted

        return part
    if point.enum is not None:
        return stater(point.enum, None)
    if point.scale != 1.0 and point.layout.kind is Kind.NUMBER:
        scaled = rounder(point.scale, 0.0)
        digits = point.layout.decimals

        def exact(raw: float) -> Raw:
            # The meter's number is a whole one: 0.07 * 100 is 7 and not 7.000000000000001.
            whole = round(raw * 10**digits)
            value = scaled(whole)
            return value / 10**digits if isinstance(value, int | float) else value

        return exact
    return plain
