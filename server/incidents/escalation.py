"""Calls people, one after the other, until somebody acknowledges and works on it.

Every function works inside the caller's transaction and locks the incident first, so a step and an
acknowledgement never cross: whoever comes second sees what the first did.
"""

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy.orm import Session

from config.people import PersonSettings, PolicySettings
from server.assets.model import Equipment, Site
from server.core.timers import DueTimer, cancel_timer, set_timer, take_timer
from server.incidents.activity import last_activity_at
from server.incidents.escalation_rules import (
    choose,
    next_round_at,
    plan_round,
    resume,
)
from server.incidents.escalation_steps import (
    DONE,
    IDLE,
    NOBODY,
    STEP,
    UNREACHED,
    add_change,
    clear_acknowledgement,
    frozen,
    message_key,
    next_number,
    next_pending,
    planned,
    policy_of,
    start_idle_timer,
    step_key,
    steps_of,
    stop,
    unreached_step,
    write_plan,
)
from server.incidents.model import Incident, IncidentStep
from server.incidents.service import in_view, record_incident_event, source_of
from server.messages.digests import merge_by_destination, new_of_incident
from server.messages.queue import send_to
from server.people.channels import Channels
from server.people.directory import Directory
from server.people.service import has_persons, load_directory

log = structlog.get_logger()

Content = Callable[[Session, Incident], dict[str, Any]]
"""What a message says of an incident: incident, alarm, work_order."""
TIMER_KINDS = (STEP, IDLE)
"""Timers that ``on_timer`` understands."""


