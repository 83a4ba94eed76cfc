"""The audit: who wrote what, and what was refused; rows are only added, each chained to the last.

A row's hash is of the hash before it and of all that it says. Whoever changes, inserts or takes out
a row has to write every later one anew; the newest hash, kept elsewhere, shows that too, and rows
that are missing at the end.
"""

import hashlib
import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.core.db import Base, table_of
from server.core.errors import AuditError
from server.core.model import Event

_BEFORE_THE_FIRST = ""
_ROWS = 1000
"""Read at once."""


class Outcome(StrEnum):
    """What became of a request."""

    DONE = "done"
    REFUSED = "refused"


class AuditEntry(Base):
    """One write or refusal. The database refuses to change or to delete a row."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counts from 1 without a gap."""
    at: Mapped[int] = mapped_column(index=True)
    by: Mapped[str | None]
    """Name of the login or of the command; none: nobody was logged in."""
    user_id: Mapped[int | None]
    token_id: Mapped[int | None]
    address: Mapped[str]
    """Where the request came from; empty: this machine's command line."""
    request: Mapped[str]
    """Method and path, or the command."""
    outcome: Mapped[str]
    status: Mapped[int | None]
    """Of a refusal: the HTTP status."""
    what: Mapped[str]
    """The events of the change as JSON: kind, subject, payload."""
    hash: Mapped[str]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, as a row says it."""

    at: int
    by: str | None
    request: str
    address: str = ""
    user_id: int | None = None
    token_id: int | None = None
    outcome: Outcome = Outcome.DONE
    status: int | None = None


class Verified(NamedTuple):
    """What a chain that fits ends with."""

    rows: int
    hash: str


def add_entry(session: Session, actor: Actor, events: Sequence[Event] = ()) -> None:
    """Write a row at the end of a transaction that writes; such ones have turns (ADR-53)."""
    newest = select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)
    last = session.execute(newest).first()
    told = [
        {"kind": one.kind, "subject_id": one.subject_id, "payload": one.payload} for one in events
    ]
    # A login or a one-time link has nobody before; its event says who.
    by = actor.by or next((one.by for one in events if one.by), None)
    row = AuditEntry(
        id=1 if last is None else last.id + 1,
        at=actor.at,
        by=by,
        user_id=actor.user_id,
        token_id=actor.token_id,
        address=actor.address,
        request=actor.request,
        outcome=actor.outcome,
        status=actor.status,
        what=json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
    )
    row.hash = hash_of(row, _BEFORE_THE_FIRST if last is None else last.hash)
    session.add(row)
    session.flush()


def hash_of(row: AuditEntry | Row[Any], before: str) -> str:
    """Return the hash that a row has behind one with the hash ``before``."""
    says = [getattr(row, name) for name in _SAID]
    text_of = json.dumps([before, *says], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text_of.encode()).hexdigest()


_SAID = [column.key for column in table_of(AuditEntry).columns if column.key != "hash"]


def verify(session: Session, *, expected: Verified | None = None) -> Verified:
    """Return the end of the chain when every row fits.

    Args:
        session: Where it is read.
        expected: A row that was there once, from outside of the database.

    Raises:
        AuditError: The first row that does not fit, or the expected one is another or missing.
    """
    return _verified(_rows(session), expected)


def _rows(session: Session) -> Generator[Row[Any]]:
    """Yield all rows in their order, a page at a time: a cursor would need a transaction."""
    # Columns, not entities: a session keeps every entity that it reads to its end.
    query = select(*table_of(AuditEntry).columns).order_by(AuditEntry.id).limit(_ROWS)
    page = session.execute(query).all()
    while page:
        yield from page
        page = session.execute(query.where(AuditEntry.id > page[-1].id)).all()


def _verified(found: Iterable[Row[Any]], expected: Verified | None) -> Verified:
    before = _BEFORE_THE_FIRST
    rows = 0
    for number, row in enumerate(found, start=1):
        if row.id != number:
            raise AuditError(
                f"row {number} is missing; the next one there is {row.id} of {row.request}"
            )
        if row.hash != hash_of(row, before):
            raise AuditError(
                f"row {number} does not fit: it says {row.by or 'nobody'}, {row.request}, "
                f"{row.outcome}; it, or the hash before it, was changed"
            )
        if expected is not None and number == expected.rows and row.hash != expected.hash:
            raise AuditError(f"row {number} has another hash than {expected.hash}")
        before, rows = row.hash, number
    if expected is not None and rows < expected.rows:
        raise AuditError(f"row {expected.rows} is missing: there are {rows}")
    return Verified(rows, before)
