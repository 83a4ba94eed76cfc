"""UTC milliseconds as RFC 3339 text and back."""

from datetime import UTC, datetime
from functools import lru_cache

from server.core.errors import InvalidError

LAST = 253_402_300_799_999
"""The last instant that the text form can carry, UTC ms: end of the year 9999."""
_ENDS = tuple(f".{millis:03d}Z" for millis in range(1000))


def rfc3339(at: int) -> str:
    """UTC milliseconds as ``2026-11-22T09:53:13.123Z``; clipped to the years 1970-9999."""
    if not 0 <= at <= LAST:
        at = 0 if at < 0 else LAST
    return _second(at // 1000) + _ENDS[at % 1000]


@lru_cache(4096)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_rfc3339(text: str) -> int:
    """UTC milliseconds of an RFC 3339 instant; the offset is not optional.

    Raises:
        InvalidError: It is no instant, or has no offset.
    """
    try:
        # A '+' that was not escaped in a query string arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if moment.tzinfo is None:
            raise InvalidError(f"{text!r} has no offset; write 2026-11-22T09:53:13Z or +08:00")
        return int(moment.timestamp() * 1000 + 0.5)
    except (ValueError, OverflowError) as error:
        raise InvalidError(
            f"{text!r} is no RFC 3339 instant such as 2026-11-22T09:53:13.123Z"
        ) from error
