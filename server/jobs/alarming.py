"""Everything that turns readings and time into alarms, in one process: built once by the app."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from config.classes import EquipmentClass
from config.server import ServerSettings
from server.alarms.engine import AlarmEngine
from server.alarms.outages import Outages
from server.alarms.rulebook import RuleBook
from server.alarms.step import DELAY
from server.announcing import Announcer
from server.assets.registry import Asset
from server.assets.series import Series
from server.chain import TIMER_KINDS, Chain
from server.core.clock import Clock
from server.core.records import Records
from server.handling import Handling
from server.history.base import History
from server.jobs.handling import HandlingTimers
from server.jobs.poison import Poison
from server.jobs.rehearsal import rehearse
from server.jobs.rule_changes import RuleChanges
from server.jobs.silence import SilenceSweep
from server.jobs.sweep import Sweep
from server.jobs.timers import Handler, TimerSweep

_MOST_ROWS = 100_000
"""Of one series, that a rule over several values looks at after a start."""


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
        poison: Poison | None = None,
    ) -> None:
        self.hears: Callable[[], bool] = lambda: True
        """Whether the broker is connected; silence proves nothing otherwise."""
        self._records, self._classes, self._clock = records, classes, clock
        announcer = Announcer(settings.messages, settings.alarms)
        handling = Handling(announcer, settings.alarms)
        self._engine = AlarmEngine(RuleBook(classes), clock)
        self._history = history
        outages = Outages(settings.alarms)
        self.chain = Chain(records, self._engine, announcer, clock, outages=outages)
        self._rules = RuleChanges(records, self.chain, classes, clock)
        timers = HandlingTimers(records, handling, clock)
        handlers: dict[str, Handler] = dict.fromkeys(TIMER_KINDS, self.chain.on_timer)
        handlers |= dict.fromkeys(timers.kinds, timers.on_timer)
        self._delays = TimerSweep(records, {DELAY: self.chain.on_timer}, clock, poison=poison)
        sweep = TimerSweep(records, handlers, clock, poison=poison)
        put_aside = Sweep("handling", timers.sweep, clock, interval_s=2, poison=poison)
        self.works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "timers": sweep.run,
            "rules": self._rules.run,
            "silence": SilenceSweep(self.chain, clock, hears=self._hears).run,
            "handling": put_aside.run,
        }
        self.checks: dict[str, Callable[[], bool]] = {
            "timers": lambda: sweep.works and put_aside.works
        }
        """Whether what runs when time has passed works, by name."""

    def _hears(self) -> bool:
        return self.hears()

    def attach(self, series: Series, asset: Asset) -> None:
        """Watch a series that the registry announces."""
        self._engine.attach(series, equipment_class=asset.equipment_class)

    def rehearse(self) -> None:
        """Do everything that follows from an alarm once, and take it back.

        Raises:
            StoreError: The records cannot be written.
        """
        rehearse(self._records, self.chain, self._classes, self._clock)

    def restore(self) -> None:
        """Remember what the records and the history hold; after the registry, before any sample.

        Raises:
            StoreError: One of them cannot be read.
        """
        self._rules.apply()
        self.chain.restore()
        self._engine.recall(
            lambda series, start, end: self._history.raw(series, start, end, _MOST_ROWS)
        )
        # Delays that were over while the server was away come before everything new. The other
        # timers ask what the newest values are, which the ingest has not read yet.
        while self._delays.sweep():
            pass
