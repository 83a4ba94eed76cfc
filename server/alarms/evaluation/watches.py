"""Who watches what: the rules of each piece of equipment on its series."""

from collections.abc import Mapping
from dataclasses import replace

from config.conditions import UnreachableCondition
from server.alarms.evaluation.conditions import EVERYTHING
from server.alarms.evaluation.memory import Delays, Memory
from server.alarms.evaluation.rule_instance import PointWatches, RuleInstance, Unit
from server.alarms.evaluation.step import Step
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule
from server.assets.series import CONNECTION, Series


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
        """Watches of points that were removed or got another class; nobody claims them."""
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
        # A rule that nobody runs claims nothing; what is over still guards against repetitions.
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

    def withdraw_lost(self, step: Step) -> None:
        """Claim nothing any more for points that were removed or got another class."""
        if self.lost:
            for instance in self.lost:
                if instance.key not in self.instances:
                    step.withdraw(instance)
            step.lost_withdrawn = True

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
