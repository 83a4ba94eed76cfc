"""One rule watching one point, and what watches each point."""

from dataclasses import dataclass, field

from protocols.reading import Value
from server.alarms.conditions import EVERYTHING, NOTHING, Band, only, quiet_band
from server.alarms.memory import Delays, Memory
from server.alarms.rules import Rule
from server.assets.series import Series


@dataclass(slots=True, eq=False)
class Watch:
    """One rule on one point; its memory is what the database holds."""

    rule: Rule
    series: Series
    memory: Memory = field(default_factory=Memory)
    delays: Delays = field(init=False)

    def __post_init__(self) -> None:
        self.delays = Delays(on=self.rule.on_ms, off=self.rule.off_ms)

    @property
    def key(self) -> tuple[str, int]:
        """Rule and point, which name the open alarm."""
        return self.rule.id, self.series.id

    @property
    def after_ms(self) -> int | None:
        """Longest allowed silence; None when neither the rule nor the point says one."""
        after_s: float | None = getattr(self.rule.settings.condition, "after_s", None)
        if after_s is not None:
            return round(after_s * 1000)
        silence = self.series.max_silence_ms
        return None if silence is None else 3 * silence


@dataclass(slots=True, eq=False)
class Post:
    """All that looks at one series."""

    series: Series
    watches: list[Watch] = field(default_factory=list[Watch])
    plain: list[Watch] = field(default_factory=list[Watch])
    """Those that need no other point."""
    guarded: list[Watch] = field(default_factory=list[Watch])
    """Those with an expression that are on this point or read it."""
    looked: Value = None
    """The good value that was looked at last."""

    def set_band(self) -> None:
        """Tell the ingest which values change nothing, tight enough to keep them away from here."""
        band = only(self.looked) if self.guarded and self._read_by_others() else EVERYTHING
        for watch in self.watches:
            band = band.meet(self._band_of(watch))
        self.series.quiet_low, self.series.quiet_high = band

    def _band_of(self, watch: Watch) -> Band:
        memory = watch.memory
        # The end of a late run or of bad quality is inside every band, so all values are looked at.
        if memory.late is not None or memory.bad_since is not None:
            return NOTHING
        condition = watch.rule.settings.condition
        return quiet_band(condition, self.looked, held=memory.held, trace=memory.trace)

    def _read_by_others(self) -> bool:
        return any(self.series.name in watch.rule.reads for watch in self.guarded)


@dataclass(slots=True, eq=False)
class Unit:
    """One piece of equipment as the rules see it."""

    equipment_class: str
    posts: dict[str, Post] = field(default_factory=dict[str, Post])

    def connect(self) -> None:
        """Find out who looks at which point."""
        guarded = [
            watch for post in self.posts.values() for watch in post.watches if watch.rule.reads
        ]
        for name, post in self.posts.items():
            post.plain = [watch for watch in post.watches if not watch.rule.reads]
            post.guarded = [
                watch
                for watch in guarded
                if watch.series is post.series or name in watch.rule.reads
            ]
            post.set_band()
