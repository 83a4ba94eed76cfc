"""A reading as cells of text, and back: the value beside the word for its type."""

import math
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from protocols.reading import Quality, Value
from server.core.errors import InvalidError

KINDS = ("number", "integer", "boolean", "text")
"""Types of values; an empty cell is a reading without a value."""
LARGEST = 2**64 - 1
SMALLEST = -(2**63)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_NANOSECONDS = re.compile(r"[0-9]{19}")
"""Since 1970, of the years 2001 to 2286."""
_QUALITIES = {one.name.lower(): one for one in Quality}


def kind_of(value: Value) -> str:
    """Return the word for the type of a value; empty for none."""
    match value:
        case None:
            return ""
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case _:
            return "text"


def text_of(value: Value) -> str:
    """Return a value as text that ``value_of`` reads back to the last digit."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case _:
            return str(value)


def value_of(text: str, kind: str) -> Value:
    """Read a value.

    Args:
        text: As ``text_of`` writes it, or as people do.
        kind: One of ``KINDS``, or empty.

    Raises:
        InvalidError: It is none; the message says what is expected.
    """
    match kind:
        case "":
            if text:
                raise InvalidError(f"{text!r} has no type; expected one of {', '.join(KINDS)}")
            return None
        case "text":
            return text
        case "boolean":
            found = _BOOLEANS.get(text.strip().lower())
            if found is None:
                raise InvalidError(f"expected true or false, got {text!r}")
            return found
        case "integer":
            return _integer(text)
        case "number":
            try:
                return float(text)
            except ValueError:
                raise InvalidError(f"expected a number such as 21.5, got {text!r}") from None
        case _:
            raise InvalidError(f"expected one of {', '.join(KINDS)}, got {kind!r}")


def quality_of(text: str) -> Quality:
    """Read a quality.

    Raises:
        InvalidError: It is none.
    """
    found = _QUALITIES.get(text.strip().lower())
    if found is None:
        raise InvalidError(f"expected one of {', '.join(_QUALITIES)}, got {text!r}")
    return found


def time_text(at: int, zone: ZoneInfo) -> str:
    """Return UTC ms as ``2026-11-29T12:52:00.000+08:00``."""
    moment = datetime.fromtimestamp(at // 1000, zone)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}{_offset(moment)}"


def time_of(text: str, zone: ZoneInfo | None) -> int:
    """Read an instant; return UTC ms, rounded.

    Args:
        text: ISO 8601, with or without an offset; or nanoseconds since 1970, as InfluxDB writes it.
        zone: Of what has no offset; None: it must have one.

    Raises:
        InvalidError: It is no instant, or not one: it has no offset, or clocks were changed then.
    """
    text = text.strip()
    if _NANOSECONDS.fullmatch(text):
        return (int(text) + 500_000) // 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(
            f"expected an instant such as 2026-11-29T12:52:00+08:00, got {text!r}"
        ) from None
    if moment.tzinfo is None:
        if zone is None:
            raise InvalidError(f"{text!r} has no offset: write +08:00 behind it, or --time-zone")
        moment = only_moment(moment, zone)
    return math.floor(moment.timestamp() * 1000 + 0.5)


def only_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which clocks of a zone show this.

    Raises:
        InvalidError: They never do, or twice, since they are changed.
    """
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    shown = datetime.fromtimestamp(first.timestamp(), zone).replace(tzinfo=None)
    when = "twice" if shown == wall.replace(fold=0) else "never"
    raise InvalidError(f"'{wall}' is {when} in {zone.key}: write the offset behind it")


def _integer(text: str) -> int:
    try:
        found = int(text)
    except ValueError:
        found = _whole(text)
    if not SMALLEST <= found <= LARGEST:
        raise InvalidError(f"expected {SMALLEST} to {LARGEST}, got {text!r}")
    return found


def _whole(text: str) -> int:
    """21.0 is whole too, as other programs write it."""
    try:
        number = float(text)
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise InvalidError(f"expected a whole number, got {text!r}")


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"
