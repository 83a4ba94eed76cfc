"""One rule watching one point, and what watches each point."""

from collections import deque
from dataclasses import dataclass, field

from protocols.reading import Value
from server.alarms.evaluation.conditions import EVERYTHING, NOTHING, Band, no_change_band, only
from server.alarms.evaluation.memory import Delays, Memory, Seen
from server.alarms.rules import Rule
from server.assets.series import Sample, Series

_REMEMBERED = 32
"""Values of a point; a backlog brings its own, so a few reach."""


@dataclass(slots=True, eq=False)
class RuleInstance:
    """One rule on one point; its memory is what the database holds."""

    rule: Rule
    series: Series
    memory: Memory = field(default_factory=Memory)
    delays: Delays = field(init=False)
    unconfirmed: Seen | None = None
    """What began a delay before an interruption of the server: its end may have been missed."""

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

    def is_unconfirmed(self, memory: Memory) -> bool:
        """Return whether the delay that runs in this memory may have ended unheard."""
        return memory.pending is not None and memory.pending == self.unconfirmed

    @property
    def after_ms(self) -> int | None:
        """Longest allowed silence; None when neither the rule nor the point says one."""
        after_s: float | None = getattr(self.rule.settings.condition, "after_s", None)
        if after_s is not None:
            return round(after_s * 1000)
        silence = self.series.max_silence_ms
        return None if silence is None else 3 * silence


@dataclass(slots=True, eq=False)
class PointWatches:
    """All that looks at one series."""

    series: Series
    instances: list[RuleInstance] = field(default_factory=list[RuleInstance])
    plain: list[RuleInstance] = field(default_factory=list[RuleInstance])
    """Those that need no other point."""
    with_expression: list[RuleInstance] = field(default_factory=list[RuleInstance])
    """Those with an expression that are on this point or read it."""
    last_evaluated: Value = None
    """The good value that was looked at last."""
    past: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=_REMEMBERED))
    """What was looked at lately, where expressions are: they ask for the value of back then."""

    def set_band(self) -> None:
        """Tell the ingest which values change nothing, tight enough to keep them away from here."""
        band = only(self.last_evaluated) if self._is_read() else EVERYTHING
        for instance in self.instances:
            band = band.meet(self._band_of(instance))
        self.series.no_change_low, self.series.no_change_high = band
        # The ingest thread may have handed over more meanwhile; that has to be seen in order.
        if self.series.undecided:
            self.series.no_change_low, self.series.no_change_high = NOTHING

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

    def _band_of(self, instance: RuleInstance) -> Band:
        memory = instance.memory
        # The end of a late run or of bad quality is inside every band, so all values are looked at.
        if memory.late is not None or memory.bad_since is not None:
            return NOTHING
        condition = instance.rule.settings.condition
        return no_change_band(
            condition, self.last_evaluated, held=memory.held, window=memory.window
        )

    def _is_read(self) -> bool:
        return any(self.series.name in instance.rule.reads for instance in self.with_expression)


@dataclass(slots=True, eq=False)
class Unit:
    """One piece of equipment as the rules see it."""

    equipment_class: str
    entries: dict[str, PointWatches] = field(default_factory=dict[str, PointWatches])
    with_expression: list[RuleInstance] = field(default_factory=list[RuleInstance])
    """Those with an expression."""

    def add(self, entry: PointWatches) -> None:
        """Take one more point and find out who looks at it, and at whom its watches look."""
        name = entry.series.name
        self.entries[name] = entry
        with_expression = [instance for instance in entry.instances if instance.rule.reads]
        self.with_expression += with_expression
        entry.plain = [instance for instance in entry.instances if not instance.rule.reads]
        entry.with_expression = [
            instance
            for instance in self.with_expression
            if instance in with_expression or name in instance.rule.reads
        ]
        entry.set_band()
        for instance in with_expression:
            for read in instance.rule.reads:
                other = self.entries.get(read)
                if other is not None and instance not in other.with_expression:
                    other.with_expression.append(instance)
                    other.set_band()

    def connect(self) -> None:
        """Find out who looks at which point, after any change."""
        self.with_expression = with_expression = [
            instance
            for entry in self.entries.values()
            for instance in entry.instances
            if instance.rule.reads
        ]
        for name, entry in self.entries.items():
            entry.plain = [instance for instance in entry.instances if not instance.rule.reads]
            entry.with_expression = [
                instance
                for instance in with_expression
                if instance.series is entry.series or name in instance.rule.reads
            ]
            entry.set_band()


def newest_of(series: Series) -> Sample:
    """Return the newest value that the series holds."""
    return Sample(series, series.last_value, series.last_quality, series.last_at)


def gateway_of(series: Series) -> str:
    """Return the key of the gateway of a series."""
    site, _, rest = series.key.partition("/")
    return f"{site}/{rest.partition('/')[0]}"
