"""Where commands read readings and fill them in: a server that runs, shards, or the store."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry

from config.server import ServerSettings
from server.assets.registry import Registry
from server.backup.tables import is_there
from server.control.house import ShardStore, visit_shards
from server.control.visitor import visit
from server.core.clock import SystemClock
from server.core.errors import ConflictError
from server.core.lease import held_shards, hold_shard
from server.core.lock import claim_folder, refuse_unfinished
from server.core.records import Records
from server.core.schema import newest_revision, revision_of
from server.core.shard import WHOLE
from server.exchange.export import RowReader
from server.exchange.points import read_points
from server.history.base import Batch
from server.history.opening import StoredHistory, open_history
from server.history.series_tags import describe_by
from server.roles.split import ROLES, why_one_process


class FillIn(Protocol):
    """Takes readings that no gateway sends."""

    def append(self, batch: Batch) -> None:
        """Store them; what is there already is not stored again.

        Raises:
            StoreError: They cannot be stored now.
        """
        ...

    def left(self) -> list[str]:
        """Return in words what could not be stored from here, and who can."""
        ...


@contextmanager
def open_ledger(settings: ServerSettings) -> Generator[Records]:
    """Open the records to read them beside a server that runs.

    Raises:
        ConflictError: There are none, or they are of another version.
    """
    url = settings.records.url
    if not is_there(url):
        raise ConflictError(f"there are no records in {settings.data_dir}")
    with Records.open(url, read_only=True) as records:
        revision = records.read(lambda session: revision_of(session.connection()))
        if revision != newest_revision():
            raise ConflictError(
                f"the records have schema {revision}, this program writes {newest_revision()}: "
                "start the server once, which brings them up to date"
            )
        yield records


@contextmanager
def history_to_read(settings: ServerSettings) -> Generator[RowReader]:
    """Give the server that runs, else the store: one of its own answers whoever asks.

    Raises:
        ServerError: It cannot be read from here; the message says who can.
    """
    with ExitStack() as stack:
        server = stack.enter_context(visit(settings.data_dir))
        if server is None and why_one_process(settings):
            _claim(settings, stack)
        yield stack.enter_context(_opened(settings)) if server is None else server


@contextmanager
def history_to_fill_in(settings: ServerSettings) -> Generator[FillIn]:
    """Give the processes that ingest, else the store, in which nobody writes meanwhile.

    Whoever ingests knows what is newer than all that is stored, and writes that without a look.

    Raises:
        ServerError: It cannot be written from here; the message says who can.
    """
    with ExitStack() as stack:
        server = stack.enter_context(visit(settings.data_dir))
        if server is not None:
            yield _All(server)
            return
        if why_one_process(settings):
            _claim(settings, stack)
        elif held := held_shards(settings.records.url):
            doors = stack.enter_context(visit_shards(settings.data_dir, held))
            if not doors:
                raise ConflictError(
                    f"readings are filled in by who ingests, and {', '.join(held.values())} has "
                    f"no door in {settings.data_dir} here: use this command on that machine, as "
                    "the server's user"
                )
            with open_ledger(settings) as records:
                sites = {point.id: point.site for point in records.read(read_points)}
            yield ShardStore(doors, held, sites)
            return
        else:
            stack.enter_context(hold_shard(settings.records.url, WHOLE, SystemClock()))
        yield _All(stack.enter_context(_opened(settings)))


class _Appends(Protocol):
    """A server that runs, or an open history."""

    def append(self, batch: Batch) -> None: ...


class _All:
    """One that stores the readings of every site."""

    def __init__(self, store: _Appends) -> None:
        self._store = store

    def append(self, batch: Batch) -> None:
        self._store.append(batch)

    def left(self) -> list[str]:
        return []


def _claim(settings: ServerSettings, stack: ExitStack) -> None:
    stack.enter_context(claim_folder(settings.data_dir, ROLES))
    refuse_unfinished(settings.data_dir)


@contextmanager
def _opened(settings: ServerSettings) -> Generator[StoredHistory]:
    clock = SystemClock()
    with open_ledger(settings) as records:
        registry = Registry(records, clock)
        registry.load()
        opened = open_history(
            settings.history,
            describe=describe_by(registry),
            clock=clock,
            metrics=CollectorRegistry(),
        )
        try:
            yield opened
        finally:
            opened.close()
