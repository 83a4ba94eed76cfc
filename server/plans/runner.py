"""Moves runs on: what the machine decides is written down in the transaction that decided it.

A command is a row of the same transaction as the step that gave it, and its key is made of run,
step and attempt: killed before the commit nothing was given, killed after it the row is sent by
whoever sends commands, and the gateway carries a key out once (ADR-10).
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from config.plans import CommandStep, TaskStep, ValueOfParameter
from protocols.reading import Value
from server.assets.model import Equipment, Point
from server.commands.model import Command
from server.commands.second_person import needs_second_person
from server.commands.service import CommandState, give
from server.core.clock import Clock
from server.core.errors import ConflictError, InvalidError
from server.core.records import Records
from server.core.timers import DueTimer, take_timer
from server.plans.facts import FactFinder, point_of
from server.plans.machine import (
    NOBODY,
    OVER,
    Ask,
    Call,
    Decided,
    End,
    Give,
    Hold,
    StepState,
    Tell,
    Wait,
    next_move,
    unreached,
)
from server.plans.model import PlanRun, PlanRunStep
from server.plans.record import (
    current_step,
    lock_run,
    look_at,
    plan_of,
    record_change,
    step_of,
)
from server.plans.telling import PlanMessages

_KEYS: Final = uuid.UUID("6f0c7f5c-6a1e-4f0e-9d57-2f7a3b1c8e4d")
"""Namespace of the keys of commands of plans."""
_MOST_MOVES: Final = 500
"""Of one look; a plan has at most 50 steps."""


class PlanRunner:
    """Handles the timers of runs; runs where live values are."""

    def __init__(
        self,
        records: Records,
        facts: FactFinder,
        messages: PlanMessages,
        classes: Mapping[str, EquipmentClass],
        clock: Clock,
        *,
        owns: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Prepare.

        Args:
            records: Where the runs are.
            facts: Knows the values.
            messages: Tells people.
            classes: Say which points two persons command.
            clock: Says how late it is.
            owns: Whether equipment, by its key, is of the sites whose values are known here.
        """
        self._owns = owns
        self._records = records
        self._facts = facts
        self._messages = messages
        self._classes = classes
        self._clock = clock

    def on_timer(self, timer: DueTimer) -> None:
        """Move a run on as far as it goes now; those of other sites are another process's.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        if not self._owns(timer.payload["equipment"]):
            return

        def work(session: Session) -> None:
            # The run before its timer, as people's actions do it.
            run = lock_run(session, timer.payload["run"])
            if take_timer(session, timer):
                self._advance(session, run, now=self._clock.now_ms())

        self._records.write(work)

    def _advance(self, session: Session, run: PlanRun, *, now: int) -> None:
        for _ in range(_MOST_MOVES):
            if run.ended_at is not None:
                return
            row = current_step(session, run)
            if row.state in OVER:
                _go_on(session, run, row, now=now)
                continue
            step = step_of(run, row.position)
            facts = self._facts.facts(session, run, row, step, now=now)
            move = next_move(step, facts, now)
            if isinstance(move, Wait):
                if move.until is not None:
                    look_at(session, run, at=move.until)
                return
            self._carry_out(session, run, row, move, now=now)

    def _carry_out(
        self, session: Session, run: PlanRun, row: PlanRunStep, move: Decided, *, now: int
    ) -> None:
        match move:
            case Ask():
                _set(session, run, row, StepState.CONFIRMING, now=now)
            case Hold():
                _set(session, run, row, StepState.CONFIRMED, now=now)
            case Give(attempt):
                self._give(session, run, row, attempt=attempt, now=now)
            case Tell(attempt):
                self._tell(session, run, row, attempt=attempt, now=now)
            case End(state, note):
                end_step(session, run, row, state, note=note, now=now)
            case Call(note):
                _set(session, run, row, StepState.ATTENTION, note=note, now=now)
                told = self._messages.call(session, run, row, note=note, now=now)
                names = ", ".join(told) or NOBODY
                record_change(session, run, kind="called", step=row, at=now, note=names)

    def _give(
        self, session: Session, run: PlanRun, row: PlanRunStep, *, attempt: int, now: int
    ) -> None:
        step = step_of(run, row.position)
        assert isinstance(step, CommandStep)  # noqa: S101 (nothing else is given)
        row.attempts, row.command_id, row.refusal = attempt, None, ""
        equipment = session.get_one(Equipment, run.equipment[step.equipment])
        try:
            point = _point(session, equipment, step.point)
            command = give(
                session,
                point,
                _value(run, step),
                reason=f"{plan_of(run).name.en}: {step.name.en} (plan run {run.id})",
                by=row.confirmed_by or run.started_by,
                at=now,
                key=command_key(run.id, row.position, attempt),
                second_person=needs_second_person(session, point, self._classes),
            )
        except (ConflictError, InvalidError) as error:
            row.refusal = str(error)
            _set(session, run, row, StepState.COMMANDED, note=row.refusal, now=now)
            return
        row.command_id = command.id
        _set(session, run, row, StepState.COMMANDED, note=_said(command), now=now)

    def _tell(
        self, session: Session, run: PlanRun, row: PlanRunStep, *, attempt: int, now: int
    ) -> None:
        row.attempts = attempt
        step = step_of(run, row.position)
        told = self._messages.tell(session, run, row, attempt=attempt, now=now)
        names = ", ".join(told) or NOBODY
        record_change(session, run, kind="told", step=row, at=now, note=names)
        if isinstance(step, TaskStep):
            # Whoever reads it on the screen may do it all the same.
            _set(session, run, row, StepState.WAITING, note="" if told else NOBODY, now=now)
        elif told:
            end_step(session, run, row, StepState.DONE, note=names, now=now)
        else:
            self._carry_out(session, run, row, unreached(step), now=now)


def _point(session: Session, equipment: Equipment, name: str) -> Point:
    point = point_of(session, equipment, name)
    if point is None:
        raise ConflictError(f"{equipment.key} has no point {name}")
    return point


def command_key(run_id: int, position: int, attempt: int) -> str:
    """Return the key of a command: the same after every restart."""
    return str(uuid.uuid5(_KEYS, f"plan-run/{run_id}/{position}/{attempt}"))


def begin_step(session: Session, run: PlanRun, row: PlanRunStep, *, now: int) -> None:
    """Its turn has come."""
    row.began_at = row.since_at = now
    record_change(session, run, kind="begun", step=row, at=now)
    look_at(session, run, at=now)


def end_step(
    session: Session,
    run: PlanRun,
    row: PlanRunStep,
    state: StepState,
    *,
    note: str,
    now: int,
    by: str | None = None,
) -> None:
    """The step is over; the next look goes on, or ends the run."""
    row.state, row.note = state, note
    row.since_at = row.ended_at = now
    record_change(session, run, kind=str(state), step=row, at=now, by=by, note=note)
    look_at(session, run, at=now)


def end_run(
    session: Session, run: PlanRun, state: str, *, now: int, by: str | None = None, note: str = ""
) -> None:
    """The run is over."""
    run.state, run.ended_at = state, now
    record_change(session, run, kind=state, at=now, by=by, note=note)


def _go_on(session: Session, run: PlanRun, row: PlanRunStep, *, now: int) -> None:
    if row.state == StepState.FAILED:
        end_run(session, run, "stopped", now=now, note=row.note)
        return
    if row.position + 1 == len(plan_of(run).steps):
        end_run(session, run, "completed", now=now)
        return
    run.position += 1
    begin_step(session, run, current_step(session, run), now=now)


def _set(
    session: Session,
    run: PlanRun,
    row: PlanRunStep,
    state: StepState,
    *,
    now: int,
    note: str = "",
) -> None:
    row.state, row.since_at, row.note = state, now, note
    record_change(session, run, kind=str(state), step=row, at=now, note=note)
    session.flush()


def _value(run: PlanRun, step: CommandStep) -> Value:
    value = step.value
    return run.parameters[value.parameter] if isinstance(value, ValueOfParameter) else value


def _said(command: Command) -> str:
    waits = command.state == CommandState.PROPOSED
    return f"command {command.id}{', waits for a second person' if waits else ''}"
