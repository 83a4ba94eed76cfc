"""Inserting a row that another transaction may have inserted first."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.core.db import Base


def insert_new(session: Session, table: type[Base], **values: Any) -> bool:  # noqa: ANN401 (columns)
    """Insert the row unless a unique index has it already; say whether it is new.

    The loser of a race waits for the winner's commit and then reads the winner's row.
    """
    session.flush()
    build = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = build(table).values(**values).on_conflict_do_nothing()
    # A row count is not reliable here: the ORM reports -1 on PostgreSQL.
    returned = session.execute(statement.returning(*inspect(table).primary_key))
    return returned.first() is not None
