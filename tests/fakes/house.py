"""A server's chain over real records, and words to talk about it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from config.classes import EquipmentClass
from config.server import MessageSettings, WebhookSettings
from protocols.reading import Quality, Value
from server.access.model import User
from server.alarming.announcements import AlarmNotifier
from server.alarming.link_watch import LinkWatch, engine_handlers, pipeline_handlers
from server.alarming.operator_actions import OperatorActions
from server.alarming.pipeline import TIMER_KINDS, AlarmPipeline
from server.alarming.rule_changes import RuleChanges
from server.alarming.timers import AlarmTimers
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.model import Alarm
from server.alarms.overrides import Place, put_override
from server.alarms.repository import facts_of
from server.alarms.rulebook import RuleBook
from server.alarms.suppression.outages import Outages
from server.assets.series import Series
from server.core.model import Event, Timer
from server.core.records import Records
from server.core.timer_sweep import Handler, TimerSweep
from server.incidents.model import Incident
from server.incidents.service import acknowledge
from server.messages.model import Message
from server.workorders.clock import DUE
from server.workorders.model import WorkOrder, WorkOrderEvidence
from server.workorders.service import transition
from tests.databases import spare_syncs
from tests.fakes.agent_clock import FakeClock
from tests.fakes.pump_room import CLASSES, install, sample


def receiver(name: str, *severities: Any) -> WebhookSettings:
    more = {"severities": severities} if severities else {}
    return WebhookSettings.model_validate(
        {"name": name, "url": "http://127.0.0.1:9/", "secret_file": "secret", **more}
    )


SETTINGS = MessageSettings(webhooks=(receiver("duty"), receiver("chief", "urgent")))


MINUTE = 60_000


T = TypeVar("T")


def renewed(series: Series) -> Series:
    """The series as a new process knows it."""
    return Series(
        series.id,
        key=series.key,
        name=series.name,
        equipment_id=series.equipment_id,
        max_silence_ms=series.max_silence_ms,
    )


class House:
    """A server's chain over real records; ``restart`` forgets everything but them."""

    classes: Mapping[str, EquipmentClass] = CLASSES
    settings = AlarmSettings()
    outlets = SETTINGS
    number = 1
    """How many pumps there are."""

    def __init__(self, url: str, *, number: int | None = None) -> None:
        self.number = number or self.number
        self.url = url
        self.clock = FakeClock()
        self.start = self.clock.now_ms()
        self.records = Records.open(url)
        spare_syncs(self.records)
        self.pumps = install(self.records, self.number)
        self.records.write(self._add_logins)
        self.boot()

    def _add_logins(self, session: Session) -> None:
        """Those who take orders in the tests."""
        now = self.clock.now_ms()
        for name in ("wang", "li", "zhao", "sun"):
            session.add(User(name=name, password_hash="", role="operator", created_at=now))

    def boot(self) -> None:
        self.engine = AlarmEngine(RuleBook(self.classes), self.clock)
        notifier = self.notifier = AlarmNotifier(self.outlets, self.settings)
        outages = Outages(self.settings, announces_silence=self.engine.announces_silence)
        self.actions = OperatorActions(notifier, self.settings, outages=outages)
        self.pipeline = AlarmPipeline(
            self.records, self.engine, notifier, self.clock, outages=outages
        )
        self.series = self.pumps[0]
        for pump in self.pumps:
            for one in pump.values():
                self.engine.attach(one, equipment_class="pump")
        self.rules = RuleChanges(self.records, self.pipeline, self.classes, self.clock)
        self.rules.apply()
        self.pipeline.restore()
        handlers: dict[str, Handler] = dict.fromkeys(TIMER_KINDS, self.pipeline.on_timer)
        self.handling_timers = AlarmTimers(self.records, self.actions, notifier, self.clock)
        handlers |= dict.fromkeys(self.handling_timers.kinds, self.handling_timers.on_timer)
        self.timers = TimerSweep(self.records, handlers, self.clock)

    def restart(self) -> None:
        self.pumps = [{name: renewed(one) for name, one in pump.items()} for pump in self.pumps]
        self.boot()

    def see(
        self,
        point: str,
        value: Value,
        at: float,
        *,
        late: bool = False,
        quality: Quality = Quality.GOOD,
    ) -> None:
        series = self.series[point]
        taken_at = self.start + round(at * 1000)
        if taken_at > series.last_at:
            series.last_at, series.last_value, series.last_quality = taken_at, value, quality
        self.pipeline.on_samples([sample(series, value, taken_at, quality=quality, late=late)])

    def born(self, point: str, at: float) -> None:
        """A birth says that the point's newest value is the one of back then."""
        self.series[point].stands_at = self.start + round(at * 1000)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.sweep()

    def count(self, table: type[Any]) -> int:
        return self.records.read(
            lambda session: session.scalar(select(func.count()).select_from(table)) or 0
        )

    def timers_besides_orders(self) -> int:
        """Timers that run, without those of the clocks of orders."""
        others = select(func.count()).select_from(Timer).where(Timer.kind != DUE)
        return self.records.read(lambda session: session.scalar(others) or 0)

    def all(self, table: type[Any]) -> list[Any]:
        """All rows, as they were written: PostgreSQL moves those that change."""
        query = select(table).order_by(*table.__table__.primary_key.columns)
        return self.records.read(lambda session: list(session.scalars(query)))

    def kinds(self) -> list[str]:
        return self.records.read(
            lambda session: list(session.scalars(select(Event.kind).order_by(Event.id)))
        )

    def do(self, work: Callable[[Session], T]) -> T:
        """One transaction, as a request would make it."""
        return self.records.write(work)

    def alarm(self, alarm_id: int = 1) -> Alarm:
        return self.records.read(lambda session: session.get_one(Alarm, alarm_id))

    def all_open_alarms(self) -> list[int]:
        """Ids of the alarms that are not closed."""
        query = select(Alarm.id).where(Alarm.closed_at.is_(None))
        return self.records.read(lambda session: list(session.scalars(query)))

    def state(self, alarm_id: int = 1) -> str:
        return str(facts_of(self.alarm(alarm_id)).state)

    def change_rule(
        self,
        rule: str,
        changes: dict[str, Any],
        *,
        scope: str = "class",
        target: str = "",
        kind: str = "pump",
    ) -> None:
        """What a PUT does, and the process that hears of it."""
        place = Place(f"{kind}.{rule}", scope, target)
        self.do(
            lambda session: put_override(
                session,
                place,
                changes=changes,
                reason="",
                by="li",
                expected=None,
                now=self.clock.now_ms(),
            )
        )
        assert self.rules.apply()

    def shelve(self, alarm_id: int = 1, *, minutes: float = 30) -> None:
        self.do(
            lambda session: self.actions.shelve(
                session,
                alarm_id,
                until=self.clock.now_ms() + round(minutes * MINUTE),
                reason="test run",
                by="li",
                now=self.clock.now_ms(),
            )
        )

    def acknowledge(self, alarm_id: int = 1) -> None:
        self.records.write(
            lambda session: acknowledge(
                session, alarm_id, by="li", comment="seen", now=self.clock.now_ms()
            )
        )

    def walk(self, to: str, **more: Any) -> WorkOrder:
        return self.records.write(
            lambda session: transition(
                session, 1, to=to, by="wang", now=self.clock.now_ms(), **more
            )
        )


def link_watch(house: House, receives: Callable[[], bool]) -> LinkWatch:
    """What follows the connection of a house's server."""
    return LinkWatch(
        house.clock,
        receives=receives,
        handlers=engine_handlers(house.engine) | pipeline_handlers(house.pipeline),
        on_silence=house.pipeline.on_silence,
    )


ONE_OF_EACH = {
    "alarms": 1,
    "incidents": 1,
    "work_orders": 1,
    "work_order_evidence": 1,
    "messages": 1,
}


def counts(house: House) -> dict[str, int]:
    tables = (Alarm, Incident, WorkOrder, WorkOrderEvidence, Message)
    return {table.__tablename__: house.count(table) for table in tables}
