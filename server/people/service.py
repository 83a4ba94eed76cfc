"""Persons, teams, rosters and policies: saved when they agree, with the gaps they leave."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Text, cast, delete, select
from sqlalchemy.orm import Session

from config.base import Conflict, Settings, dotted
from config.people import (
    AssuranceSettings,
    PeopleFile,
    PersonSettings,
    PolicySettings,
    RosterSettings,
    TeamSettings,
    conflicts_of,
)
from server.core.errors import ConflictError, InvalidError, NotFoundError
from server.core.records import record_event
from server.people.channels import Channels
from server.people.coverage import CoverageGap
from server.people.coverage_gaps import (
    CoverageGapsError,
    new_gaps,
    once,
    policy_gaps,
    roster_gaps,
)
from server.people.directory import Directory
from server.people.duty import Change
from server.people.model import (
    Assurance,
    Entry,
    EscalationPolicy,
    Person,
    Roster,
    RosterChange,
    Team,
)

Body = TypeVar(
    "Body", PersonSettings, TeamSettings, RosterSettings, PolicySettings, AssuranceSettings
)


class StaleEntryError(ConflictError):
    """The entry was changed by somebody else meanwhile; 412."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Body]):
    """One of the sorts of entries."""

    word: str
    field: str
    """Its part of ``PeopleFile``."""
    table: type[Entry]
    settings: type[Body]
    gaps: Callable[[Directory, Body, int], list[CoverageGap]]
    """What an entry leaves open."""


def _policy_gaps(directory: Directory, policy: PolicySettings, now: int) -> list[CoverageGap]:
    return policy_gaps(directory, policy, now=now)


def _no_gaps(_directory: Directory, _body: Settings, _now: int) -> list[CoverageGap]:
    return []


PERSONS = Kind("person", "persons", Person, PersonSettings, _no_gaps)
TEAMS = Kind("team", "teams", Team, TeamSettings, _no_gaps)
ROSTERS = Kind("roster", "rosters", Roster, RosterSettings, roster_gaps)
POLICIES = Kind("escalation policy", "policies", EscalationPolicy, PolicySettings, _policy_gaps)
ASSURANCES = Kind("assurance period", "assurances", Assurance, AssuranceSettings, _no_gaps)
KINDS: tuple[Kind[Any], ...] = (PERSONS, TEAMS, ROSTERS, POLICIES, ASSURANCES)


@lru_cache(maxsize=10_000)
def _parsed(kind: type[Settings], text: str) -> Settings:
    """Return an entry's settings, which nobody can change; each alarm asks for all of them."""
    return kind.model_validate(json.loads(text))


def has_persons(session: Session) -> bool:
    """Return whether there is anybody."""
    return session.scalar(select(Person.id).limit(1)) is not None


def load_directory(session: Session, channels: Channels = None) -> Directory:
    """Return everybody and every roster."""
    parts: dict[str, Any] = {
        kind.field: {
            key: _parsed(kind.settings, text)
            for key, text in session.execute(
                select(kind.table.key, cast(kind.table.body, Text)).order_by(kind.table.key)
            )
        }
        for kind in KINDS
    }
    changes: dict[str, list[Change]] = {}
    for row in session.scalars(select(RosterChange).order_by(RosterChange.id)):
        change = Change(row.start_at, row.end_at, row.off, row.on, row.batch)
        changes.setdefault(row.roster, []).append(change)
    # Each part was checked when it was saved, and with what it names.
    return Directory(PeopleFile.model_construct(**parts), changes, channels)


def save(
    session: Session,
    kind: Kind[Body],
    key: str,
    body: Body,
    *,
    by: str,
    now: int,
    channels: Channels = None,
    expected_version: int | None = None,
    accept_gaps: bool = False,
) -> tuple[Entry, list[CoverageGap]]:
    """Make or change an entry; return it with the gaps that were accepted.

    Options of ``body`` that were not set stay as they are stored: a caller who does not know an
    option does not undo it.

    Args:
        accept_gaps: Like the entry's own, for persons and teams, which have none.

    Raises:
        InvalidError: It names what does not exist.
        CoverageGapsError: It leaves gaps, or opens some elsewhere, and does not accept them.
        StaleEntryError: Its version is not the expected one.
    """
    before = load_directory(session, channels)
    stored = getattr(before.people, kind.field).get(key)
    if stored is not None:
        body = _completed(body, stored)
    after = _with(before, kind, {key: body})
    _refuse_conflicts(after, [key] if kind is PERSONS else [])
    gaps = kind.gaps(after, body, now)
    if kind is not PERSONS or not _reached_alike(before, after, key):
        gaps = once([*gaps, *new_gaps(before, after, now=now)])
    if gaps and not (accept_gaps or _accepts(body)):
        raise CoverageGapsError(gaps)
    return _write(session, kind, key, body, by=by, now=now, expected=expected_version), gaps


