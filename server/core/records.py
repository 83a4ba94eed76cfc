"""The records: one writer thread, one transaction per change; reads in the caller's thread."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from server.core.errors import StoreError
from server.core.model import Event

_WRITES = "plantroom_writes"

T = TypeVar("T")
Listener = Callable[[Sequence[Event]], None]


class Records:
    """The database of everything but the time series.

    ``write`` runs a function in the writer thread inside one transaction; what it returns must
    not depend on the session. Listeners hear of the committed events, in the writer thread.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**{_WRITES: True})
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records-writer")
        self._listeners: list[Listener] = []

    @classmethod
    def open(cls, url: str) -> Self:
        """Open ``sqlite:///FILE`` or ``postgresql+psycopg://...``; the schema must exist."""
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            _set_up_sqlite(engine)
        return cls(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is queued and let go of the database; may be repeated."""
        self._writer.shutdown(wait=True)
        self.engine.dispose()

    def listen(self, listener: Listener) -> None:
        """Hear of every committed event; called in the writer thread and must not block."""
        self._listeners.append(listener)

    def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction and wait for its commit.

        Raises:
            StoreError: The database cannot be written now.
        """
        return self._writer.submit(self._transact, work).result()

    async def write_async(self, work: Callable[[Session], T]) -> T:
        """Like ``write``, without blocking the event loop."""
        return await asyncio.wrap_future(self._writer.submit(self._transact, work))

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query in this thread.

        Raises:
            StoreError: The database cannot be read now.
        """
        with _translated(), Session(self.engine, expire_on_commit=False) as session:
            return work(session)

    async def read_async(self, work: Callable[[Session], T]) -> T:
        """Like ``read``, in a thread of its own."""
        return await asyncio.to_thread(self.read, work)

    def _transact(self, work: Callable[[Session], T]) -> T:
        with _translated(), Session(self._writing, expire_on_commit=False) as session:
            with session.begin():
                result = work(session)
                session.flush()
            events: list[Event] = session.info.get("events", [])
        if events:
            for listener in self._listeners:
                listener(events)
        return result


def record_event(
    session: Session,
    *,
    at: int,
    topic: str,
    kind: str,
    subject_id: int | None = None,
    by: str | None = None,
    payload: dict[str, Any] | None = None,
) -> None:
    """Write what happened into the transaction; listeners hear of it after the commit."""
    row = Event(at=at, topic=topic, kind=kind, subject_id=subject_id, by=by, payload=payload or {})
    session.add(row)
    session.info.setdefault("events", []).append(row)


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreError(f"the records cannot be reached: {error.orig}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreError(f"the connection to the records broke: {error.orig}") from error
        raise


def _set_up_sqlite(engine: Engine) -> None:
    """WAL, full durability, foreign keys; a writer takes its lock at once, so it never upgrades."""

    def connected(connection: Any, _record: object) -> None:  # noqa: ANN401 (DBAPI connection)
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Any) -> None:  # noqa: ANN401 (SQLAlchemy connection)
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
