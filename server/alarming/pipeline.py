"""The chain: a sample that matters becomes alarm, incident, work order and messages at once.

Everything that follows from one call is one transaction. The engine takes over what it proposed
only after the commit, so a call that failed with ``StoreError`` may simply be made again.
"""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.reading import Quality
from server.alarming.announcements import AlarmNotifier
from server.alarms.evaluation.engine import AlarmEngine, IsBehind, never_behind
from server.alarms.evaluation.step import DELAY, LATE, Step, TimerOrder, Transition
from server.alarms.lifecycle import (
    Over,
    correct_onset,
    correct_return,
    enable_alarm,
    raise_alarm,
    record_past_run,
    return_alarm,
    return_without_rule,
    split_run,
)
from server.alarms.model import Alarm
from server.alarms.repository import facts_of, load_memories, monitored_and_active
from server.alarms.rulebook import RuleBook
from server.alarms.suppression.outages import AWAITING_OUTAGE, SUPPRESSION_DELAY, Outages
from server.assets.model import Equipment
from server.assets.series import Sample
from server.core.clock import Clock
from server.core.records import Records
from server.core.timers import DueTimer, cancel_timer, postpone_timer, set_timer, take_timer
from server.incidents.service import close_if_over

TIMER_KINDS = (DELAY, LATE)
"""Timers that ``on_timer`` understands."""
_POSTPONE_MS = 5_000
Refused = tuple[Transition, int]
"""What could not be raised, and when it was over."""


