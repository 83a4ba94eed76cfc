"""What is kept in memory of each point: its last value and the band in which nothing happens."""

from typing import NamedTuple

from protocols.reading import Quality, Value

CONNECTION = "connection"
"""Name of the synthetic boolean point that says whether the equipment answers."""


class Series:
    """One point while the server runs; owned by the ingest thread.

    ``no_change_low <= value <= no_change_high`` with good quality needs no look at the rules. The
    alarm engine sets the band: all numbers when no rule watches, empty (low > high) when every
    value must be seen. A boolean counts as 0 or 1; text is always looked at unless unwatched.
    The band is about now: a late value is looked at unless the series is unwatched (the band is
    all numbers). Who hands a value to the rules counts it as ``undecided`` and empties the band,
    in this order, so that the values behind it follow; the engine sets it again.
    """

    __slots__ = (
        "equipment_id",
        "id",
        "instant",
        "key",
        "last_at",
        "last_quality",
        "last_reason",
        "last_value",
        "max_silence_ms",
        "name",
        "no_change_high",
        "no_change_low",
        "seen_at",
        "stands_at",
        "undecided",
    )

    def __init__(
        self, series_id: int, *, key: str, name: str, equipment_id: int, max_silence_ms: int | None
    ) -> None:
        self.id = series_id
        self.key = key
        self.name = name
        self.equipment_id = equipment_id
        self.max_silence_ms = max_silence_ms
        self.no_change_low = float("-inf")
        self.no_change_high = float("inf")
        self.last_value: Value = None
        self.last_quality = Quality.STALE
        self.last_reason = "never_seen"
        self.last_at = 0
        """Event time of the newest stored value, UTC ms; 0 = none."""
        self.seen_at = 0
        """Server time at which it arrived, UTC ms; staleness is judged by it."""
        self.stands_at = 0
        """Event time of the value that the last birth said is the newest, UTC ms; 0 = none."""
        self.instant: tuple[int, dict[tuple[object, ...], int]] | None = None
        """An instant of which several values were said, and how often each was; as
        server/ingest/instants.py keeps it."""
        self.undecided = 0
        """Values that were handed to the rules and are not judged yet."""


class Sample(NamedTuple):
    """A reading that has found its series."""

    series: Series
    value: Value
    quality: Quality
    taken_at: int
    reason: str = ""
    late: bool = False
    """Older than what the series already holds, or marked historical."""
    heard_at: int = 0
    """Server time at which it arrived, UTC ms; 0: just now."""
    before_at: int = 0
    """Event time of the newest value before it, UTC ms; 0: not known. The same instant: a further
    value of it, which is news although it is not newer."""
