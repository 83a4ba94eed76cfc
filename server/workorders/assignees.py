"""Who an order may be given to: a person or contractor of the records, or a login."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from config.people import PersonSettings
from server.access.model import User
from server.core.errors import ArgumentError
from server.people.model import Person
from server.workorders.history import Hands
from server.workorders.model import WorkOrder
from server.workorders.states import OrderState

_WITH = (OrderState.DISPATCHED, OrderState.ACCEPTED, OrderState.WAITING)
_BEGUN = (OrderState.ON_SITE, OrderState.IN_PROGRESS)


class AssigneeKind(StrEnum):
    """What an assignee is in the records."""

    PERSON = "person"
    CONTRACTOR = "contractor"
    USER = "user"
    """A login without a person."""
    FORMER = "former"
    """Was written before orders knew who it is, or has left."""


class Assignee(NamedTuple):
    """Somebody of the records."""

    key: str
    kind: AssigneeKind


class Load(NamedTuple):
    """The orders that somebody has."""

    assignee: str
    kind: str
    waiting: int
    """Dispatched, accepted or waiting."""
    begun: int
    urgent: int


def find_assignee(session: Session, name: str, *, argument: str = "assignee") -> Assignee:
    """Return who is meant: by key of a person, name of a person, or name of a login.

    Args:
        session: Of the records.
        name: As it was given.
        argument: Where it was given, for the error.

    Raises:
        ArgumentError: Nobody of that name is in the records, or several are.
    """
    found = find_assignees(session, [name])[name]
    if isinstance(found, Assignee):
        return found
    how = f"{found} persons" if found else "nobody"
    raise ArgumentError(
        argument,
        f"{how} of the records has the name {name!r}; "
        "use the key of a person (GET /persons) or the name of a login",
    )


def find_assignees(session: Session, names: Collection[str]) -> dict[str, Assignee | int]:
    """Return who is meant by each name, or how many persons have it: none, or several.

    However many names there are, it takes three queries at most.
    """
    query = select(User.name, User.person).where(User.name.in_(names), User.disabled_at.is_(None))
    logins = {row.name: row.person for row in session.execute(query)}
    keys = {*names, *filter(None, logins.values())}
    persons = {one.key: one for one in session.scalars(select(Person).where(Person.key.in_(keys)))}
    found: dict[str, Assignee | int] = {}
    for name in names:
        row = persons.get(name) or persons.get(logins.get(name) or "")
        if row is not None:
            found[name] = _of_person(row)
        elif name in logins:
            found[name] = Assignee(name, AssigneeKind.USER)
    rest = [name for name in names if name not in found]
    everybody = session.scalars(select(Person)).all() if rest else ()
    for name in rest:
        named = [one for one in everybody if one.body.get("name") == name]
        found[name] = _of_person(named[0]) if len(named) == 1 else len(named)
    return found


def _of_person(row: Person) -> Assignee:
    contractor = PersonSettings.model_validate(row.body).role == "contractor"
    return Assignee(row.key, AssigneeKind.CONTRACTOR if contractor else AssigneeKind.PERSON)


def assign(order: WorkOrder, assignee: Assignee | None) -> Hands | None:
    """Give the order to somebody, or to nobody; return from whom to whom, None: as before."""
    before = order.assignee
    order.assignee = None if assignee is None else assignee.key
    order.assignee_kind = None if assignee is None else assignee.kind.value
    return None if order.assignee == before else Hands(before, order.assignee)


def loads(session: Session, conditions: Sequence[ColumnElement[bool]] = ()) -> list[Load]:
    """Return how many open orders everybody has, most first."""
    query = (
        select(
            WorkOrder.assignee,
            WorkOrder.assignee_kind,
            func.count().filter(WorkOrder.state.in_(_WITH)),
            func.count().filter(WorkOrder.state.in_(_BEGUN)),
            func.count().filter(WorkOrder.severity == "urgent"),
        )
        .where(
            WorkOrder.closed_at.is_(None),
            WorkOrder.assignee.is_not(None),
            WorkOrder.state.in_((*_WITH, *_BEGUN)),
            *conditions,
        )
        .group_by(WorkOrder.assignee, WorkOrder.assignee_kind)
    )
    found = [Load(*row) for row in session.execute(query)]
    return sorted(found, key=lambda one: (-one.waiting - one.begun, one.assignee))
