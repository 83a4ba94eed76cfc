"""The records: one writer thread, one transaction per change; reads in the caller's thread."""

import asyncio
import secrets
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from copy import copy
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from server.core import postgres
from server.core.audit import Actor, add_entry
from server.core.errors import StoreError
from server.core.model import Event
from server.core.pulse import Pulse
from server.core.sqlite import RELAXED, WRITES, Checkpoints, set_up

T = TypeVar("T")
Listener = Callable[[Sequence[Event]], None]
Noting = Callable[[Session, object], None]


_EVENTS, _KEPT = "events", "kept"


class _Keeping(Session):
    """Keeps what it has read until it ends; others read anew what nobody holds meanwhile."""


@event.listens_for(_Keeping, "loaded_as_persistent")
@event.listens_for(_Keeping, "pending_to_persistent")
def _keep(session: Session, instance: object) -> None:
    session.info.setdefault(_KEPT, []).append(instance)


class _RolledBackError(Exception):
    """Ends a dry run; the transaction is rolled back by it."""


class Records:
    """The database of everything but the time series.

    ``write`` runs a function in the writer thread inside one transaction; what it returns must
    not depend on the session. Listeners hear of the committed events, in the writer thread. Of
    several processes one writes at a time (ADR-53).
    """

    def __init__(self, engine: Engine, *, checkpoints: Checkpoints | None = None) -> None:
        self.engine = engine
        self._checkpoints = checkpoints
        self._sender = secrets.token_hex(8)
        writing = {WRITES: True, postgres.SENDER: self._sender}
        self._writing = engine.execution_options(**writing)
        self._relaxed = engine.execution_options(**writing, **{RELAXED: True})
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records-writer")
        self._listeners: list[Listener] = []
        self._actor: Actor | None = None
        self._noting: Noting | None = None
        self._pulse = Pulse(self._answers)

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Open ``sqlite:///FILE`` or ``postgresql+psycopg://...``; the schema must exist.

        Args:
            url: Of SQLAlchemy.
            read_only: Another process writes; the database refuses every change from here.
        """
        if read_only:
            return cls._open_to_read(url)
        if make_url(url).get_backend_name() != "sqlite":
            engine = create_engine(url, connect_args={"options": postgres.SESSION})
            event.listen(engine, "begin", postgres.begin)
            return cls(engine)
        engine = create_engine(url)
        set_up(engine)
        return cls(engine, checkpoints=Checkpoints(engine.url.database or ":memory:"))

    @classmethod
    def _open_to_read(cls, url: str) -> Self:
        if make_url(url).get_backend_name() == "sqlite":
            engine = create_engine(url)
            set_up(engine, read_only=True)
            return cls(engine)
        # Each statement sees what is committed when it begins, as in a transaction of its default
        # level, but without the two questions that begin and end one.
        only_read = {"options": "-c default_transaction_read_only=on"}
        return cls(create_engine(url, isolation_level="AUTOCOMMIT", connect_args=only_read))

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
        if self._checkpoints is not None:
            self._checkpoints.close()
        self.engine.dispose()

    def acting(self, actor: Actor, noting: Noting | None = None) -> Self:
        """Return these records for one who acts: each write has its row of the audit.

        Args:
            actor: Who it is.
            noting: Runs at the end of each transaction, with what its work returned.
        """
        mine = copy(self)
        mine._actor, mine._noting = actor, noting  # noqa: SLF001 (its own kind)
        return mine

    def listen(self, listener: Listener) -> None:
        """Call a listener with the events of each commit, in another thread; it must not block.

        It is called without events when another process has committed some.
        """
        self._listeners.append(listener)

    def hear_others(self) -> AbstractContextManager[object]:
        """Let listeners hear of the commits of other processes while the returned context lasts."""
        if self.engine.dialect.name == "sqlite":
            return nullcontext()
        url = self.engine.url.render_as_string(hide_password=False)
        return postgres.CommitWatch(url, lambda: self._tell(()), but=self._sender)

    def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction and wait for its commit.

        Raises:
            StoreError: The database cannot be written now.
        """
        return self._writer.submit(self._transact, work, self._writing).result()

    async def write_async(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        """Like ``write``, without blocking the event loop.

        Args:
            work: Runs in the writer's thread.
            durable: Wait for the disk. What is not durable survives the end of the process, but
                a power cut may undo it until the next durable commit.
        """
        on = self._writing if durable else self._relaxed
        return await asyncio.wrap_future(self._writer.submit(self._transact, work, on))

    async def beat(self) -> bool:
        """Return whether the database answers questions now; one that hangs does not."""
        return await self._pulse.beats()

    def _answers(self) -> bool:
        try:
            return self.read(lambda session: session.scalar(text("SELECT 1"))) == 1
        except StoreError:
            return False

    def dry_run(self, work: Callable[[Session], object]) -> None:
        """Run ``work`` in one transaction and take it back; no listener receives its events.

        Raises:
            StoreError: The database cannot be written now.
        """

        def work_and_roll_back(session: Session) -> None:
            work(session)
            # One event and several are different statements.
            session.add_all(session.info.get(_EVENTS, [])[:1])
            session.flush()
            _flush(session)
            raise _RolledBackError

        with suppress(_RolledBackError):
            self.write(work_and_roll_back)

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query in this thread.

        Raises:
            StoreError: The database cannot be read now.
        """
        with _translated(), _Keeping(self.engine, expire_on_commit=False) as session:
            return work(session)

    async def read_async(self, work: Callable[[Session], T]) -> T:
        """Like ``read``, in a thread of its own."""
        return await asyncio.to_thread(self.read, work)

    def _transact(self, work: Callable[[Session], T], on: Engine) -> T:
        with (
            _translated(),
            _Keeping(on, expire_on_commit=False) as session,
            session.begin(),
        ):
            result = work(session)
            if self._noting is not None:
                self._noting(session, result)
            events = _flush(session)
            if self._actor is not None:
                add_entry(session, self._actor, events)
        if self._checkpoints is not None:
            self._checkpoints.after_commit()
        if events:
            self._tell(events)
        return result

    def _tell(self, events: Sequence[Event]) -> None:
        for listener in self._listeners:
            listener(events)


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
    """Write what happened at the end of the transaction; listeners hear of it after the commit."""
    row = Event(at=at, topic=topic, kind=kind, subject_id=subject_id, by=by, payload=payload or {})
    session.info.setdefault(_EVENTS, []).append(row)


def _flush(session: Session) -> list[Event]:
    """Write what is left, all events in their order, and return these."""
    events: list[Event] = session.info.get(_EVENTS, [])
    session.add_all(events)
    session.flush()
    if events and session.get_bind().dialect.name != "sqlite":
        postgres.announce(session.connection())
    return events


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreError(f"the records cannot be reached: {error.orig}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreError(f"the connection to the records broke: {error.orig}") from error
        # SQLite says so of a page or a file; mistakes in a statement are subclasses.
        if type(error) is DatabaseError:
            raise StoreError(
                f"the records are damaged: {error.orig}; put back a copy of their file"
            ) from error
        raise
