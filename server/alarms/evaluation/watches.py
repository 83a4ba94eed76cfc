"""Who watches what: the rules of each piece of equipment on its series."""

from collections.abc import Mapping
from dataclasses import replace

from config.conditions import UnreachableCondition
from server.alarms.evaluation.conditions import EVERYTHING
from server.alarms.evaluation.memory import Delays, Memory
from server.alarms.evaluation.rule_instance import Post, Unit, Watch
from server.alarms.evaluation.step import Step
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule
from server.assets.series import CONNECTION, Series


class Posts:
    """Series with the rules that watch them; owned by the engine, under its lock."""

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self.units: dict[int, Unit] = {}
        self.by_series: dict[int, Post] = {}
        self.watches: dict[tuple[str, int], Watch] = {}
        self.silences: dict[tuple[str, int], Watch] = {}
        self._restored: dict[tuple[str, int], Memory] = {}
        self.lost: list[Watch] = []
        """Watches of points that were removed or got another class; nobody claims them."""
        self._former: dict[tuple[str, int], Watch] = {}

    def attach(self, series: Series, *, equipment_class: str) -> None:
        """Watch a series of equipment of that class; repeating it changes nothing."""
        unit = self._unit(series.equipment_id, equipment_class)
        known = unit.posts.get(series.name)
        if known is not None and known.series is series:
            return
        rules = self._rules(unit, series)
        post = Post(series)
        post.watches = [self._watch(rule, series) for rule in rules if rule.point == series.name]
        self.by_series[series.id] = post
        unit.add(post)
        if known is not None:
            unit.connect()

    def detach(self, series: Series) -> None:
        """Watch a series no more: what is claimed of it is withdrawn with the next step."""
        unit = self.units.get(series.equipment_id)
        post = None if unit is None else unit.posts.pop(series.name, None)
        if unit is None or post is None:
            return
        self._let_go(post)
        unit.connect()

    def restore(self, memories: Mapping[tuple[str, int], Memory]) -> None:
        """Take over what the records hold, for series attached before and after."""
        self._former.clear()
        for key, watch in self.watches.items():
            watch.memory = memories.get(key, Memory())
            watch.doubted = watch.memory.pending
        # A rule that nobody runs claims nothing; what is over still guards against repetitions.
        self._restored = {
            key: Memory(changed_at=memory.changed_at, seen_at=memory.changed_at)
            for key, memory in memories.items()
            if key not in self.watches
        }
        for post in self.by_series.values():
            post.set_band()

    def connections(self) -> list[Series]:
        """Return the connection series that a rule watches."""
        return [
            post.series
            for post in self.by_series.values()
            if post.series.name == CONNECTION and post.watches
        ]

    def of_connections(self) -> list[Watch]:
        """Return the watches of lost connections."""
        return [
            watch
            for watch in self.watches.values()
            if isinstance(watch.rule.settings.condition, UnreachableCondition)
        ]

    def tells_of_silence(self, equipment_id: int) -> bool:
        """Return whether a rule says so when its connection is lost; also when it is unknown."""
        unit = self.units.get(equipment_id)
        post = None if unit is None else unit.posts.get(CONNECTION)
        if post is None:
            return True
        rules = [watch.rule for watch in post.watches]
        return any(rule.of_communication and rule.settings.mode == "announce" for rule in rules)

    def replace_rules(self, book: RuleBook) -> tuple[list[Watch], list[Watch]]:
        """Apply other rules; return the watches that changed or are new, and those that are gone.

        A watch that stays keeps its memory, so an open alarm stays open.
        """
        self.book = book
        changed: list[Watch] = []
        gone: list[Watch] = []
        for unit in self.units.values():
            before = len(changed) + len(gone)
            for post in unit.posts.values():
                self._replace(unit, post, changed, gone)
            if len(changed) + len(gone) > before:
                unit.connect()
        return changed, gone

    def doubt(self) -> None:
        """What ends the delays that run now may be missed."""
        for watch in self.watches.values():
            if watch.memory.pending is not None:
                watch.doubted = watch.memory.pending
                watch.series.stands_at = 0

    def withdraw_lost(self, step: Step) -> None:
        """Claim nothing any more for points that were removed or got another class."""
        if self.lost:
            for watch in self.lost:
                if watch.key not in self.watches:
                    step.withdraw(watch)
            step.lost_withdrawn = True

    def _replace(self, unit: Unit, post: Post, changed: list[Watch], gone: list[Watch]) -> None:
        series = post.series
        wanted = {rule.id: rule for rule in self._rules(unit, series) if rule.point == series.name}
        kept: list[Watch] = []
        for watch in post.watches:
            rule = wanted.pop(watch.rule.id, None)
            if rule is None:
                gone.append(watch)
                self._forget(watch)
                continue
            kept.append(watch)
            if rule.settings != watch.rule.settings:
                changed.append(watch)
            if type(rule.traced) is not type(watch.rule.traced):
                watch.memory = replace(watch.memory, trace=None, late_trace=None)
            watch.rule = rule
            watch.delays = Delays(on=rule.on_ms, off=rule.off_ms)
            self._note_silence(watch)
        fresh = [self._watch(rule, series) for rule in wanted.values()]
        changed.extend(fresh)
        post.watches = [*kept, *fresh]

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
        for post in unit.posts.values():
            self._let_go(post)
            self.attach(post.series, equipment_class=equipment_class)

    def _let_go(self, post: Post) -> None:
        for watch in post.watches:
            self._forget(watch)
            self.lost.append(watch)
        del self.by_series[post.series.id]
        post.series.quiet_low, post.series.quiet_high = EVERYTHING

    def _forget(self, watch: Watch) -> None:
        self._former[watch.key] = watch
        self.watches.pop(watch.key, None)
        self.silences.pop(watch.key, None)

    def _watch(self, rule: Rule, series: Series) -> Watch:
        watch = Watch(rule, series)
        former = self._former.pop(watch.key, None)
        known = self._restored.pop(watch.key, watch.memory)
        watch.memory = known if former is None else former.memory
        self.watches[watch.key] = watch
        self._note_silence(watch)
        return watch

    def _note_silence(self, watch: Watch) -> None:
        if watch.rule.judged_by_silence:
            self.silences[watch.key] = watch
        else:
            self.silences.pop(watch.key, None)
