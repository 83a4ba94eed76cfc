"""All rows of the records from one database to another, each compared with what was written."""

import json
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Row,
    String,
    Table,
    bindparam,
    collate,
    func,
    insert,
    inspect,
    literal,
    make_url,
    null,
    select,
    text,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError

from server.core.db import PointValue
from server.core.errors import ConflictError, StoreError
from server.core.records import Records
from server.core.schema import newest_revision, revision_of
from server.migrations.tables import METADATA

_ROWS = 1000
"""Of one statement."""
_NEVER_EMPTY = {"alembic_version", "alarm_rule_counter"}
"""Tables into which the schema's steps put a row."""


class CopiedTable(NamedTuple):
    """How far a table is."""

    name: str
    rows: int
    """Written so far."""
    of: int
    """All of them."""
    compared: bool
    """Whether every row was read back and is the same."""


OnProgress = Callable[[CopiedTable], None]


def is_empty(url: str) -> bool:
    """Return whether a database holds nothing but empty tables of the records, or not even them.

    Raises:
        StoreError: It cannot be reached.
    """
    if not is_there(url):
        return True
    with Records.open(url, read_only=True) as records:
        try:
            with records.engine.connect() as connection:
                names = inspect(connection).get_table_names()
                return all(_holds_nothing(connection, name) for name in names)
        except DBAPIError as error:
            where = make_url(url).render_as_string(hide_password=True)
            raise StoreError(f"the records in {where} cannot be reached: {error.orig}") from error


def is_there(url: str) -> bool:
    """Return whether the file of an SQLite database exists; a server's database does."""
    database = make_url(url)
    return database.get_backend_name() != "sqlite" or Path(database.database or "").exists()


def _holds_nothing(connection: Connection, name: str) -> bool:
    if name in _NEVER_EMPTY:
        return True
    table = METADATA.tables.get(name)
    if table is None:
        return False
    return connection.execute(select(literal(1)).select_from(table).limit(1)).first() is None


def copy_all(source: Records, target: Records, progress: OnProgress = lambda _: None) -> None:
    """Like ``copy_tables``, in a transaction of the target's own: all of it happens or nothing.

    Raises:
        ServerError: As ``copy_tables``; or a database cannot be reached.
    """
    try:
        with connect_to_one_instant(source) as ours, target.engine.begin() as theirs:
            copy_tables(ours, theirs, progress)
    except DBAPIError as error:
        raise StoreError(f"the records cannot be copied: {error.orig}") from error


def connect_to_one_instant(records: Records) -> Connection:
    """Return a connection that sees, from its first look on, what is committed then.

    Raises:
        DBAPIError: There is no database.
    """
    connection = records.engine.connect()
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def copy_tables(
    source: Connection, target: Connection, progress: OnProgress = lambda _: None
) -> None:
    """Replace what is in the target; all tables have the schema of this program.

    The rows are compared one by one in the target's transaction, before its commit.

    Raises:
        ConflictError: A schema is another one, or a row reads back as something else.
        StoreError: A row is refused.
    """
    for connection, name in ((source, "source"), (target, "target")):
        revision = revision_of(connection)
        if revision != newest_revision():
            raise ConflictError(
                f"the {name} has schema {revision}, this program writes {newest_revision()}: start "
                "the server once, which brings it up to date"
            )
    for table in reversed(METADATA.sorted_tables):
        target.execute(table.delete())
    for table in METADATA.sorted_tables:
        count = source.execute(select(func.count()).select_from(table)).scalar() or 0
        progress(CopiedTable(table.name, 0, count, compared=False))
        _copy(source, target, table, count, progress)
        _count_on(target, table)
        _compare(source, target, table)
        progress(CopiedTable(table.name, count, count, compared=True))


def _copy(
    source: Connection, target: Connection, table: Table, count: int, progress: OnProgress
) -> None:
    # SQL's null and JSON's are different things.
    values = {
        column.name: bindparam(
            column.name, type_=JSON(none_as_null=True) if _is_json(column) else column.type
        )
        for column in table.columns
    }
    done = 0
    for rows in _rows(source, table).partitions(_ROWS):
        written = [_written(table, row) for row in rows]
        try:
            target.execute(insert(table).values(values), written)
        except (DBAPIError, ValueError) as error:
            why = error.orig if isinstance(error, DBAPIError) else error
            raise StoreError(
                f"{table.name}: a row of {_key(table, rows[0])} to {_key(table, rows[-1])} is "
                f"refused: {why}"
            ) from error
        done += len(rows)
        progress(CopiedTable(table.name, done, count, compared=False))


def _written(table: Table, row: Row[Any]) -> dict[str, Any]:
    found = dict(zip(table.columns.keys(), row, strict=False))
    for column, is_null in zip(_json_columns(table), row[len(table.columns) :], strict=True):
        if found[column.name] is None and not is_null:
            found[column.name] = JSON.NULL
    return found


def _compare(source: Connection, target: Connection, table: Table) -> None:
    for ours, theirs in zip_longest(_rows(source, table), _rows(target, table)):
        if ours is None or theirs is None:
            raise ConflictError(f"{table.name}: a row is missing, or there is one too many")
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            if not _is_same(one, other):
                name = ours._fields[place]
                raise ConflictError(
                    f"{table.name} {_key(table, ours)}, {name}: {one!r} became {other!r}"
                )


def _rows(connection: Connection, table: Table) -> Any:  # noqa: ANN401 (rows of any columns)
    """Select all rows by key: the columns, then of those with JSON whether they are null."""
    columns = [
        type_coerce(column, JSON()).label(column.name) if _is_json(column) else column
        for column in table.columns
    ]
    nulls = [column.is_(null()).label(f"{column.name} is null") for column in _json_columns(table)]
    # PostgreSQL would sort text by the words of its language.
    by_bytes = connection.dialect.name == "postgresql"
    keys = [
        collate(column, "C") if by_bytes and isinstance(column.type, String) else column
        for column in table.primary_key.columns
    ]
    query = select(*columns, *nulls).select_from(table).order_by(*keys)
    return connection.execute(query, execution_options={"yield_per": _ROWS})


def _json_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if _is_json(column)]


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON | PointValue)


def _key(table: Table, row: Row[Any]) -> str:
    values = dict(zip(table.columns.keys(), row, strict=False))
    return ", ".join(f"{one.name} {values[one.name]!r}" for one in table.primary_key.columns)


def _is_same(one: object, other: object) -> bool:
    """Whether two values say the same; SQLite makes 1 of the 1.0 that is the whole of a JSON."""
    if isinstance(one, dict | list | bool) or isinstance(other, bool):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return one == other or (one != one and other != other)  # noqa: PLR0124 (NaN)


def _count_on(target: Connection, table: Table) -> None:
    """Let the next number follow the highest; SQLite does that by itself."""
    column = table.autoincrement_column
    if column is None or target.dialect.name != "postgresql":
        return
    sequence = target.execute(
        text("SELECT pg_get_serial_sequence(:table, :column)"),
        {"table": table.name, "column": column.name},
    ).scalar()
    highest = target.execute(select(func.max(column))).scalar()
    if sequence is not None and highest is not None:
        target.execute(
            text("SELECT setval(CAST(:sequence AS regclass), :highest)"),
            {"sequence": sequence, "highest": highest},
        )
