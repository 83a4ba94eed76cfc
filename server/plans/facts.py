"""What is known of the current step: its expressions over live values, and its command."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from config.errors import ConfigError
from config.interlock import Place
from config.plans import PARAMETERS, CommandStep, PlanStep, expression_of
from protocols.reading import Quality, Value
from server.assets.model import Equipment, Point
from server.commands.model import Command
from server.live.values import Values, quality_now
from server.plans.machine import Outcome, StepFacts, StepState, outcome_of
from server.plans.model import PlanRun, PlanRunStep
from server.plans.record import plan_of


class FactFinder:
    """Reads values where they are newest; a value that is missing, old or not good is unknown."""

    def __init__(self, values: Values, classes: Mapping[str, EquipmentClass]) -> None:
        self._values = values
        self._classes = classes

    def facts(
        self, session: Session, run: PlanRun, row: PlanRunStep, step: PlanStep, *, now: int
    ) -> StepFacts:
        """Return what is known now."""
        outcome, refusal = _outcome(session, row)
        is_command = isinstance(step, CommandStep)
        read_back = step.read_back if is_command else None
        return StepFacts(
            state=StepState(row.state),
            attempts=row.attempts,
            since_at=row.since_at,
            drill=run.drill,
            only_if=self._holds(session, run, step.only_if, now=now),
            interlock=self._holds(session, run, step.interlock, now=now) if is_command else True,
            read_back=None if read_back is None else self._holds(session, run, read_back, now=now),
            outcome=outcome,
            refusal=refusal,
        )

    def _holds(self, session: Session, run: PlanRun, text: str | None, *, now: int) -> bool | None:
        """Return whether an expression is true; None when that cannot be known."""
        if text is None:
            return True
        try:
            expression = expression_of(text, plan_of(run), self._classes)
        except ConfigError:
            return None  # the class has lost the point since the run started
        known = {place: self._value(session, run, place, now=now) for place in expression.places}
        return expression.holds(known)

    def _value(self, session: Session, run: PlanRun, place: Place, *, now: int) -> Value:
        if place.device == PARAMETERS:
            return run.parameters.get(place.point)
        equipment = session.get_one(Equipment, run.equipment[place.device], populate_existing=True)
        point = point_of(session, equipment, place.point)
        last = None if point is None else self._values.read(point.id)
        if point is None or last is None:
            return None
        quality, _ = quality_now(
            last, max_silence_ms=point.max_silence_ms, now=now, online=equipment.online
        )
        return last.value if quality is Quality.GOOD else None


def point_of(session: Session, equipment: Equipment, name: str) -> Point | None:
    """Return a point that the equipment has now."""
    query = select(Point).where(Point.key == f"{equipment.key}/{name}", Point.removed_at.is_(None))
    return session.scalar(query)


def _outcome(session: Session, row: PlanRunStep) -> tuple[Outcome | None, str]:
    if row.refusal:
        return Outcome.NOT_DONE, row.refusal
    if row.command_id is None:
        return None, ""
    command = session.get_one(Command, row.command_id, populate_existing=True)
    return outcome_of(command.state), command.refusal or command.state
