"""Inserting a row that another transaction may have inserted first."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from server.core.db import Base, table_of

Row = TypeVar("Row", bound=Base)


def insert_row(session: Session, table: type[Row], **values: Any) -> Row | None:  # noqa: ANN401 (columns)
    """Insert the row unless a unique index has it already; return it when it is new.

    The loser of a race waits for the winner's commit and then reads the winner's row.
    """
    session.flush()
    return session.scalars(_insert_row(_is_postgresql(session), table), values).one_or_none()


def insert_new(session: Session, table: type[Base], **values: Any) -> bool:  # noqa: ANN401 (columns)
    """Insert the row unless a unique index has it already; say whether it is new."""
    session.flush()
    # A row count is not reliable here: the ORM reports -1 on PostgreSQL.
    statement = _insert_new(_is_postgresql(session), table)
    return session.execute(statement, values).first() is not None


def insert_all_new(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that no unique index has already; all have the same columns."""
    if not rows:
        return
    session.flush()
    # The table and not the class: the rows are many, and nobody wants them as objects.
    session.execute(_insert(session, table_of(table)).on_conflict_do_nothing(), rows)


def replace_all(
    session: Session, table: type[Base], rows: Sequence[dict[str, Any]], *, key: str
) -> None:
    """Insert the rows, or give those that have the key already the other values."""
    if not rows:
        return
    session.flush()
    statement = _insert(session, table_of(table))
    others = {name: statement.excluded[name] for name in rows[0] if name != key}
    session.execute(statement.on_conflict_do_update(index_elements=[key], set_=others), rows)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _insert(session: Session, table: Table) -> sqlite.Insert | postgresql.Insert:
    return (postgresql.insert if _is_postgresql(session) else sqlite.insert)(table)


# Made once: to make a statement and the key of its compiled form costs more than to run it.


@cache
def _insert_row(postgres: bool, table: type[Row]) -> ReturningInsert[Row]:  # noqa: FBT001 (key of a cache)
    insert = (postgresql.insert if postgres else sqlite.insert)(table)
    return insert.on_conflict_do_nothing().returning(table)


@cache
def _insert_new(postgres: bool, table: type[Base]) -> ReturningInsert[Any]:  # noqa: FBT001 (same)
    insert = (postgresql.insert if postgres else sqlite.insert)(table_of(table))
    return insert.on_conflict_do_nothing().returning(*inspect(table).primary_key)
