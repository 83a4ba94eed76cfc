"""The stores that ``make bench-history`` measures: how each is opened empty, and filled."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from config.history import InfluxBackend
from server.history.base import Batch, History
from server.history.duckdb import DuckHistory
from tests.bench.history_peers import InfluxPeer, Peer, VictoriaPeer
from tests.bench.year import DAY_MS, Estate, readings, write_days
from tests.fakes.sparkplug_node import now_ms
from tests.influxdb import temporary_influxdb, v2_in_front_of
from tests.stores import ask_influx, influx_in, victoria_at
from tests.victoria import temporary_victoria

SLOW, FAST = 1000, 200
YEARS = 10
"""So many of the slow points have a year in a store that is a server: writing more takes hours."""
FAST_S = int(os.environ.get("PLANTROOM_BENCH_FAST_S", "1"))
"""So often the fast points speak there; 5 for a fifth of the work."""
ESTATE = Estate(slow=SLOW, period_s=300, fast=FAST)
YEAR = 365
BATCH = 20_000
_FILL = 100_000


class Filled(NamedTuple):
    """A store with a year in it."""

    settings: dict[str, Any]
    """Section ``history`` of a server file."""
    values: int
    size: Callable[[], int]
    """Bytes on disk."""
    figures: dict[str, Any]
    """What filling it has shown."""
    peer: Peer | None = None
    """The store itself, asked without Plantroom."""


class Store(NamedTuple):
    """How a store is opened empty, and filled."""

    empty: Callable[[Path], AbstractContextManager[History]]
    filled: Callable[[Path, int, Path | None], AbstractContextManager[Filled]]
    program: str = ""
    """What has to be installed."""

    @property
    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        return not self.program or shutil.which(self.program) is not None


@contextmanager
def _empty_folder(folder: Path) -> Generator[History]:
    with contextlib.closing(DuckHistory(folder)) as history:
        yield history


@contextmanager
def _filled_folder(folder: Path, last: int, year: Path | None) -> Generator[Filled]:
    if year is None:
        write_days(folder, last, YEAR, ESTATE)
    else:
        shutil.copytree(year, folder)
    with contextlib.closing(DuckHistory(folder)) as history:  # takes the files over
        began = time.perf_counter()
        history.maintain(now_ms())
        rolled_up_s = round(time.perf_counter() - began, 1)
    values = sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))

    def size() -> int:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    yield Filled({"path": str(folder)}, values, size, {"roll_up_s": rolled_up_s})


class Served(NamedTuple):
    """An empty store on a server of its own."""

    backend: dict[str, Any]
    """Of a server file."""
    history: Callable[[], History]
    """Opens it."""
    peer: Peer


@contextmanager
def _influxdb(folder: Path) -> Generator[Served]:
    folder.mkdir(parents=True)
    (folder / "token").write_text("secret\n")
    (folder / "token").chmod(0o600)
    with ExitStack() as stack:
        server = stack.enter_context(temporary_influxdb(folder=folder))
        url = stack.enter_context(v2_in_front_of(server.url))
        ask_influx(url, 'CREATE DATABASE "plantroom"')
        backend = InfluxBackend(
            kind="influxdb",
            url=url,
            organisation="estate",
            timeout_s=60,
            token_file=folder / "token",
        )
        yield Served(
            backend.model_dump(mode="json"), partial(influx_in, backend), InfluxPeer(server.url)
        )


@contextmanager
def _victoriametrics(folder: Path) -> Generator[Served]:
    folder.mkdir(parents=True)
    with temporary_victoria(folder=folder) as server:
        backend = {"kind": "victoriametrics", "url": server.url, "timeout_s": 60}
        yield Served(
            backend, partial(victoria_at, server.url, timeout_s=60), VictoriaPeer(server.url)
        )


Serve = Callable[[Path], AbstractContextManager[Served]]


@contextmanager
def _empty_served(serve: Serve, folder: Path) -> Generator[History]:
    with serve(folder) as served, contextlib.closing(served.history()) as history:
        yield history


@contextmanager
def _filled_served(serve: Serve, folder: Path, last: int, _: Path | None) -> Generator[Filled]:
    """A year of some points, and a day of those that speak every second."""
    end = (last + 1) * DAY_MS
    estate = ESTATE._replace(fast_s=FAST_S)
    spans = [(one, YEAR) for one in range(1, YEARS + 1)]
    spans += [(one, 1) for one in range(SLOW + 1, SLOW + FAST + 1)]
    with serve(folder) as served:
        values, batch = 0, Batch()
        with contextlib.closing(served.history()) as history:
            for series, days in spans:
                for row in readings(estate, series, end - days * DAY_MS, end):
                    batch.add(series, *row)
                if len(batch) >= _FILL:
                    values += len(batch)
                    history.append(batch)
                    batch = Batch()
            values += len(batch)
            history.append(batch)
            began = time.perf_counter()
            history.maintain(now_ms())
            rolled_up_s = round(time.perf_counter() - began, 1)

        def size() -> int:
            parts = [folder / part for part in ("data", "wal")]
            return sum(
                file.stat().st_size for part in parts for file in part.rglob("*") if file.is_file()
            )

        figures = {"roll_up_s": rolled_up_s}
        yield Filled({"backend": served.backend}, values, size, figures, served.peer)


def _served(serve: Serve, program: str) -> Store:
    return Store(partial(_empty_served, serve), partial(_filled_served, serve), program)


STORES = {
    "embedded": Store(_empty_folder, _filled_folder),
    "influxdb": _served(_influxdb, "influxd"),
    "victoriametrics": _served(_victoriametrics, "victoria-metrics"),
}
