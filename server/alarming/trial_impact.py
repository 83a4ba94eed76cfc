"""What the alarms of a tried rule would have meant: incidents, orders, messages.

What people would have done is not known: this assumes that they acknowledge some minutes after
they were told, and that the work is done when the incident is over. Outages are taken from the
records of the past; floods, which would hold messages back, are left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from config.classes import AlarmRule, Severity
from config.conditions import StaleCondition, UnreachableCondition
from config.people import PolicySettings
from config.server import ServerSettings
from server.alarms.evaluation.replay import Onset
from server.alarms.model import Alarm, AlarmChange
from server.alarms.suppression.feeders import supplied_by
from server.alarms.suppression.outages import AWAITING_OUTAGE, MADE_WITHOUT_RULE
from server.assets.model import Equipment, Gateway, Site
from server.incidents.escalation_rules import choose
from server.incidents.model import Incident
from server.people.channels import channel_names
from server.people.service import load_directory
from server.workorders.model import WorkOrder, WorkOrderEvidence

_FOREVER = 2**62


class Tried(NamedTuple):
    """The rule that was tried."""

    id: str
    settings: AlarmRule
    trade: str


class Effect(NamedTuple):
    """What one onset would have meant."""

    onset: Onset
    explained_by: str | None
    """The outage that would have suppressed it to its end, or "settling": too short to be told."""
    new_incident: bool
    new_order: bool
    messages: int


class _Span(NamedTuple):
    start: int
    end: int
    name: str = ""


@dataclass(slots=True)
class _Place:
    """One piece of equipment, and what happened there anyway."""

    outages: list[_Span] = field(default_factory=list[_Span])
    incidents: list[_Span] = field(default_factory=list[_Span])
    orders: list[_Span] = field(default_factory=list[_Span])
    site: str = ""
    waits: bool = False


def effects_of(
    session: Session,
    tried: Tried,
    onsets: Sequence[Onset],
    *,
    settings: ServerSettings,
    acknowledged_ms: int,
) -> list[Effect]:
    """Return what each onset would have meant, in their order.

    Args:
        acknowledged_ms: So long after a message its incident is acknowledged.
    """
    counter = _Messages(session, tried, settings, acknowledged_ms)
    places = {one.equipment_id: _place(session, tried, one.equipment_id) for one in onsets}
    over: dict[int, int] = {}
    effects: list[Effect] = []
    for onset in sorted(onsets, key=lambda one: one.at):
        place = places[onset.equipment_id]
        at, explained_by = _announced(onset, place, tried.settings, settings)
        if at is None:
            effects.append(Effect(onset, explained_by, False, False, 0))  # noqa: FBT003 (columns)
            continue
        until = _FOREVER if onset.until is None else onset.until
        known = at < over.get(onset.equipment_id, 0)
        # The incident stays open until it was acknowledged and nothing is on any more.
        acknowledged = at + acknowledged_ms if not known else 0
        over[onset.equipment_id] = max(over.get(onset.equipment_id, 0), acknowledged, until)
        new = not known and not _during(place.incidents, at)
        order = new and tried.settings.work_order and not _during(place.orders, at)
        # Of life safety people are told whatever they know already.
        told = new or tried.settings.life_safety
        effects.append(
            Effect(onset, None, new, order, counter.messages(place.site, at) if told else 0)
        )
    return effects


class _Messages:
    """Counts the messages of a new incident until somebody acknowledges it."""

    def __init__(
        self, session: Session, tried: Tried, settings: ServerSettings, acknowledged_ms: int
    ) -> None:
        self._announced = settings.messages.announced
        self._directory = load_directory(session, channel_names(settings.messages))
        self._tried = tried
        self._acknowledged_ms = acknowledged_ms

    def messages(self, site: str, at: int) -> int:
        """Return how many messages there would have been."""
        people = self._directory.people
        severity = self._tried.settings.severity
        told = sum(
            one.is_told(severity=severity, trades=(self._tried.trade,), site=site)
            for one in self._announced
        )
        if not people.persons:
            return told
        _, policy = choose(people.policies, site=site, trade=self._tried.trade, severity=severity)
        return told + self._called(policy, site, at)

    def _called(self, policy: PolicySettings, site: str, at: int) -> int:
        number, hands_over = 0, False
        for step in policy.steps:
            due = round(step.after_s * 1000)
            # A step without receivers hands over to the next one at once.
            if due > 0 and due >= self._acknowledged_ms and not hands_over:
                break
            persons = {
                person
                for who in step.who
                for person in self._directory.resolve(
                    who, site=site, trade=self._tried.trade, at=at + due
                )
                if self._directory.ways(person, step.channels)
            }
            number += len(persons)
            hands_over = not persons
        return number


def _announced(
    onset: Onset, place: _Place, rule: AlarmRule, settings: ServerSettings
) -> tuple[int | None, str | None]:
    """Return when people would have heard of it, or None and why they would not have."""
    delay_ms = round(settings.alarms.suppression_delay_s * 1000) if place.waits else 0
    recover = round(settings.alarms.recover_s * 1000)
    until = _FOREVER if onset.until is None else onset.until
    at = onset.at + delay_ms
    if until <= at and delay_ms:
        return None, AWAITING_OUTAGE
    if rule.life_safety:
        return onset.at, None
    for outage in sorted(place.outages):
        if outage.start <= at < outage.end + recover:
            at = outage.end + recover
            if until <= at:
                return None, outage.name
    return at, None


def _place(session: Session, tried: Tried, equipment_id: int) -> _Place:
    equipment = session.get_one(Equipment, equipment_id)
    rule = tried.settings
    lost = isinstance(rule.condition, StaleCondition | UnreachableCondition)
    urgent = rule.severity is Severity.URGENT
    place = _Place(site=session.get_one(Site, equipment.site_id).key)
    if lost and not rule.life_safety:
        gateway = session.get_one(Gateway, equipment.gateway_id)
        place.waits = equipment.key != gateway.key
        if place.waits:
            place.outages += _of_gateway(session, gateway, equipment.port)
    if not urgent and not rule.life_safety:
        for supply in supplied_by(session, equipment_id):
            feeder = (Alarm.equipment_id == supply.feeder_id) & (Alarm.cause == supply.cause)
            alarms = session.scalars(select(Alarm).where(feeder, *_HEARD_OF)).all()
            place.outages += _runs(session, alarms, supply.name)
            place.waits = place.waits or not lost
    place.incidents = _incidents(session, tried, equipment_id)
    place.orders = _orders(session, tried, equipment_id)
    return place


_HEARD_OF = (~Alarm.monitored, Alarm.announced_at.is_not(None))


def _of_gateway(session: Session, gateway: Gateway, port: str) -> list[_Span]:
    own = select(Equipment.id).where(Equipment.key == gateway.key)
    query = select(Alarm).where(Alarm.equipment_id.in_(own), Alarm.of_communication, *_HEARD_OF)
    spans: list[_Span] = []
    for alarm in session.scalars(query):
        line = alarm.rule.removeprefix(MADE_WITHOUT_RULE)
        if line == alarm.rule:
            spans += _runs(session, [alarm], f"gateway:{gateway.key}")
        elif line == port:
            spans += _runs(session, [alarm], f"line:{gateway.key}/{port}")
    return spans


def _runs(session: Session, alarms: Iterable[Alarm], name: str) -> list[_Span]:
    """Return when these alarms were on."""
    spans: list[_Span] = []
    for alarm in alarms:
        query = select(AlarmChange.at, AlarmChange.kind).where(
            AlarmChange.alarm_id == alarm.id,
            AlarmChange.kind.in_(("raised", "raised_again", "returned")),
        )
        since: int | None = None
        for at, kind in session.execute(query.order_by(AlarmChange.at, AlarmChange.id)):
            if kind != "returned":
                since = at if since is None else since
            elif since is not None:
                spans.append(_Span(since, at, name))
                since = None
        if since is not None:
            spans.append(_Span(since, _FOREVER // 2, name))
    return spans


def _incidents(session: Session, tried: Tried, equipment_id: int) -> list[_Span]:
    """Return the incidents that there were without this rule."""
    by_others = exists().where(Alarm.incident_id == Incident.id, Alarm.rule != tried.id)
    query = select(Incident.opened_at, Incident.closed_at).where(
        Incident.equipment_id == equipment_id, Incident.cause == tried.settings.cause, by_others
    )
    return [_Span(start, end or _FOREVER) for start, end in session.execute(query)]


def _orders(session: Session, tried: Tried, equipment_id: int) -> list[_Span]:
    """Return the orders that there were without this rule, those that a person opened included."""
    evidence = (
        select(WorkOrderEvidence.work_order_id)
        .join(Alarm, Alarm.id == WorkOrderEvidence.alarm_id)
        .where(WorkOrderEvidence.work_order_id == WorkOrder.id)
    )
    query = select(WorkOrder.opened_at, WorkOrder.closed_at).where(
        WorkOrder.equipment_id == equipment_id,
        WorkOrder.cause == tried.settings.cause,
        evidence.where(Alarm.rule != tried.id).exists() | ~evidence.exists(),
    )
    return [_Span(start, end or _FOREVER) for start, end in session.execute(query)]


def _during(spans: Iterable[_Span], at: int) -> bool:
    return any(one.start <= at < one.end for one in spans)
