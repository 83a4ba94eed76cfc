"""Shapes that several rooms show, and how an instant enters and leaves."""

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from config.base import Words
from config.people import Date
from protocols.exact_json import exact, exact_value
from server.assets.model import Point
from server.core.db import Base
from server.core.errors import InvalidError
from server.core.instant import parse_rfc3339, rfc3339
from server.live.values import LastValue, quality_now

if TYPE_CHECKING:
    from server.assets.state_words import StateWords

_WHOLE_TEXT = (
    "A whole number beyond -(2^53 - 1) to 2^53 - 1, which JavaScript would round, is a string of "
    "its decimal digits."
)


def _schema(*types: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": kind} for kind in types], "description": _WHOLE_TEXT})


JsonValue = Annotated[
    float | int | bool | str | None,
    PlainSerializer(exact_value),
    _schema("number", "integer", "boolean", "string", "null"),
]
"""A value of a point; whole numbers that a browser would round leave as text."""
JsonNumber = Annotated[
    float | int | None, PlainSerializer(exact_value), _schema("number", "integer", "string", "null")
]
"""A number of a point; likewise."""
JsonObject = Annotated[
    dict[str, Any],
    PlainSerializer(exact),
    WithJsonSchema({"type": "object", "additionalProperties": True, "description": _WHOLE_TEXT}),
]
"""Fields of a record; likewise."""

_DATE_TIME = WithJsonSchema({"type": "string", "format": "date-time"})


def _parse(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return parse_rfc3339(text)
    except InvalidError as error:
        raise ValueError(str(error)) from error


Instant = Annotated[int, PlainSerializer(rfc3339, return_type=str), _DATE_TIME]
"""UTC milliseconds inside, RFC 3339 outside."""
InstantIn = Annotated[int, BeforeValidator(_parse), _DATE_TIME]
"""The same, coming in."""
_DAY = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
Day = Annotated[Date, Field(pattern=_DAY)]
"""YYYY-MM-DD."""
Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why; it goes on record.")]
"""Why somebody does something."""


def _by_state(words: object) -> object:
    if not isinstance(words, tuple):
        return words
    return {state: Words(en=en, zh=zh) for state, en, zh in cast("StateWords", words)}


PointWords = Annotated[dict[str, Words], BeforeValidator(_by_state)]
"""State to what people say for it."""


class OfEquipment(BaseModel):
    """What belongs to a piece of equipment says which, in words too."""

    equipment_id: int
    equipment: str
    """Its key."""
    equipment_name_en: str
    equipment_name_zh: str


def fields_of(row: Base) -> dict[str, Any]:
    """Return the columns of a mapped row by name."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


class PointItem(BaseModel):
    """One value that a piece of equipment has."""

    id: int
    key: str
    equipment_id: int
    name: str
    unit: str
    name_en: str
    name_zh: str
    writable: bool
    """It may be commanded: POST /points/{id}/commands."""
    minimum: float | None
    maximum: float | None
    """Range of a command, in the unit."""
    interlock: str
    """What must hold before its gateway writes it, in the words of its file; empty: nothing."""
    words: PointWords
    """What people say for its states; where a state is missing: the words of its class."""

    @classmethod
    def of(cls, row: Point) -> "PointItem":
        """Show the row."""
        return cls.model_validate(row, from_attributes=True)


class LiveValue(BaseModel):
    """The last value of a point; believe it only when its quality is good."""

    point_id: int
    value: JsonValue
    quality: str
    """good, stale or bad."""
    reason: str
    """Why it is not good; empty when it is."""
    taken_at: Instant | None
    """When the equipment said so; null while it never has."""


def live_value(
    last: LastValue, *, max_silence_ms: int | None, now: int, online: bool = True
) -> LiveValue:
    """Show a last value; one that is overdue is stale, whatever it was when it came."""
    quality, reason = quality_now(last, max_silence_ms=max_silence_ms, now=now, online=online)
    return LiveValue(
        point_id=last.point_id,
        value=last.value,
        quality=quality.name.lower(),
        reason=reason,
        taken_at=last.taken_at or None,
    )