class Escalation:
    """Writes steps and messages; sends nothing itself."""

    def __init__(self, content: Content, channels: Channels = None) -> None:
        self._content = content
        self._channels = channels

    def begin(
        self,
        session: Session,
        incident: Incident,
        *,
        trade: str,
        now: int,
        directory: Directory | None = None,
    ) -> None:
        """Freeze the policy into the incident, plan its steps and run those due at once.

        Begins anew when the incident became more severe or came back: another policy may hold now,
        and who acknowledged before has not seen this.

        Args:
            directory: Who works here, for a caller who begins many at once.
        """
        incident.deferred_call_at = None
        if directory is None and not has_persons(session):
            return
        directory = directory or load_directory(session, self._channels)
        if not directory.people.persons:
            return
        equipment = session.get_one(Equipment, incident.equipment_id)
        site = session.get_one(Site, equipment.site_id).key
        again = incident.policy is not None
        if again:
            stop(session, incident.id, now=now)
            clear_acknowledgement(session, incident)
        key, policy = choose(
            directory.people.policies, site=site, trade=trade, severity=incident.severity
        )
        plan = (incident.policy or {}).get("plan", 0) + 1
        incident.policy = frozen(key, policy, plan=plan, site=site, trade=trade)
        kind = "called_anew" if again else "opened"
        add_change(session, incident, kind=kind, at=now, note=f"{incident.severity}, policy {key}")
        number = next_number(session, incident.id)
        write_plan(
            session, incident, policy, plan_round(policy, start=now, number=number, round_=0)
        )
        self._run_due(session, incident, policy, directory=directory, now=now)

    def on_timer(self, session: Session, timer: DueTimer, *, now: int) -> bool:
        """Do what is due, once; False when somebody else did or it was cancelled meanwhile."""
        incident = session.get(Incident, timer.payload["incident"], with_for_update=True)
        if not take_timer(session, timer) or incident is None or incident.closed_at is not None:
            return False
        policy = policy_of(incident)
        if policy is None:
            return False
        if not in_view(session, incident):
            # Whoever takes it back into view begins anew.
            stop(session, incident.id, now=now)
            return False
        if timer.kind == IDLE:
            return self._on_idle(session, incident, policy, now=now)
        if incident.acknowledged_at is not None:
            return False
        directory = load_directory(session, self._channels)
        return self._run_due(session, incident, policy, directory=directory, now=now) > 0

    def on_dead_letter(self, session: Session, timer: DueTimer, *, now: int) -> bool:
        """A message reached nobody: when all of its step did not, the next step runs now.

        The steps after that one keep their instants, and the next round waits. False when the step
        reached somebody, or nobody waits for its end.
        """
        incident = session.get(Incident, timer.payload["incident"], with_for_update=True)
        if not take_timer(session, timer) or incident is None or incident.closed_at is not None:
            return False
        policy = policy_of(incident)
        step = unreached_step(session, incident, timer.payload["key"])
        answered = incident.acknowledged_at is not None
        if policy is None or step is None or answered or not in_view(session, incident):
            return False
        step.state = UNREACHED
        session.flush()
        more = {
            "step": _step_summary(step),
            "not_reached": [one["name"] for one in step.notified.values()],
        }
        record_incident_event(session, incident, kind="incident.unreached", at=now, more=more)
        log.warning("incident_step_unreached", incident=incident.id, step=step.number)
        following = next_pending(session, incident.id)
        place = (step.round, step.number + 1)
        if following is not None and (following.round, following.number) == place:
            following.due_at = min(following.due_at, now)
            directory = load_directory(session, self._channels)
            self._run_due(session, incident, policy, directory=directory, now=now)
        return True

    def _on_idle(
        self, session: Session, incident: Incident, policy: PolicySettings, *, now: int
    ) -> bool:
        """Clear an acknowledgement without activity, and call the next ones."""
        if incident.acknowledged_at is None or incident.activity_since_at is not None:
            return False
        by = incident.acknowledged_by
        # Without an order the only activity to be seen is a comment or a confirmation.
        if self._content(session, incident)["work_order"] is None:
            last = last_activity_at(session, incident)
            if last is not None and now - last < round((policy.idle_s or 0) * 1000):
                start_idle_timer(session, incident, now=last)
                return False
        clear_acknowledgement(session, incident)
        add_change(session, incident, kind="acknowledgement_timed_out", at=now, by=by)
        record_incident_event(session, incident, kind="incident.acknowledgement_timed_out", at=now)
        plan = (incident.policy or {}).get("plan", 1)
        done = [
            step
            for step in steps_of(session, incident.id)
            if step.plan == plan and step.state in {DONE, NOBODY, UNREACHED}
        ]
        number = next_number(session, incident.id)
        rest = resume(policy, done=planned(done), number=number, now=now)
        write_plan(session, incident, policy, rest)
        directory = load_directory(session, self._channels)
        self._run_due(session, incident, policy, directory=directory, now=now)
        return True

    def _run_due(
        self,
        session: Session,
        incident: Incident,
        policy: PolicySettings,
        *,
        directory: Directory,
        now: int,
    ) -> int:
        """Run all steps that are due, however late; a step that reaches nobody hands over."""
        ran = 0
        while (step := next_pending(session, incident.id)) is not None and step.due_at <= now:
            self._run(session, incident, step, directory=directory, now=now)
            ran += 1
            following = next_pending(session, incident.id)
            if following is None:
                self._plan_next_round(session, incident, policy, step, now=now)
            elif step.state == NOBODY and following.due_at > now:
                _run_now(session, following, now=now)
        return ran

    def _run(
        self,
        session: Session,
        incident: Incident,
        step: IncidentStep,
        *,
        directory: Directory,
        now: int,
    ) -> None:
        content = self._content(session, incident)
        source = source_of(session, incident)
        notified: dict[str, Any] = {}
        for person, on_duty in _persons(incident, step, directory=directory, now=now).items():
            # Whoever is on duty at night is awake.
            receivers = directory.receivers(person, step.who["channels"], at_any_hour=on_duty)
            if not receivers:
                continue
            settings = directory.people.persons[person]
            key = message_key(incident.id, step.number, person)
            send_to(
                session,
                receivers,
                key=key,
                kind="incident.opened" if step.number == 1 else "incident.escalated",
                severity=incident.severity,
                incident_id=incident.id,
                payload=content | {"step": _step_summary(step), "person": _card(person, settings)},
                now=now,
                source=source,
            )
            notified[person] = {"name": settings.name, "channel": receivers[0].channel, "key": key}
        if len(notified) > 1 and self._channels is not None:
            merge_by_destination(
                session, new_of_incident(session, incident.id, now=now), self._channels.destination
            )
        step.notified = notified
        step.state = DONE if notified else NOBODY
        step.ran_at = now
        cancel_timer(session, step_key(incident.id, step.number))
        session.flush()
        names = [one["name"] for one in notified.values()]
        more = {"step": _step_summary(step), "notified": names, "told": names}
        record_incident_event(session, incident, kind="incident.escalated", at=now, more=more)
        log.info("incident_step", incident=incident.id, step=step.number, notified=list(notified))

    def _plan_next_round(
        self,
        session: Session,
        incident: Incident,
        policy: PolicySettings,
        last: IncidentStep,
        *,
        now: int,
    ) -> None:
        start = next_round_at(policy, last_due_at=last.due_at, round_=last.round, now=now)
        if start is not None:
            rest = plan_round(policy, start=start, number=last.number + 1, round_=last.round + 1)
            write_plan(session, incident, policy, rest)


def _run_now(session: Session, step: IncidentStep, *, now: int) -> None:
    step.due_at = now
    set_timer(
        session,
        step_key(step.incident_id, step.number),
        kind=STEP,
        due_at=now,
        payload={"incident": step.incident_id, "number": step.number},
    )
    session.flush()


def _persons(
    incident: Incident, step: IncidentStep, *, directory: Directory, now: int
) -> dict[str, bool]:
    """Return who is called, each once, and whether their duty is the reason."""
    policy = incident.policy or {}
    found: dict[str, bool] = {}
    for who in step.who["who"]:
        keys = directory.resolve(who, site=policy["site"], trade=policy["trade"], at=now)
        for key in keys:
            found[key] = found.get(key, False) or who.startswith("on_duty")
    return found


def _step_summary(step: IncidentStep) -> dict[str, Any]:
    return {"number": step.number, "round": step.round, "who": step.who["who"]}


def _card(key: str, person: PersonSettings) -> dict[str, Any]:
    return {"key": key, "name": person.name, "role": person.role, "language": person.languages[0]}
