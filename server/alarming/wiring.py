"""Everything that turns readings and time into alarms; built once, by the role ``ingest``."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

from config.classes import EquipmentClass
from config.server import ServerSettings
from server.alarming.announcements import AlarmNotifier
from server.alarming.link_watch import LinkWatch, engine_handlers, pipeline_handlers
from server.alarming.operator_actions import OperatorActions
from server.alarming.pipeline import TIMER_KINDS, AlarmPipeline
from server.alarming.retirement import Retirement
from server.alarming.rule_changes import RuleChanges
from server.alarming.timers import AlarmTimers
from server.alarming.warm_up import warm_up
from server.alarms.evaluation.engine import AlarmEngine, IsBehind
from server.alarms.evaluation.step import DELAY, LATE
from server.alarms.suppression.outages import Outages
from server.assets.asset import Asset
from server.assets.registry import Registry
from server.assets.series import Series
from server.core.clock import Clock
from server.core.isolation import ErrorIsolation
from server.core.records import Records
from server.core.sweep import Sweep
from server.core.timer_sweep import Handler, TimerSweep
from server.core.timers import DueTimer
from server.history.base import History, LastValue, Row, read_all

_PAGE = 50_000
"""Rows that are read from the history at once."""
_MOST_DELAYS = 10_000
"""Delays that are looked at in one sweep."""


def follow_series(engine: AlarmEngine, series: Series, asset: Asset) -> None:
    """Have the rules watch a series that the registry announces, or watch it no more."""
    if asset.is_watched(series.name):
        engine.attach(series, equipment_class=asset.equipment_class)
    else:
        engine.detach(series)


class Alarming:
    """The pipeline behind the alarm engine, and what runs when time has passed."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        records: Records,
        history: History,
        registry: Registry,
        engine: AlarmEngine,
        classes: Mapping[str, EquipmentClass],
        clock: Clock,
        receives: Callable[[], bool],
        is_behind: IsBehind,
        isolation: ErrorIsolation | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            settings: The server's; used are messages, alarms and work_orders.
            records: Where alarms, incidents, orders and messages go.
            history: What rules over several values look back at.
            registry: What is removed or retired is left alone.
            engine: Has the series of the registry.
            classes: Equipment classes with their rules.
            clock: Says what time it is.
            receives: Whether what the broker delivers is taken as it comes; silence proves nothing
                otherwise.
            is_behind: Whether what a gateway, by its key, said seconds ago is not evaluated yet.
            isolation: Where a bug that one row meets is kept.
        """
        self._records, self._classes, self._clock = records, classes, clock
        self._engine, self._history = engine, history
        notifier = AlarmNotifier(settings.messages, settings.alarms, settings.work_orders)
        outages = Outages(settings.alarms, announces_silence=engine.announces_silence)
        actions = OperatorActions(notifier, settings.alarms, outages=outages)
        whole = registry.shard.is_whole

        def knows(point_id: int) -> bool:
            return whole or registry.find(point_id) is not None

        def judges(timer: DueTimer) -> bool:
            # Every other timer is about rows alone: whichever process takes it does its work.
            return timer.kind not in TIMER_KINDS or knows(timer.payload["point_id"])

        mine = None if whole else judges
        self.pipeline = AlarmPipeline(
            records,
            engine,
            notifier,
            clock,
            outages=outages,
            is_behind=is_behind,
            knows=knows,
        )
        self._rules = RuleChanges(records, self.pipeline, classes, clock)
        timers = AlarmTimers(records, actions, notifier, clock)
        handlers: dict[str, Handler] = {LATE: self.pipeline.on_timer}
        handlers |= dict.fromkeys(timers.kinds, timers.on_timer)
        sweep = TimerSweep(records, handlers, clock, isolation=isolation, mine=mine)
        actions_due = Sweep("handling", timers.sweep, clock, interval_s=2, isolation=isolation)
        link = LinkWatch(
            clock,
            receives=receives,
            handlers=engine_handlers(engine) | pipeline_handlers(self.pipeline),
            on_silence=self.pipeline.on_silence,
            isolation=isolation,
        )
        # Unconfirmed delays stay due, so they have a sweep in which they hold up no
        # other timer; before it, whether anything may have been missed since the last one.
        delays = TimerSweep(
            records,
            {DELAY: self.pipeline.on_timer},
            clock,
            before=link.look,
            limit=_MOST_DELAYS,
            isolation=isolation,
            mine=mine,
        )
        retirement = Retirement(records, registry, actions, clock)
        retired = Sweep("retirement", retirement.sweep, clock, interval_s=1, isolation=isolation)
        self.works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "delays": delays.run,
            "timers": sweep.run,
            "rules": self._rules.run,
            "silence": link.run,
            "handling": actions_due.run,
            "retirement": retired.run,
        }
        self.checks: dict[str, Callable[[], bool]] = {
            "timers": lambda: delays.works and sweep.works and actions_due.works
        }
        """Whether what runs when time has passed works, by name."""

    def gateways_to_confirm(self) -> set[str]:
        """Return the keys of gateways that could say whether a running delay was interrupted."""
        return self._engine.gateways_to_confirm()

    def warm_up(self) -> None:
        """Do everything that follows from an alarm once, and take it back.

        Raises:
            StoreError: The records cannot be written.
        """
        warm_up(self._records, self.pipeline, self._classes, self._clock)

    def restore(self, newest: Iterable[LastValue] | None) -> None:
        """Remember what the records and the history hold; after the registry, before any sample.

        Args:
            newest: Last stored value of each series; None: the history cannot be asked, so rules
                over several values begin anew.

        Raises:
            StoreError: One of them cannot be read.
        """
        self._rules.apply()
        self.pipeline.restore()
        if newest is None:
            self._engine.warm_start(_no_rows)
        else:
            self._engine.warm_start(self._rows, newest=newest)

    def _rows(self, series_id: int, start: int, end: int) -> Iterator[Row]:
        return read_all(self._history, series_id, start, end, page=_PAGE)


def _no_rows(_series_id: int, _start: int, _end: int) -> Iterator[Row]:
    return iter(())
