"""Who watches what: one rule on one point, what watches each point, and the register of all."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from config.conditions import UnreachableCondition
from protocols.reading import Value
from server.alarms.evaluation.conditions import EVERYTHING, NOTHING, Band, no_change_band, only
from server.alarms.evaluation.memory import Delays, Memory, Seen
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule
from server.assets.series import CONNECTION, Sample, Series

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
    """The good value that was evaluated last."""
    past: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=_REMEMBERED))
    """What was evaluated lately, where expressions are: they need for the value of back then."""

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

        Args:
            known: What the message at hand says, if it says something of this point.
        """
        known_values = (*(() if known is None else (known,)), newest_of(self.series), *self.past)
        before = (sample for sample in known_values if sample.taken_at <= at)
        return max(before, key=lambda sample: sample.taken_at, default=None)

    def value_before(self) -> Sample | None:
        """Return the newest evaluated value; what came since is still to be evaluated."""
        return max(reversed(self.past), key=lambda sample: sample.taken_at, default=None)

    def _band_of(self, instance: RuleInstance) -> Band:
        memory = instance.memory
        # The end of a late run or of bad quality is inside every band, so all values are evaluated.
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


class WatchRegister:
    """Series with the rules that watch them; owned by the engine, under its lock."""

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self.units: dict[int, Unit] = {}
        self.by_series: dict[int, PointWatches] = {}
        self.instances: dict[tuple[str, int], RuleInstance] = {}
        self.silences: dict[tuple[str, int], RuleInstance] = {}
        self._restored: dict[tuple[str, int], Memory] = {}
        self.lost: list[RuleInstance] = []
        """Instances of points that were removed or got another class."""
        self._former: dict[tuple[str, int], RuleInstance] = {}

    def attach(self, series: Series, *, equipment_class: str) -> None:
        """Watch a series of equipment of that class; repeating it changes nothing."""
        unit = self._unit(series.equipment_id, equipment_class)
        known = unit.entries.get(series.name)
        if known is not None and known.series is series:
            return
        rules = self._rules(unit, series)
        entry = PointWatches(series)
        entry.instances = [
            self._instance(rule, series) for rule in rules if rule.point == series.name
        ]
        self.by_series[series.id] = entry
        unit.add(entry)
        if known is not None:
            unit.connect()

    def detach(self, series: Series) -> None:
        """Watch a series no more: what is claimed of it is withdrawn with the next step."""
        unit = self.units.get(series.equipment_id)
        entry = None if unit is None else unit.entries.pop(series.name, None)
        if unit is None or entry is None:
            return
        self._let_go(entry)
        unit.connect()

    def restore(self, memories: Mapping[tuple[str, int], Memory]) -> None:
        """Take over what the records hold, for series attached before and after."""
        self._former.clear()
        for key, instance in self.instances.items():
            instance.memory = memories.get(key, Memory())
            instance.unconfirmed = instance.memory.pending
        # A rule that does not run claims nothing; what is over still guards against repetitions.
        self._restored = {
            key: Memory(changed_at=memory.changed_at, seen_at=memory.changed_at)
            for key, memory in memories.items()
            if key not in self.instances
        }
        for entry in self.by_series.values():
            entry.set_band()

    def connections(self) -> list[Series]:
        """Return the connection series that a rule watches."""
        return [
            entry.series
            for entry in self.by_series.values()
            if entry.series.name == CONNECTION and entry.instances
        ]

    def of_connections(self) -> list[RuleInstance]:
        """Return the watches of lost connections."""
        return [
            instance
            for instance in self.instances.values()
            if isinstance(instance.rule.settings.condition, UnreachableCondition)
        ]

    def announces_silence(self, equipment_id: int) -> bool:
        """Return whether a rule says so when its connection is lost; also when it is unknown."""
        unit = self.units.get(equipment_id)
        entry = None if unit is None else unit.entries.get(CONNECTION)
        if entry is None:
            return True
        rules = [instance.rule for instance in entry.instances]
        return any(rule.of_communication and rule.settings.mode == "announce" for rule in rules)

    def replace_rules(self, book: RuleBook) -> tuple[list[RuleInstance], list[RuleInstance]]:
        """Apply other rules; return the watches that changed or are new, and those that are gone.

        A watch that stays keeps its memory, so an open alarm stays open.
        """
        self.book = book
        changed: list[RuleInstance] = []
        gone: list[RuleInstance] = []
        for unit in self.units.values():
            before = len(changed) + len(gone)
            for entry in unit.entries.values():
                self._replace(unit, entry, changed, gone)
            if len(changed) + len(gone) > before:
                unit.connect()
        return changed, gone

    def mark_unconfirmed(self) -> None:
        """What ends the delays that run now may be missed."""
        for instance in self.instances.values():
            if instance.memory.pending is not None:
                instance.unconfirmed = instance.memory.pending
                instance.series.stands_at = 0

    def unclaimed(self) -> list[RuleInstance]:
        """Return the lost instances that no newer one replaces."""
        return [instance for instance in self.lost if instance.key not in self.instances]

    def _replace(
        self, unit: Unit, entry: PointWatches, changed: list[RuleInstance], gone: list[RuleInstance]
    ) -> None:
        series = entry.series
        wanted = {rule.id: rule for rule in self._rules(unit, series) if rule.point == series.name}
        kept: list[RuleInstance] = []
        for instance in entry.instances:
            rule = wanted.pop(instance.rule.id, None)
            if rule is None:
                gone.append(instance)
                self._forget(instance)
                continue
            kept.append(instance)
            if rule.settings != instance.rule.settings:
                changed.append(instance)
            if type(rule.windowed) is not type(instance.rule.windowed):
                instance.memory = replace(instance.memory, window=None, late_window=None)
            instance.rule = rule
            instance.delays = Delays(on=rule.on_ms, off=rule.off_ms)
            self._note_silence(instance)
        fresh = [self._instance(rule, series) for rule in wanted.values()]
        changed.extend(fresh)
        entry.instances = [*kept, *fresh]

    def _rules(self, unit: Unit, series: Series) -> list[Rule]:
        return self.book.rules_of(
            unit.equipment_class,
            site=series.key.partition("/")[0],
            equipment_id=series.equipment_id,
        )

    def _unit(self, equipment_id: int, equipment_class: str) -> Unit:
        unit = self.units.get(equipment_id)
        if unit is not None and unit.equipment_class == equipment_class:
            return unit
        self.units[equipment_id] = Unit(equipment_class)
        if unit is not None:
            self._move(unit, equipment_class)
        return self.units[equipment_id]

    def _move(self, unit: Unit, equipment_class: str) -> None:
        """The equipment was born again with another class: other rules watch its points."""
        for entry in unit.entries.values():
            self._let_go(entry)
            self.attach(entry.series, equipment_class=equipment_class)

    def _let_go(self, entry: PointWatches) -> None:
        for instance in entry.instances:
            self._forget(instance)
            self.lost.append(instance)
        del self.by_series[entry.series.id]
        entry.series.no_change_low, entry.series.no_change_high = EVERYTHING

    def _forget(self, instance: RuleInstance) -> None:
        self._former[instance.key] = instance
        self.instances.pop(instance.key, None)
        self.silences.pop(instance.key, None)

    def _instance(self, rule: Rule, series: Series) -> RuleInstance:
        instance = RuleInstance(rule, series)
        former = self._former.pop(instance.key, None)
        known = self._restored.pop(instance.key, instance.memory)
        instance.memory = known if former is None else former.memory
        self.instances[instance.key] = instance
        self._note_silence(instance)
        return instance

    def _note_silence(self, instance: RuleInstance) -> None:
        if instance.rule.judged_by_silence:
            self.silences[instance.key] = instance
        else:
            self.silences.pop(instance.key, None)
