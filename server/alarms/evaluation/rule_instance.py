"""One rule watching one point, and what watches each point."""

from collections import deque
from dataclasses import dataclass, field

from protocols.reading import Value
from server.alarms.evaluation.conditions import EVERYTHING, NOTHING, Band, only, quiet_band
from server.alarms.evaluation.memory import Delays, Memory, Seen
from server.alarms.rules import Rule
from server.assets.series import Sample, Series

_REMEMBERED = 32
"""Values of a point; a backlog brings its own, so a few reach."""


@dataclass(slots=True, eq=False)
class Watch:
    """One rule on one point; its memory is what the database holds."""

    rule: Rule
    series: Series
    memory: Memory = field(default_factory=Memory)
    delays: Delays = field(init=False)
    doubted: Seen | None = None
    """What began a delay before the server was away or deaf: what ended it may have been missed."""

    def __post_init__(self) -> None:
        self.delays = Delays(on=self.rule.on_ms, off=self.rule.off_ms)

    @property
    def key(self) -> tuple[str, int]:
        """Rule and point, which name the open alarm."""
        return self.rule.id, self.series.id

    @property
    def gateway(self) -> str:
        """Key of the gateway from which its values come."""
        return gateway_of(self.series)

    def doubts(self, memory: Memory) -> bool:
        """Return whether the delay that runs in this memory may have ended unheard."""
        return memory.pending is not None and memory.pending == self.doubted

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
    past: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=_REMEMBERED))
    """What was looked at lately, where expressions are: they ask for the value of back then."""

    def set_band(self) -> None:
        """Tell the ingest which values change nothing, tight enough to keep them away from here."""
        band = only(self.looked) if self._is_read() else EVERYTHING
        for watch in self.watches:
            band = band.meet(self._band_of(watch))
        self.series.quiet_low, self.series.quiet_high = band
        # The ingest thread may have handed over more meanwhile; that has to be seen in order.
        if self.series.undecided:
            self.series.quiet_low, self.series.quiet_high = NOTHING

    def value_at(self, at: int, known: Sample | None = None) -> Sample | None:
        """Return the value in force at an event time; None when it is not known any more.

        Attributes:
            known: What the message at hand says, if it says something of this point.
        """
        said = (*(() if known is None else (known,)), newest_of(self.series), *self.past)
        before = (sample for sample in said if sample.taken_at <= at)
        return max(before, key=lambda sample: sample.taken_at, default=None)

    def value_before(self) -> Sample | None:
        """Return the newest value that was looked at; what came since is still to be looked at."""
        return max(reversed(self.past), key=lambda sample: sample.taken_at, default=None)

    def _band_of(self, watch: Watch) -> Band:
        memory = watch.memory
        # The end of a late run or of bad quality is inside every band, so all values are looked at.
        if memory.late is not None or memory.bad_since is not None:
            return NOTHING
        condition = watch.rule.settings.condition
        return quiet_band(condition, self.looked, held=memory.held, trace=memory.trace)

    def _is_read(self) -> bool:
        return any(self.series.name in watch.rule.reads for watch in self.guarded)


@dataclass(slots=True, eq=False)
class Unit:
    """One piece of equipment as the rules see it."""

    equipment_class: str
    posts: dict[str, Post] = field(default_factory=dict[str, Post])
    guarded: list[Watch] = field(default_factory=list[Watch])
    """Those with an expression."""

    def add(self, post: Post) -> None:
        """Take one more point and find out who looks at it, and at whom its watches look."""
        name = post.series.name
        self.posts[name] = post
        guarded = [watch for watch in post.watches if watch.rule.reads]
        self.guarded += guarded
        post.plain = [watch for watch in post.watches if not watch.rule.reads]
        post.guarded = [
            watch for watch in self.guarded if watch in guarded or name in watch.rule.reads
        ]
        post.set_band()
        for watch in guarded:
            for read in watch.rule.reads:
                other = self.posts.get(read)
                if other is not None and watch not in other.guarded:
                    other.guarded.append(watch)
                    other.set_band()

    def connect(self) -> None:
        """Find out who looks at which point, after any change."""
        self.guarded = guarded = [
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


def newest_of(series: Series) -> Sample:
    """Return the newest value that the series holds."""
    return Sample(series, series.last_value, series.last_quality, series.last_at)


def gateway_of(series: Series) -> str:
    """Return the key of the gateway of a series."""
    site, _, rest = series.key.partition("/")
    return f"{site}/{rest.partition('/')[0]}"
