"""Exceptions to a roster: somebody is away, somebody stands in, two people swap."""

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.errors import ArgumentError, InvalidError, NotFoundError
from server.core.records import record_event
from server.people.channels import Channels
from server.people.coverage import CoverageGap
from server.people.coverage_gaps import CoverageGapsError, roster_gaps
from server.people.directory import Directory
from server.people.duty import Change
from server.people.model import RosterChange
from server.people.service import ROSTERS, get_entry, load_directory

MAX_MS = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class NewChange:
    """One exception, UTC ms."""

    start: int
    end: int
    off: str | None = None
    on: str | None = None
    reason: str = ""


def change_roster(
    session: Session,
    key: str,
    changes: list[NewChange],
    *,
    accept_gaps: bool = False,
    by: str,
    now: int,
    channels: Channels = None,
) -> tuple[list[RosterChange], list[CoverageGap]]:
    """Write exceptions, all or none; a swap is two of them.

    Raises:
        NotFoundError: No such roster.
        InvalidError: They name unknown people or nobody, or end before they begin.
        CoverageGapsError: They leave hours without anybody that were not there before.
    """
    get_entry(session, ROSTERS, key, lock=True)
    before = load_directory(session, channels)
    for one in changes:
        _check(before, one)
    # No row has this number: only that they belong together counts here.
    added = [Change(one.start, one.end, one.off, one.on, batch=-1) for one in changes]
    known = list(before.changes.get(key, ()))
    after = replace(before, changes={**before.changes, key: [*known, *added]})
    roster = before.people.rosters[key]
    # A change far ahead is judged in its own weeks.
    at = max(now, min(one.start for one in changes))
    gaps = roster_gaps(after, roster, at, before)
    if gaps and not accept_gaps:
        raise CoverageGapsError(gaps)
    rows = [_write(session, key, one, by=by, now=now) for one in changes]
    for row in rows:
        row.batch = rows[0].id
    return rows, gaps


def undo_change(
    session: Session,
    key: str,
    change_id: int,
    *,
    accept_gaps: bool = False,
    by: str,
    now: int,
    channels: Channels = None,
) -> None:
    """Take an exception back.

    Raises:
        NotFoundError: The roster has no such exception.
        CoverageGapsError: That leaves hours without anybody that were not there before.
    """
    query = select(RosterChange).where(RosterChange.id == change_id, RosterChange.roster == key)
    row = session.scalar(query)
    if row is None:
        raise NotFoundError(f"roster {key!r} has no change {change_id}")
    before = load_directory(session, channels)
    at = max(now, row.start_at)
    session.delete(row)
    session.flush()
    after = load_directory(session, channels)
    gaps = roster_gaps(after, after.people.rosters[key], at, before)
    if gaps and not accept_gaps:
        raise CoverageGapsError(gaps)
    _record(session, key, verb="undone", change_id=change_id, by=by, now=now)


def _check(directory: Directory, change: NewChange) -> None:
    if not change.start < change.end <= change.start + MAX_MS:
        raise ArgumentError("end", "after start, at most a year")
    if change.off is None and change.on is None:
        raise InvalidError("off, on: say who is away, who is there, or both")
    for field in ("off", "on"):
        name = getattr(change, field)
        if name is not None and name not in directory.people.persons:
            raise ArgumentError(field, f"no person {name!r}")


def _write(session: Session, key: str, change: NewChange, *, by: str, now: int) -> RosterChange:
    row = RosterChange(
        roster=key,
        start_at=change.start,
        end_at=change.end,
        off=change.off,
        on=change.on,
        reason=change.reason,
        changed_at=now,
        changed_by=by,
    )
    session.add(row)
    session.flush()
    _record(session, key, verb="changed", change_id=row.id, by=by, now=now)
    return row


def _record(session: Session, key: str, *, verb: str, change_id: int, by: str, now: int) -> None:
    payload = {"key": key, "change": change_id}
    record_event(session, at=now, topic="audit", kind=f"roster.{verb}", by=by, payload=payload)
