"""One cache of compiled SQL for all databases of one kind in a test run.

SQLAlchemy keeps compiled statements for each engine. Nearly every test of the server opens a
database of its own, so each would compile the same statements again: half of such a test's time.
"""

from collections.abc import Generator, Hashable
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_SHARED = "shared"
_DIALECTS = (SQLiteDialect_pysqlite, PGDialect_psycopg)
_cache = LRUCache(5000)
_apart = False


def _key(dialect: object) -> Hashable:
    """Return what dialects with common statements have in common; it stays as first asked for."""
    return vars(dialect).setdefault("compiled_for", id(dialect) if _apart else _SHARED)


def _is_alike(one: object, other: object) -> bool:
    return type(other) is type(one) and _key(one) == _key(other)


def _hash(one: object) -> int:
    return hash(_key(one))


def _use_cache(connection: Connection) -> None:
    dialect = connection.dialect
    if isinstance(dialect, _DIALECTS) and _key(dialect) == _SHARED:
        connection.execution_options(compiled_cache=_cache)


def share_compiled_sql() -> None:
    """Let all engines of one kind, which the server sets up alike, use one cache."""
    for dialect in _DIALECTS:
        dialect.__eq__ = _is_alike
        dialect.__hash__ = _hash
    if not event.contains(Engine, "engine_connect", _use_cache):
        event.listen(Engine, "engine_connect", _use_cache)


@contextmanager
def compiled_apart() -> Generator[None]:
    """Let each engine that is first used meanwhile compile for itself, as in a server."""
    global _apart  # noqa: PLW0603 (dialects are made deep inside)
    _apart = True
    try:
        yield
    finally:
        _apart = False
