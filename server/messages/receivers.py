"""Who a message goes to and when it may disturb; pure values that every room may build."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

Language = Literal["zh", "en"]

CHINA = timezone(timedelta(hours=8), "CST")
"""The estates' own time; it has no summer time."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A person's night; ``begins`` after ``ends`` runs over midnight, equal means never."""

    begins: time
    ends: time
    zone: tzinfo = CHINA


@dataclass(frozen=True, slots=True)
class Receiver:
    """One way to one person (or one group): several of them in order are the fail-over.

    Attributes:
        name: Who it is; shown in the list of messages and written down as who acknowledged.
        channel: Name of a channel of the server file.
        address: E-mail address, or telephone number; robots mention it, webhooks ignore it.
    """

    name: str
    channel: str
    address: str = ""
    language: Language = "zh"
    quiet_hours: QuietHours | None = None


def quiet_row(quiet: QuietHours) -> dict[str, Any]:
    """Return quiet hours as a message's row keeps them."""
    zone = quiet.zone
    return {
        "begins": quiet.begins.isoformat(),
        "ends": quiet.ends.isoformat(),
        # Zones without a name have one distance from UTC, in minutes.
        "zone": zone.key if isinstance(zone, ZoneInfo) else _minutes(zone),
    }


def quiet_of(row: dict[str, Any] | None) -> QuietHours | None:
    """Return the quiet hours that a message's row keeps."""
    if row is None:
        return None
    zone = row["zone"]
    return QuietHours(
        time.fromisoformat(row["begins"]),
        time.fromisoformat(row["ends"]),
        ZoneInfo(zone) if isinstance(zone, str) else timezone(timedelta(minutes=zone)),
    )


def hold_until(quiet: QuietHours | None, severity: str, now: int) -> int:
    """Return when a message may leave, UTC ms: ``now``, or the end of the quiet hours.

    Urgent ones are never held back.
    """
    if quiet is None or severity == "urgent" or quiet.begins == quiet.ends:
        return now
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(quiet.zone)
    clock = local.time()
    over_midnight = quiet.begins > quiet.ends
    inside = (
        clock >= quiet.begins or clock < quiet.ends
        if over_midnight
        else quiet.begins <= clock < quiet.ends
    )
    if not inside:
        return now
    day = local.date()
    if over_midnight and clock >= quiet.begins:
        day += timedelta(days=1)
    ends = datetime.combine(day, quiet.ends, tzinfo=quiet.zone)
    # The hour that a clock change skips or repeats must not yield a moment that is over.
    return max(round(ends.timestamp() * 1000), now)


def _minutes(zone: tzinfo) -> float:
    distance = zone.utcoffset(None) or timedelta()
    return distance.total_seconds() / 60
