"""PostgreSQL: one writer at a time among all processes, who hear of each other's commits."""

import threading
from collections.abc import Callable
from typing import Any, Final, Self

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import Connection, make_url, text

from server.core.sqlite import RELAXED, WRITES

_CHANNEL: Final = "plantroom_committed"
_WRITER: Final = 0x504C_414E_5457
"""The advisory lock of whoever writes."""
_POLL_S: Final = 0.5
_PAUSE_S: Final = 1.0
SENDER: Final = "plantroom_sender"
"""Option of a connection: who is told of as having committed."""
_NOTIFY: Final = text("SELECT pg_notify(:channel, :sender)")
log = structlog.get_logger()

SESSION: Final = (
    # A process that hangs, or a machine that is gone, must not keep everybody else from writing.
    "-c idle_in_transaction_session_timeout=60s "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
"""Options of each connection that may write."""


def begin(connection: Connection) -> None:
    """Begin a transaction; one that writes waits for its turn among all processes.

    So each sees all that those before it did, as in the writer thread of one process, and events
    become visible in the order of their ids: no reader passes over one.
    """
    options = connection.get_execution_options()
    if options.get(WRITES, False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")
    if options.get(RELAXED, False):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")


def announce(connection: Connection) -> None:
    """Let other processes hear of this transaction when it is committed."""
    sender = connection.get_execution_options().get(SENDER, "")
    connection.execute(_NOTIFY, {"channel": _CHANNEL, "sender": sender})


class CommitWatch:
    """Calls back when another process has committed events; a context manager.

    Whoever is called looks at the rows: a notification that is lost with its connection is made up
    for when the connection is back.
    """

    def __init__(self, url: str, heard: Callable[[], object], *, but: str) -> None:
        """Prepare.

        Args:
            url: Of SQLAlchemy.
            heard: Called in a thread of its own; must not block.
            but: The sender whose commits are no news.
        """
        self._but = but
        self._url = url
        self._heard = heard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commit-watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._stopping.is_set():
            try:
                with connect(self._url, "commits") as connection:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(_CHANNEL)))
                    if failing:
                        log.info("commits_heard_again")
                    failing = False
                    self._heard()
                    self._listen(connection)
            except psycopg.OperationalError as error:
                if not failing:
                    log.warning("commits_unheard", error=str(error).strip())
                failing = True
                self._stopping.wait(_PAUSE_S)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stopping.is_set():
            senders = {one.payload for one in connection.notifies(timeout=_POLL_S, stop_after=1)}
            if senders - {self._but}:
                self._heard()


def connect(url: str, purpose: str) -> psycopg.Connection[Any]:
    """Return a connection of its own, in which each statement is a transaction.

    Args:
        url: Of SQLAlchemy.
        purpose: What people see in pg_stat_activity.
    """
    driverless = make_url(url).set(drivername="postgresql")
    return psycopg.connect(
        driverless.render_as_string(hide_password=False),
        autocommit=True,
        application_name=f"plantroom {purpose}"[:63],
        options=SESSION,
    )
