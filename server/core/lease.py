"""One process for each part of a house: an advisory lock of PostgreSQL, held by a session.

The database lets go of it when the session ends, however the process ends.
"""

import asyncio
import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from socket import gethostname
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow
from structlog import get_logger

from server.core.clock import Clock
from server.core.errors import ServerError, StoreError
from server.core.postgres import connect
from server.core.shard import MOST, Shard

_CLASS: Final = 0x504C_4E54
"""The first half of the locks' keys; the second is number and count of a shard."""
_LOOK_S: Final = 5.0
_HELD: Final = """
SELECT l.objid::int, a.application_name, l.pid = pg_backend_pid()
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
AND l.classid = %s AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
log = get_logger()


class ShardLease:
    """The right to ingest what a shard owns; ``watch`` ends when it is lost to somebody."""

    def __init__(
        self, url: str, shard: Shard, connection: psycopg.Connection[TupleRow], clock: Clock
    ) -> None:
        self._url = url
        self._shard = shard
        self._connection = connection
        self._clock = clock
        self._interrupted = False

    async def watch(self) -> None:
        """Look until cancelled whether it is held still; take it again when the database was away.

        Raises:
            ServerError: Another process has it now.
        """
        while True:
            await self._clock.sleep(_LOOK_S)
            await asyncio.to_thread(self._look)

    def close(self) -> None:
        """Give it back; may be repeated."""
        self._connection.close()

    def _look(self) -> None:
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if not self._interrupted:
                log.warning("shard_lease_interrupted", error=str(error).strip())
            self._interrupted = True
            self._again()

    def _again(self) -> None:
        self._connection.close()
        try:
            self._connection = _take(self._url, self._shard)
        except StoreError:
            return
        self._interrupted = False
        log.info("shard_lease_held_again")


@contextmanager
def hold_shard(url: str, shard: Shard, clock: Clock) -> Generator[ShardLease]:
    """Hold the lease of a shard, and see that all shards are of the same number.

    Args:
        url: Of the records; PostgreSQL.
        shard: What is ingested.
        clock: Paces the looks whether it is held still.

    Raises:
        ServerError: Another process ingests it, or divides the sites differently.
        StoreError: The records cannot be reached.
    """
    lease = ShardLease(url, shard, _take(url, shard), clock)
    try:
        yield lease
    finally:
        lease.close()


def held_shards(url: str) -> dict[Shard, str]:
    """Return which shards are ingested now, wherever, and by whom: in words with machine, process.

    Raises:
        StoreError: The records cannot be reached.
    """
    try:
        with connect(url, "look at leases") as connection:
            held = _others(connection.execute(_HELD, (_CLASS,)).fetchall())
    except psycopg.OperationalError as error:
        raise StoreError(f"the records cannot be reached: {str(error).strip()}") from error
    shards = {Shard(key // MOST, key % MOST or MOST): who for key, who in held.items()}
    return {one: shards[one] for one in sorted(shards, key=lambda one: one.number)}


def _take(url: str, shard: Shard) -> psycopg.Connection[TupleRow]:
    name = f"ingest {shard} on {gethostname()[:24]}, process {os.getpid()}"
    try:
        with ExitStack() as stack:
            connection = connect(url, name)
            stack.callback(connection.close)
            _lock(connection, shard)
            stack.pop_all()
    except psycopg.OperationalError as error:
        raise StoreError(f"the records cannot be reached: {str(error).strip()}") from error
    return connection


def _lock(connection: psycopg.Connection[TupleRow], shard: Shard) -> None:
    asked = "SELECT pg_try_advisory_lock(%s, %s)"
    got = connection.execute(asked, (_CLASS, _key(shard))).fetchone()
    # Two that start at the same time see each other: both look after they have their locks.
    others = _others(connection.execute(_HELD, (_CLASS,)).fetchall())
    if got is None or not got[0]:
        raise ServerError(
            f"shard {shard} is ingested by another process already "
            f"({others.get(_key(shard), 'it has just ended')}); stop that one first"
        )
    for key, who in others.items():
        if key % MOST != shard.count % MOST:
            raise ServerError(
                f"shard {shard}: another process divides the sites differently ({who}); "
                "all ingest processes of a house have the same n in --shard k/n"
            )


def _others(rows: Sequence[tuple[Any, ...]]) -> dict[int, str]:
    return {key: str(name or "unknown") for key, name, own in rows if not own}


def _key(shard: Shard) -> int:
    return shard.number * MOST + shard.count % MOST
