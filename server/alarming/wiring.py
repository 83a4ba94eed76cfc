"""Everything that turns readings and time into alarms, in one process: built once by the app."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from config.classes import EquipmentClass
from config.server import ServerSettings
from server.alarming.announcements import AlarmNotifier
from server.alarming.link_watch import LinkWatch, engine_handlers, pipeline_handlers
from server.alarming.operator_actions import OperatorActions
from server.alarming.pipeline import AlarmPipeline
from server.alarming.retirement import Retirement
from server.alarming.rule_changes import RuleChanges
from server.alarming.timers import AlarmTimers
from server.alarming.warm_up import warm_up
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.evaluation.step import DELAY, LATE
from server.alarms.rulebook import RuleBook
from server.alarms.suppression.outages import Outages
from server.assets.asset import Asset
from server.assets.registry import Registry
from server.assets.series import Series
from server.core.clock import Clock
from server.core.isolation import ErrorIsolation
from server.core.records import Records
from server.core.sweep import Sweep
from server.core.timer_sweep import Handler, TimerSweep
from server.history.base import History, Row, read_all

_PAGE = 50_000
"""Rows that are read from the history at once."""
_MOST_DELAYS = 10_000
"""Delays that are looked at in one sweep."""


class Alarming:
    """The alarm engine, the chain behind it, and what runs when time has passed."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        records: Records,
        history: History,
        classes: Mapping[str, EquipmentClass],
        clock: Clock,
        isolation: ErrorIsolation | None = None,
    ) -> None:
        self.hears: Callable[[], bool] = lambda: True
        """Whether the broker is connected and heard; silence proves nothing otherwise."""
        self._records, self._classes, self._clock = records, classes, clock
        notifier = AlarmNotifier(settings.messages, settings.alarms)
        catch_up_ms = round(settings.alarms.catch_up_s * 1000)
        self._engine = AlarmEngine(RuleBook(classes), clock, catch_up_ms=catch_up_ms)
        self._history = history
        outages = Outages(settings.alarms, announces_silence=self._engine.announces_silence)
        actions = self._actions = OperatorActions(notifier, settings.alarms, outages=outages)
        self.pipeline = AlarmPipeline(records, self._engine, notifier, clock, outages=outages)
        self._rules = RuleChanges(records, self.pipeline, classes, clock)
        timers = AlarmTimers(records, actions, clock)
        handlers: dict[str, Handler] = {LATE: self.pipeline.on_timer}
        handlers |= dict.fromkeys(timers.kinds, timers.on_timer)
        sweep = TimerSweep(records, handlers, clock, isolation=isolation)
        put_aside = Sweep("handling", timers.sweep, clock, interval_s=2, isolation=isolation)
        link = LinkWatch(
            clock,
            receives=self._hears,
            handlers=engine_handlers(self._engine) | pipeline_handlers(self.pipeline),
            on_silence=self.pipeline.on_silence,
            isolation=isolation,
        )
        # Unconfirmed delays stay due, so they have a sweep in which they stand in nobody's
        # way; before it, whether anything may have been missed since the last one.
        delays = TimerSweep(
            records,
            {DELAY: self.pipeline.on_timer},
            clock,
            before=link.look,
            limit=_MOST_DELAYS,
            isolation=isolation,
        )
        self.works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "delays": delays.run,
            "timers": sweep.run,
            "rules": self._rules.run,
            "silence": link.run,
            "handling": put_aside.run,
        }
        self.checks: dict[str, Callable[[], bool]] = {
            "timers": lambda: delays.works and sweep.works and put_aside.works
        }
        """Whether what runs when time has passed works, by name."""

    def follow(self, registry: Registry) -> None:
        """Leave alone what is removed or retired; call before ``works`` are started."""
        retirement = Retirement(self._records, registry, self._actions, self._clock)
        sweep = Sweep("retirement", retirement.sweep, self._clock, interval_s=1)
        self.works["retirement"] = sweep.run

    def _hears(self) -> bool:
        return self.hears()

    def set_behind(self, is_behind: Callable[[str], bool]) -> None:
        """Say how it is found out whether what a gateway said, by its key, is not judged yet."""
        self._engine.is_behind = is_behind

    def gateways_to_confirm(self) -> set[str]:
        """Return the keys of gateways that could say whether a running delay was interrupted."""
        return self._engine.gateways_to_confirm()

    def attach(self, series: Series, asset: Asset) -> None:
        """Watch a series that the registry announces, or watch it no more."""
        if asset.is_watched(series.name):
            self._engine.attach(series, equipment_class=asset.equipment_class)
        else:
            self._engine.detach(series)

    def warm_up(self) -> None:
        """Do everything that follows from an alarm once, and take it back.

        Raises:
            StoreError: The records cannot be written.
        """
        warm_up(self._records, self.pipeline, self._classes, self._clock)

    def restore(self) -> None:
        """Remember what the records and the history hold; after the registry, before any sample.

        Raises:
            StoreError: One of them cannot be read.
        """
        self._rules.apply()
        self.pipeline.restore()
        self._engine.warm_start(self._rows, newest=self._history.last_values())

    def _rows(self, series_id: int, start: int, end: int) -> Iterator[Row]:
        return read_all(self._history, series_id, start, end, page=_PAGE)
