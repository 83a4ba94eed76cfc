"""What is open when a shift changes: shown with a proposal, handed over by one confirmation."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from config.classes import Severity
from config.work_orders import WorkOrderSettings
from server.access.model import User
from server.assets.model import Equipment, Site
from server.core.errors import ArgumentError, InvalidError
from server.incidents.handing_over import hand_incident_over
from server.incidents.model import Incident
from server.people.channels import Channels
from server.people.directory import Directory
from server.people.service import load_directory
from server.workorders.assignees import (
    Assignee,
    AssigneeKind,
    find_assignee,
    find_assignees,
    loads,
)
from server.workorders.dispatching import MOVABLE, give
from server.workorders.history import REOPENS
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.service import StaleVersionError, get_order
from server.workorders.shift_change import (
    Proposal,
    ShiftChange,
    Unfinished,
    Whereto,
    change_at,
    changes_near,
    nearest,
    proposals,
)
from server.workorders.states import OrderState
from server.workorders.telling import tell_of_hand_over

SHIFT_CHANGE: Final = "shift_change"
"""Reason of the lines that a change of shifts writes."""
MOST: Final = 500
"""So many orders, and so many incidents, are handed over at once."""


class OpenThings(NamedTuple):
    """What is open at an estate when its shift changes."""

    change: ShiftChange
    changes: Sequence[ShiftChange]
    """Those around it."""
    directory: Directory
    load: Mapping[str, int]
    """Open orders by person."""
    orders: Mapping[int, Proposal]
    """By the id of the order, the most severe first."""
    incidents: Mapping[int, Proposal]
    """By the id of the incident, likewise."""
    whole: bool
    """False: there is more than is shown."""


class OrderGiven(NamedTuple):
    """An order that goes to somebody, as it was when that was decided."""

    order_id: int
    version: int
    to: str


class IncidentGiven(NamedTuple):
    """An incident that somebody else goes on with."""

    incident_id: int
    to: str


def open_things(
    session: Session,
    site: Site,
    *,
    at: int | None,
    orders: ColumnElement[bool],
    incidents: ColumnElement[bool],
    channels: Channels = None,
    now: int,
) -> OpenThings:
    """Return what is open at an estate, and to whom each may go.

    Args:
        session: Where it is read.
        site: The estate.
        at: When the shift changes, UTC ms; None: the nearest change.
        orders: Which orders.
        incidents: Which incidents.
        channels: That the server has.
        now: UTC ms.
    """
    directory = load_directory(session, channels)
    changes = changes_near(directory, site.key, now if at is None else at)
    change = nearest(changes, now) if at is None else None
    change = change or change_at(directory, site.key, now if at is None else at)
    before = {one.assignee: one.waiting + one.begun for one in loads(session)}
    found = _orders(session, site, orders)
    given = proposals(
        [_unfinished(one, when) for one, when in found],
        directory,
        site.key,
        change.at,
        load=before,
    )
    load = Counter(before) + Counter(one.to for one in given if one.to is not None)
    cases = _incidents(session, site, incidents)
    return OpenThings(
        change,
        changes,
        directory,
        before,
        {one.id: proposal for (one, _), proposal in zip(found[:MOST], given, strict=False)},
        _for_incidents(session, site, cases[:MOST], directory, change.at, load=load),
        whole=len(found) <= MOST and len(cases) <= MOST,
    )


def hand_over(
    session: Session,
    site: Site,
    *,
    orders: Sequence[OrderGiven],
    incidents: Sequence[IncidentGiven],
    note: str | None,
    by: str,
    settings: WorkOrderSettings,
    channels: Channels = None,
    now: int,
) -> None:
    """Give everything to those who go on with it, or nothing; each of them hears of it once.

    Raises:
        NotFoundError: One of them is not there.
        StaleVersionError: Orders were changed since it was decided; the message names them.
        ConflictError: One of them is done.
        InvalidError: Somebody is nobody of the records, or has it already; or it is named twice.
    """
    _refuse_twice(orders, incidents)
    locked = {one.order_id: get_order(session, one.order_id, lock=True) for one in orders}
    stale = [one.order_id for one in orders if locked[one.order_id].version != one.version]
    if stale:
        raise StaleVersionError(
            f"work orders {', '.join(map(str, stale))} were changed meanwhile; look again"
        )
    places = {one.to: f"orders.{number}.to" for number, one in enumerate(orders)}
    for number, one in enumerate(incidents):
        places.setdefault(one.to, f"incidents.{number}.to")
    receivers = {to: find_assignee(session, to, argument=place) for to, place in places.items()}
    taken: dict[str, list[WorkOrder | Incident]] = {}
    for number, one in enumerate(orders):
        order, receiver = locked[one.order_id], receivers[one.to]
        if receiver.key == order.assignee:
            raise ArgumentError(
                f"orders.{number}.to", f"{receiver.key} has work order {order.id} already"
            )
        give(
            session,
            order,
            receiver,
            reason=SHIFT_CHANGE,
            note=note,
            by=by,
            settings=settings,
            now=now,
        )
        taken.setdefault(receiver.key, []).append(order)
    ids = [one.incident_id for one in incidents]
    holders = _holders(session, session.scalars(select(Incident).where(Incident.id.in_(ids))))
    for one in incidents:
        receiver = receivers[one.to]
        incident = hand_incident_over(
            session,
            one.incident_id,
            whose=holders.get(one.incident_id),
            to=receiver.key,
            note=note,
            by=by,
            now=now,
        )
        taken.setdefault(receiver.key, []).append(incident)
    directory = load_directory(session, channels)
    for person, things in taken.items():
        tell_of_hand_over(session, site, person, things, directory=directory, by=by, now=now)


def _refuse_twice(orders: Sequence[OrderGiven], incidents: Sequence[IncidentGiven]) -> None:
    for word, ids in (
        ("work order", [one.order_id for one in orders]),
        ("incident", [one.incident_id for one in incidents]),
    ):
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            raise InvalidError(f"{word} {twice} is named twice")


def _orders(
    session: Session, site: Site, which: ColumnElement[bool]
) -> list[tuple[WorkOrder, int | None]]:
    """Return the orders of an estate that are not done, with the last appointment of each."""
    query = select(WorkOrder).where(
        WorkOrder.site_id == site.id, WorkOrder.state.in_((OrderState.OPEN, *MOVABLE)), which
    )
    rows = session.scalars(query.order_by(WorkOrder.id).limit(MOST + 1)).all()
    agreed = _appointments(session, [one.id for one in rows])
    ordered = sorted(rows, key=lambda one: (Severity(one.severity).rank, one.id))
    return [(one, agreed.get(one.id)) for one in ordered]


def _appointments(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """Return the appointment of each order that has one since it was opened again last."""
    query = (
        select(WorkOrderEvent.work_order_id, WorkOrderEvent.appointment_at)
        .where(
            WorkOrderEvent.work_order_id.in_(ids),
            or_(WorkOrderEvent.appointment_at.is_not(None), WorkOrderEvent.kind.in_(REOPENS)),
        )
        .order_by(WorkOrderEvent.id)
    )
    found: dict[int, int] = {}
    for order_id, at in session.execute(query).all():
        if at is None:
            found.pop(order_id, None)
        else:
            found[order_id] = at
    return found


def _unfinished(order: WorkOrder, appointment_at: int | None) -> Unfinished:
    kind = None if order.assignee_kind is None else AssigneeKind(order.assignee_kind)
    return Unfinished(order.trade, Severity(order.severity), order.assignee, kind, appointment_at)


def _incidents(session: Session, site: Site, which: ColumnElement[bool]) -> list[Incident]:
    query = (
        select(Incident)
        .join(Equipment, Equipment.id == Incident.equipment_id)
        .where(Equipment.site_id == site.id, Incident.closed_at.is_(None), which)
    )
    rows = session.scalars(query.order_by(Incident.id).limit(MOST + 1)).all()
    return sorted(rows, key=lambda one: (Severity(one.severity).rank, one.id))


def _for_incidents(
    session: Session,
    site: Site,
    cases: Sequence[Incident],
    directory: Directory,
    at: int,
    *,
    load: Mapping[str, int],
) -> dict[int, Proposal]:
    orders = select(WorkOrder.equipment_id, WorkOrder.cause).where(
        WorkOrder.site_id == site.id, WorkOrder.closed_at.is_(None)
    )
    with_order = {(row.equipment_id, row.cause) for row in session.execute(orders)}
    stays: dict[int, Proposal] = {}
    rest: dict[int, Unfinished] = {}
    holders = _holders(session, cases)
    for one in cases:
        if (one.equipment_id, one.cause) in with_order:
            stays[one.id] = Proposal(None, Whereto.WITH_ORDER)
        elif one.acknowledged_at is None:
            stays[one.id] = Proposal(None, Whereto.CALLED)
        else:
            trade = str((one.policy or {}).get("trade") or "")
            holder = holders.get(one.id)
            user = holder is not None and holder not in directory.people.persons
            kind = AssigneeKind.USER if user else None
            rest[one.id] = Unfinished(trade, Severity(one.severity), holder, kind)
    given = proposals(list(rest.values()), directory, site.key, at, load=load)
    goes = stays | dict(zip(rest, given, strict=True))
    return {one.id: goes[one.id] for one in cases}


def _holders(session: Session, incidents: Iterable[Incident]) -> dict[int, str]:
    """Return who takes care of each incident; of which nobody of the records does is not in it."""
    taken = [
        (one.id, one.assignee, one.acknowledged_by)
        for one in incidents
        if one.acknowledged_by is not None
    ]
    # A login stands for its person, also one that was shut out since.
    query = select(User.name, User.person).where(User.name.in_({name for *_, name in taken}))
    persons = {row.name: row.person for row in session.execute(query)}
    known = find_assignees(session, {persons.get(name) or name for *_, name in taken})
    found: dict[int, str] = {}
    for number, assignee, name in taken:
        holder = known[persons.get(name) or name]
        if assignee is not None:
            found[number] = assignee
        elif isinstance(holder, Assignee):
            found[number] = holder.key
    return found
