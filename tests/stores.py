"""The stores that tests of the history run on besides the embedded one, when there are any."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry

from config.history import InfluxBackend, VictoriaBackend
from server.core.clock import SystemClock
from server.history.influx import InfluxHistory
from server.history.series_tags import Describe, SeriesTags
from server.history.victoria import VictoriaHistory
from tests.victoria import temporary_victoria

INFLUX_VARIABLE = "PLANTROOM_TEST_INFLUXDB"
STORE_MARKS = [
    pytest.mark.stores,
    pytest.mark.skipif(not os.environ.get(INFLUX_VARIABLE), reason=f"{INFLUX_VARIABLE} is not set"),
]


def describe(series_id: int) -> SeriesTags:
    """Two classes, and names that need care."""
    kind = ("heating_pump", "electricity, meter=1")[series_id % 2]
    return SeriesTags(kind, "east gate", "gw,1", "pump=1\\", f"temperature {series_id}")


def new_database() -> InfluxBackend:
    """Make an empty database and return how it is reached."""
    url = os.environ[INFLUX_VARIABLE]
    name = f"test_{uuid4().hex}"
    ask_influx(url, f'CREATE DATABASE "{name}"')
    return InfluxBackend(kind="influxdb", url=url, organisation="estate", bucket=name)


def ask_influx(url: str, statement: str, *, database: str = "") -> None:
    """Have a statement carried out."""
    parameters = {"q": statement, "db": database}
    answer = httpx.post(f"{url}/query", params=parameters, trust_env=False)
    assert answer.is_success, answer.text
    assert "error" not in answer.text, answer.text


def new_influx(*, retention_days: int = 1825) -> InfluxHistory:
    """Open a history in an empty database."""
    return influx_in(new_database(), retention_days=retention_days)


def influx_in(
    backend: InfluxBackend, *, retention_days: int = 1825, describe: Describe = describe
) -> InfluxHistory:
    """Open the history of a database."""
    return InfluxHistory(
        backend,
        token="secret",
        describe=describe,
        clock=SystemClock(),
        metrics=CollectorRegistry(),
        retention_days=retention_days,
    )


def victoria_at(
    url: str,
    *,
    retention_days: int = 1825,
    describe: Describe = describe,
    timeout_s: float = 10,
    interval_s: float = 0,
) -> VictoriaHistory:
    """Open the history of a server."""
    return VictoriaHistory(
        VictoriaBackend(
            kind="victoriametrics", url=url, snapshot_interval_s=interval_s, timeout_s=timeout_s
        ),
        token="",
        describe=describe,
        clock=SystemClock(),
        metrics=CollectorRegistry(),
        retention_days=retention_days,
    )


@contextmanager
def new_victoria(folder: Path, *, retention_days: int = 1825) -> Generator[VictoriaHistory]:
    """Start an empty server in a folder and open a history in it."""
    folder.mkdir()
    with temporary_victoria(folder=folder) as server:
        history = victoria_at(server.url, retention_days=retention_days)
        yield history
        history.close()
