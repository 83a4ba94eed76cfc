"""Rules changed through the interface: the newest of each scope, and every version before it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from server.alarms.model import AlarmRuleCounter, AlarmRuleOverride, AlarmRuleVersion
from server.alarms.rulebook import Override
from server.core.errors import NotFoundError, ServerError
from server.core.records import record_event
from server.core.upsert import insert_new

_ONLY = 1


class StaleRuleError(ServerError):
    """Somebody else changed the rule meanwhile."""


class Place(NamedTuple):
    """What an override is about: a rule, and the class, site or equipment it is changed for."""

    rule: str
    scope: str
    target: str


class _People(NamedTuple):
    """Who changes a rule, and who confirmed it."""

    by: str
    confirmed_by: str | None


def load_overrides(session: Session) -> list[Override]:
    """Return all overrides in force."""
    return [
        Override(row.rule, row.scope, row.target, row.changes, by_two=row.confirmed_by is not None)
        for row in session.scalars(select(AlarmRuleOverride).order_by(AlarmRuleOverride.id))
    ]


def newest_change(session: Session) -> int:
    """Return a number that grows with every change of any rule, in the order of the commits."""
    return session.scalar(select(AlarmRuleCounter.changes)) or 0


def find_override(session: Session, place: Place) -> AlarmRuleOverride | None:
    """Return what is in force at one place."""
    return session.scalar(_at(place))


def version_of(session: Session, place: Place) -> int:
    """Return the version at one place; 0 before the first change, and counted on after deletion."""
    query = select(func.max(AlarmRuleVersion.version)).where(
        AlarmRuleVersion.rule == place.rule,
        AlarmRuleVersion.scope == place.scope,
        AlarmRuleVersion.target == place.target,
    )
    return session.scalar(query) or 0


def versions_of(session: Session, place: Place) -> Sequence[AlarmRuleVersion]:
    """Return every change at one place, newest first."""
    query = select(AlarmRuleVersion).where(
        AlarmRuleVersion.rule == place.rule,
        AlarmRuleVersion.scope == place.scope,
        AlarmRuleVersion.target == place.target,
    )
    return session.scalars(query.order_by(AlarmRuleVersion.version.desc())).all()


def put_override(
    session: Session,
    place: Place,
    *,
    changes: Mapping[str, Any],
    reason: str,
    by: str,
    expected: int | None,
    now: int,
    confirmed_by: str | None = None,
) -> int:
    """Change the rule at one place; return the new version.

    With ``confirmed_by``, the second person, it may weaken a rule of life safety.

    Raises:
        StaleRuleError: The version is not the expected one.
    """
    version = _next(session, place, expected)
    row = session.scalar(_at(place).with_for_update())
    if row is None:
        row = AlarmRuleOverride(**place._asdict())
        session.add(row)
    row.changes, row.version = dict(changes), version
    row.updated_at, row.updated_by, row.confirmed_by = now, by, confirmed_by
    people = _People(by, confirmed_by)
    _write(session, place, version, changes=dict(changes), reason=reason, people=people, now=now)
    return version


def delete_override(
    session: Session,
    place: Place,
    *,
    reason: str,
    by: str,
    expected: int | None,
    now: int,
    confirmed_by: str | None = None,
) -> int:
    """Go back to what holds without it; return the new version.

    Raises:
        NotFoundError: Nothing is changed at this place.
        StaleRuleError: The version is not the expected one.
    """
    version = _next(session, place, expected)
    row = session.scalar(_at(place).with_for_update())
    if row is None:
        raise NotFoundError(f"{place.rule} is not changed for this {place.scope}")
    session.delete(row)
    people = _People(by, confirmed_by)
    _write(session, place, version, changes=None, reason=reason, people=people, now=now)
    return version


def _at(place: Place) -> Select[AlarmRuleOverride]:
    return select(AlarmRuleOverride).where(
        AlarmRuleOverride.rule == place.rule,
        AlarmRuleOverride.scope == place.scope,
        AlarmRuleOverride.target == place.target,
    )


def _next(session: Session, place: Place, expected: int | None) -> int:
    _wait_for_others(session)
    version = version_of(session, place)
    if expected is not None and expected != version:
        raise StaleRuleError(f"{place.rule} has version {version} here, not {expected}")
    return version + 1


def _wait_for_others(session: Session) -> None:
    """Count the change; whoever changes any rule meanwhile waits here for the commit.

    So the second of two sees the first one's version, and who looks at the counter misses none:
    ids are given out before the commit, and may be committed in another order.
    """
    insert_new(session, AlarmRuleCounter, id=_ONLY, changes=0)
    count = update(AlarmRuleCounter).where(AlarmRuleCounter.id == _ONLY)
    session.execute(count.values(changes=AlarmRuleCounter.changes + 1))


def _write(
    session: Session,
    place: Place,
    version: int,
    *,
    changes: dict[str, Any] | None,
    reason: str,
    people: _People,
    now: int,
) -> None:
    more = {"version": version, "changes": changes, "reason": reason}
    row = AlarmRuleVersion(**place._asdict(), **more, **people._asdict(), at=now)
    session.add(row)
    kind = "alarm-rule.deleted" if changes is None else "alarm-rule.changed"
    if people.confirmed_by is not None:
        more["confirmed_by"] = people.confirmed_by
    payload = {**place._asdict(), **more}
    record_event(session, at=now, topic="audit", kind=kind, by=people.by, payload=payload)
