"""Messages of a run, written into its transaction; those of a drill say so in their title."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from config.plans import EmergencyPlan, MessageStep, PlanText, TaskStep
from config.server import MessageSettings
from server.assets.model import Equipment, Gateway, Site
from server.incidents.model import Incident
from server.incidents.service import summary as incident_summary
from server.messages.queue import enqueue, send_to
from server.people.channels import channel_names
from server.people.directory import Directory
from server.people.service import load_directory
from server.plans.model import PlanRun, PlanRunStep
from server.plans.record import marked_en, marked_zh, plan_of, step_of

_SEVERITY, _IN_DRILL = "urgent", "medium"


class _Letter(NamedTuple):
    """What is written, and under which keys."""

    key: str
    kind: str
    severity: str
    payload: dict[str, Any]
    source: str


class PlanMessages:
    """Tells the people of a step, and those who decide when it is not done."""

    def __init__(self, settings: MessageSettings) -> None:
        self._channels = channel_names(settings)
        self._announced = {one.name: one for one in settings.announced}

    def tell(
        self, session: Session, run: PlanRun, row: PlanRunStep, *, attempt: int, now: int
    ) -> list[str]:
        """Write the messages of a task or a message; return who is told."""
        step = step_of(run, row.position)
        assert isinstance(step, TaskStep | MessageStep)  # noqa: S101 (others tell nobody)
        kind = f"plan.{step.kind}"
        letter = _letter(session, run, row, step.text, what=f"tell-{attempt}", kind=kind)
        trade = str(step.trade or plan_of(run).trade)
        named = self._to_people(session, run, letter, step.who, trade=trade, now=now)
        channels = step.channels if isinstance(step, MessageStep) else ()
        return [*named, *self._to_groups(session, letter, channels, now=now)]

    def call(
        self, session: Session, run: PlanRun, row: PlanRunStep, *, note: str, now: int
    ) -> list[str]:
        """Tell those who decide that a step is not done; return who is told."""
        plan = plan_of(run)
        text = PlanText(
            en=f"Decide: retry, skip, do it by hand or stop the plan. {note}"[:600],
            zh=f"请决定重试、跳过、人工完成或终止预案。{note}"[:600],
        )
        letter = _letter(session, run, row, text, what=f"call-{now}", kind="plan.call")
        return self._to_people(session, run, letter, plan.call, trade=str(plan.trade), now=now)

    def _to_people(
        self,
        session: Session,
        run: PlanRun,
        letter: _Letter,
        who: Sequence[str],
        *,
        trade: str,
        now: int,
    ) -> list[str]:
        directory = load_directory(session, self._channels)
        site = _site_of(session, run).key
        named: list[str] = []
        for person in _persons(directory, who, site=site, trade=trade, now=now):
            # Whoever a plan calls is woken; a drill lets people sleep.
            receivers = directory.receivers(person, at_any_hour=not run.drill)
            if not receivers:
                continue
            settings = directory.people.persons[person]
            card = {"key": person, "name": settings.name, "role": settings.role}
            send_to(
                session,
                receivers,
                key=f"{letter.key}/{person}",
                kind=letter.kind,
                severity=letter.severity,
                incident_id=None,
                payload=letter.payload | {"person": card},
                now=now,
                source=letter.source,
            )
            named.append(settings.name)
        return named

    def _to_groups(
        self, session: Session, letter: _Letter, channels: Iterable[str], *, now: int
    ) -> list[str]:
        known = [self._announced[name] for name in channels if name in self._announced]
        for one in known:
            enqueue(
                session,
                key=f"{letter.key}/{one.name}",
                channel=one.channel,
                receiver=one.name,
                kind=letter.kind,
                severity=letter.severity,
                incident_id=None,
                payload=letter.payload,
                now=now,
                source=letter.source,
            )
        return [one.name for one in known]


def _letter(
    session: Session, run: PlanRun, row: PlanRunStep, text: PlanText, *, what: str, kind: str
) -> _Letter:
    plan, step = plan_of(run), step_of(run, row.position)
    incident = None if run.incident_id is None else session.get(Incident, run.incident_id)
    equipment = session.get_one(Equipment, run.equipment_id)
    payload = {
        "title_en": marked_en(_title(plan, step.name.en, "en"), drill=run.drill),
        "title_zh": marked_zh(_title(plan, step.name.zh, "zh"), drill=run.drill),
        "text_en": text.en,
        "text_zh": text.zh,
        "incident": None if incident is None else incident_summary(session, incident),
        "plan": {"run": run.id, "plan": run.plan, "step": step.step, "drill": run.drill},
    }
    return _Letter(
        key=f"plan-run/{run.id}/{row.position}/{what}",
        kind=kind,
        severity=_IN_DRILL if run.drill else _SEVERITY,
        payload=payload,
        source=session.get_one(Gateway, equipment.gateway_id).key,
    )


def _title(plan: EmergencyPlan, step: str, language: str) -> str:
    name = plan.name.en if language == "en" else plan.name.zh
    return f"{name}: {step}"


def _persons(
    directory: Directory, who: Sequence[str], *, site: str, trade: str, now: int
) -> list[str]:
    found = (
        person for one in who for person in directory.resolve(one, site=site, trade=trade, at=now)
    )
    return list(dict.fromkeys(found))


def _site_of(session: Session, run: PlanRun) -> Site:
    return session.get_one(Site, session.get_one(Equipment, run.equipment_id).site_id)
