"""The server's alarm chain over real records, at instants that are long past."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from plantroom.week.happenings import Deed
from server.alarming.announcements import AlarmNotifier
from server.alarming.operator_actions import OperatorActions
from server.alarming.pipeline import TIMER_KINDS, AlarmPipeline
from server.alarming.timers import AlarmTimers
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.suppression.outages import Outages
from server.assets.series import Sample
from server.core.model import Timer
from server.core.records import Records
from server.core.timer_sweep import Handler, TimerSweep
from server.incidents import escalation
from server.incidents.model import Incident
from server.incidents.service import acknowledge_incident
from server.jobs.escalation import EscalationTimers
from server.messages.attempts import mark_delivered
from server.messages.model import UNDER_WAY, Message
from server.workorders.model import WorkOrder
from server.workorders.service import has_arrived, needs_arrival, transition
from server.workorders.states import OrderState, next_states

T = TypeVar("T")


class PastClock:
    """A clock that stands where it was put."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def put(self, now_ms: int) -> None:
        """Say that it is another time; never earlier."""
        self._now_ms = max(now_ms, self._now_ms)

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        return self._now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""
        self.put(self._now_ms + round(seconds * 1000))


class PastChain:
    """From samples to alarms, incidents, orders and calls; nothing leaves the machine."""

    def __init__(
        self,
        settings: ServerSettings,
        records: Records,
        engine: AlarmEngine,
        clock: PastClock,
    ) -> None:
        self._records, self._clock = records, clock
        notifier = AlarmNotifier(settings.messages, settings.alarms, settings.work_orders)
        outages = Outages(settings.alarms, announces_silence=engine.announces_silence)
        actions = OperatorActions(notifier, settings.alarms, outages=outages)
        self._pipeline = AlarmPipeline(records, engine, notifier, clock, outages=outages)
        timers = AlarmTimers(records, actions, notifier, clock)
        calls = EscalationTimers(records, settings.messages, clock)
        handlers: dict[str, Handler] = dict.fromkeys(TIMER_KINDS, self._pipeline.on_timer)
        handlers |= dict.fromkeys(timers.kinds, timers.on_timer)
        handlers |= dict.fromkeys(escalation.TIMER_KINDS, calls.on_timer)
        self._timers = TimerSweep(records, handlers, clock)

    def see(self, samples: Sequence[Sample], now_ms: int) -> None:
        """Judge samples at their time, and do what is due by then.

        Raises:
            StoreError: The records cannot be written.
        """
        self._clock.put(now_ms)
        self._pipeline.on_samples(samples)
        self._do_what_is_due()

    def is_settled(self) -> bool:
        """Return whether no delay of a rule runs: nothing follows from what was seen so far."""
        running = select(Timer.key).where(Timer.kind.in_(TIMER_KINDS)).limit(1)
        return self._records.read(lambda session: session.scalar(running)) is None

    def has_incident(self, equipment_id: int) -> bool:
        """Return whether an incident of the equipment is open."""
        return bool(self._records.read(lambda session: _open(session, Incident, equipment_id)))

    def do(self, deed: Deed, equipment_id: int, now_ms: int) -> None:
        """Let a person act on the open incidents and orders of equipment, after what is due.

        Raises:
            PlantroomError: It is not allowed there.
        """
        self._clock.put(now_ms)
        self._do_what_is_due()
        now = self._clock.now_ms()

        def act(session: Session) -> None:
            if deed.verb == "acknowledge":
                for incident in _open(session, Incident, equipment_id):
                    acknowledge_incident(
                        session, incident.id, by=deed.by, comment=deed.note, now=now
                    )
                return
            for order in _open(session, WorkOrder, equipment_id):
                if deed.to not in next_states(
                    OrderState(order.state),
                    needs_arrival=needs_arrival(order),
                    arrived=has_arrived(session, order),
                ):
                    continue  # opened after that
                transition(
                    session,
                    order.id,
                    to=deed.to,
                    by=deed.by,
                    reason=deed.reason,
                    note=deed.note,
                    satisfaction=deed.satisfaction,
                    now=now,
                )

        self._records.write(act)

    def _do_what_is_due(self) -> None:
        self._timers.sweep()
        self._records.write(self._deliver)

    def _deliver(self, session: Session) -> None:
        """What was told back then has arrived back then; nobody is told a week later."""
        for row in session.scalars(select(Message.id).where(UNDER_WAY)).all():
            mark_delivered(session, row, now=self._clock.now_ms())


def _open(session: Session, table: type[T], equipment_id: int) -> Sequence[T]:
    where: Any = table
    query = select(table).where(where.equipment_id == equipment_id, where.closed_at.is_(None))
    return session.scalars(query.order_by(where.id)).all()