class AlarmPipeline:
    """From samples to committed alarms, incidents, orders and messages; safe from any thread."""

    def __init__(
        self,
        records: Records,
        engine: AlarmEngine,
        notifier: AlarmNotifier,
        clock: Clock,
        *,
        outages: Outages,
        is_behind: IsBehind = never_behind,
        knows: Callable[[int], bool] = lambda _: True,
    ) -> None:
        """Prepare.

        Args:
            records: Where everything goes.
            engine: Has the series of the registry.
            notifier: Announces alarms.
            clock: Says what time it is.
            outages: Explain alarms.
            is_behind: Whether what a gateway said seconds ago is not evaluated yet.
            knows: Whether a point, by its id, is one of this process's.
        """
        self._is_behind = is_behind
        self._knows = knows
        self._records = records
        self._engine = engine
        self._notifier = notifier
        self._clock = clock
        self._outages = outages

    def restore(self) -> None:
        """Let the engine remember what the records hold; after the registry, before any sample.

        Raises:
            StoreError: The records cannot be read.
        """
        # What no rule watches any more first, so that nothing of it is remembered as active.
        self._records.write(self._return_orphans)
        now = self._clock.now_ms()
        self._engine.restore(self._records.read(partial(load_memories, now=now)))
        with self._engine.lock:
            self._apply(self._engine.enable(self._records.read(monitored_and_active)))
        self._judge_rows(online=True)

    def warm_up(self, session: Session, transition: Transition, *, now: int) -> None:
        """Write what would follow from a transition; for a transaction that is taken back."""
        self._record(session, transition, now=now)

    def on_samples(self, samples: Sequence[Sample]) -> None:
        """Judge samples and return when what follows from them is committed.

        Raises:
            StoreError: Nothing changed; call again with the same samples.
        """
        with self._engine.lock:
            self._apply(self._engine.evaluate(samples))

    def on_silence(self) -> None:
        """Raise the alarms of points that are silent for too long.

        Raises:
            StoreError: Nothing changed; the next sweep finds them again.
        """
        with self._engine.lock:
            self._apply(self._engine.silence(is_behind=self._is_behind))

    def on_listening(self) -> None:
        """The broker is there since a while after the start: who was away before still is.

        That equipment went away is not sent again: a kill between its row and its alarm would
        lose the alarm.

        Raises:
            StoreError: Nothing changed; call again.
        """
        self._judge_rows(online=False)

    def on_connection_lost(self) -> None:
        """The broker is gone: that gateways went away with it is no finding of theirs.

        Raises:
            StoreError: Nothing changed; call again.
        """
        with self._engine.lock:
            self._apply(self._engine.stop_connection_delays())

    def on_connection_restored(self) -> None:
        """The broker is back for a while: who is still away counts from now on.

        Raises:
            StoreError: Nothing changed; call again.
        """
        with self._engine.lock:
            self._apply(self._engine.judge_connections())

    def on_rules(self, book: RuleBook) -> None:
        """Apply other rules at once; open alarms stay unless a rule or the value says otherwise.

        Raises:
            StoreError: What follows is not written yet; call again.
        """
        with self._engine.lock:
            self._apply(self._engine.reload(book))

    def on_timer(self, timer: DueTimer) -> None:
        """Do what the end of a delay demands, once.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        load = timer.payload
        with self._engine.lock:
            if timer.kind == DELAY:
                step = self._engine.expire(
                    load["rule"], load["point_id"], since=load["at"], is_behind=self._is_behind
                )
                if step is None:
                    return  # it is asked again with the next sweep
            else:
                step = self._engine.end_late_run(load["rule"], load["point_id"])
            if step is None:
                due_at = self._clock.now_ms() + _POSTPONE_MS
                self._records.write(partial(postpone_timer, timer=timer, due_at=due_at))
                return
            self._apply(step, before=lambda session: take_timer(session, timer))

    def _apply(self, step: Step, *, before: Callable[[Session], bool] | None = None) -> None:
        """Write the step in one transaction, then make it the engine's memory."""
        timers = step.timers()
        if before is None and not step.transitions and not timers:
            self._engine.commit(step)
            return

        def work(session: Session) -> dict[tuple[str, int], Refused] | None:
            if before is not None and not before(session):
                return None
            refused: dict[tuple[str, int], Refused] = {}
            for transition in step.transitions:
                over = self._record(session, transition, now=step.now)
                key = transition.rule.id, transition.series.id
                if over is not None:
                    refused[key] = transition, over.at
                elif transition.kind == "raised":
                    refused.pop(key, None)
            for order in timers:
                _run(session, order)
            return refused

        refused = self._records.write(work)
        if refused is None:
            return
        for transition, over_at in refused.values():
            step.refuse(transition, over_at=over_at)
        self._engine.commit(step)

    def _record(self, session: Session, transition: Transition, *, now: int) -> Over | None:
        match transition.kind:
            case "raised":
                alarm = raise_alarm(
                    session, transition, now=now, suppression=self._outages.suppress
                )
                if isinstance(alarm, Over):
                    return alarm
                self._announce(session, alarm, now=now)
            case "enabled":
                self._announce(session, enable_alarm(session, transition, now=now), now=now)
            case "returned":
                self._return(session, transition, now=now)
            case "past_run":
                record_past_run(session, transition, now=now)
            case "earlier_onset":
                correct_onset(session, transition, now=now)
            case "earlier_return":
                correct_return(session, transition, now=now)
            case "split":
                split_run(session, transition, now=now)
        return None

    def _return(self, session: Session, transition: Transition, *, now: int) -> None:
        alarm = return_alarm(session, transition, now=now)
        if alarm is None:
            return
        self._notifier.returned(session, alarm, now=now)
        if alarm.closed_at is not None:
            close_if_over(session, alarm.incident_id, now=now)

    def _announce(self, session: Session, alarm: Alarm | None, *, now: int) -> None:
        if alarm is None or alarm.monitored:
            return
        if facts_of(alarm).announced:
            before = alarm.incident_id
            self._notifier.follow(session, alarm, now=now)
            if before != alarm.incident_id:
                # Its rule has another cause than when it was raised for the first time.
                close_if_over(session, before, now=now)
        elif alarm.suppressed_by == AWAITING_OUTAGE:
            key, due_at = f"alarm-settle/{alarm.id}", now + self._outages.delay_ms
            set_timer(
                session, key, kind=SUPPRESSION_DELAY, due_at=due_at, payload={"alarm": alarm.id}
            )

    def _judge_rows(self, *, online: bool) -> None:
        """Judge what the rows say of connections; only of those that are there, or are not."""
        query = select(Equipment).where(Equipment.online == online)
        equipment = self._records.read(lambda session: session.scalars(query).all())
        rows = {row.id: row for row in equipment}
        samples = [
            Sample(series, online, Quality.GOOD, row.since_at)
            for series in self._engine.connections()
            if (row := rows.get(series.equipment_id)) is not None
        ]
        with self._engine.lock:
            self._apply(self._engine.evaluate(samples, handed_over=False))

    def _return_orphans(self, session: Session) -> None:
        now = self._clock.now_ms()
        for alarm in return_without_rule(
            session, self._engine.watched(), knows=self._knows, now=now
        ):
            if alarm.closed_at is not None:
                close_if_over(session, alarm.incident_id, now=now)


def _run(session: Session, order: TimerOrder) -> None:
    if order.due_at is None:
        cancel_timer(session, order.key)
    else:
        set_timer(session, order.key, kind=order.kind, due_at=order.due_at, payload=order.payload)