def remove(
    session: Session,
    kind: Kind[Any],
    key: str,
    *,
    by: str,
    now: int,
    channels: Channels = None,
    accept_gaps: bool = False,
) -> None:
    """Delete an entry that nothing names any more.

    Raises:
        NotFoundError: There is none.
        ConflictError: Something names it.
        CoverageGapsError: That opens gaps and they are not accepted.
    """
    row = get_entry(session, kind, key, lock=True)
    before = load_directory(session, channels)
    rest = {name: one for name, one in getattr(before.people, kind.field).items() if name != key}
    people = before.people.model_copy(update={kind.field: rest})
    named = [dotted(conflict.path) for conflict in conflicts_of(people)]
    if kind is PERSONS:
        named += _stands_in(session, key, now=now)
    if named:
        raise ConflictError(f"{kind.word} {key!r} is named in {', '.join(named)}")
    gaps = new_gaps(before, replace(before, people=people), now=now)
    if gaps and not accept_gaps:
        raise CoverageGapsError(gaps)
    if kind is ROSTERS:
        session.execute(delete(RosterChange).where(RosterChange.roster == key))
    session.delete(row)
    _record(session, kind, key, verb="deleted", by=by, now=now)


def import_people(
    session: Session, people: PeopleFile, *, by: str, now: int, channels: Channels = None
) -> list[CoverageGap]:
    """Save everything of a file at once, replacing entries of the same keys.

    Raises:
        CoverageGapsError: A roster or policy leaves gaps and does not accept them.
    """
    before = after = load_directory(session, channels)
    for kind in KINDS:
        after = _with(after, kind, getattr(people, kind.field))
    _refuse_conflicts(after, people.persons)
    gaps: list[CoverageGap] = []
    for kind in KINDS:
        for key, body in getattr(people, kind.field).items():
            found = kind.gaps(after, body, now)
            if found and not _accepts(body):
                raise CoverageGapsError(found)
            gaps += found
            _write(session, kind, key, body, by=by, now=now)
    accepted = [
        f"{kind.field}.{key}"
        for kind in KINDS
        for key, body in getattr(after.people, kind.field).items()
        if _accepts(body)
    ]
    elsewhere = new_gaps(before, after, now=now, besides=accepted)
    if elsewhere:
        raise CoverageGapsError(elsewhere)
    return once(gaps)


def get_entry(session: Session, kind: Kind[Any], key: str, *, lock: bool = False) -> Entry:
    """Return an entry, locked against other writers when it shall change.

    Raises:
        NotFoundError: There is none.
    """
    query = select(kind.table).where(kind.table.key == key)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError(f"no {kind.word} {key!r}")
    return row


def _completed(body: Body, stored: Body) -> Body:
    """Return what was set, and the rest as it is stored; a consent holds for one change only."""
    fields = type(body).model_fields
    given = {
        name: getattr(body, name)
        for name in fields
        if name in body.model_fields_set or name == "accept_gaps"
    }
    return stored.model_copy(update=given)


def _with(directory: Directory, kind: Kind[Any], added: Mapping[str, Settings]) -> Directory:
    part = {**getattr(directory.people, kind.field), **added}
    people = directory.people.model_copy(update={kind.field: part})
    return replace(directory, people=people)


def _refuse_conflicts(directory: Directory, persons: Iterable[str]) -> None:
    """Refuse names of nobody, and addresses of these persons that are none for their channels."""
    conflicts = list(conflicts_of(directory.people))
    conflicts += [conflict for key in persons for conflict in _wrong_addresses(directory, key)]
    if conflicts:
        raise InvalidError("; ".join(f"{dotted(one.path)}: {one.message}" for one in conflicts))


def _wrong_addresses(directory: Directory, person: str) -> Iterable[Conflict]:
    if directory.channels is None:
        return
    for number, one in enumerate(directory.people.persons[person].channels):
        problem = directory.channels.problem(one.channel, one.address)
        if problem is not None:
            path = ("persons", person, "channels", number, "address")
            yield Conflict(path, f"{problem} (channel {one.channel})")


def _accepts(body: Settings) -> bool:
    return isinstance(body, RosterSettings | PolicySettings) and body.accept_gaps


def _reached_alike(before: Directory, after: Directory, person: str) -> bool:
    """Return whether a person is new, or is called for the same and by the same channels."""
    if person not in before.people.persons:
        return True
    one, other = before.people.persons[person], after.people.persons[person]
    return (one.role, one.sites, one.trades) == (other.role, other.sites, other.trades) and [
        channel for channel, _ in before.ways(person)
    ] == [channel for channel, _ in after.ways(person)]


def _stands_in(session: Session, person: str, *, now: int) -> list[str]:
    """Return the exceptions, not over yet, by which somebody is on duty."""
    query = select(RosterChange).where(RosterChange.on == person, RosterChange.end_at > now)
    rows = session.scalars(query.order_by(RosterChange.id))
    return [f"rosters.{row.roster}.changes.{row.id}" for row in rows]


def _write(
    session: Session,
    kind: Kind[Any],
    key: str,
    body: Settings,
    *,
    by: str,
    now: int,
    expected: int | None = None,
) -> Entry:
    row = session.scalar(select(kind.table).where(kind.table.key == key).with_for_update())
    version = 0 if row is None else row.version
    if expected is not None and expected != version:
        raise StaleEntryError(f"{kind.word} {key!r} has version {version}, not {expected}")
    values: dict[str, Any] = body.model_dump(mode="json")
    if row is None:
        row = kind.table(key=key, version=0)
        session.add(row)
    elif row.body == values:
        return row
    row.body, row.version, row.changed_at, row.changed_by = values, version + 1, now, by
    session.flush()
    _record(session, kind, key, verb="saved", by=by, now=now)
    return row


def _record(session: Session, kind: Kind[Any], key: str, *, verb: str, by: str, now: int) -> None:
    name = kind.word.replace(" ", "-")
    record_event(session, at=now, topic="audit", kind=f"{name}.{verb}", by=by, payload={"key": key})
