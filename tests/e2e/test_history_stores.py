"""InfluxDB and VictoriaMetrics that are away, hang, refuse or are full: nothing is lost or doubled.

Meanwhile nothing is acknowledged, alarms go on, and people are told once.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.backing import HistoryServer
from tests.e2e.store_trials import away, delivered, house_of
from tests.small_disk import NEEDS_ROOT, fill, small_disk

KINDS = ["influxdb", "victoriametrics"]


@contextmanager
def killed(store: HistoryServer) -> Generator[None]:
    store.kill()
    yield
    store.start()


@contextmanager
def hanging(store: HistoryServer) -> Generator[None]:
    store.send_signal(signal.SIGSTOP)
    yield
    store.send_signal(signal.SIGCONT)


@contextmanager
def slow(store: HistoryServer) -> Generator[None]:
    """What it is asked reaches it after its answer was waited for."""
    store.faults.delay_s = 10.0
    yield
    store.faults.delay_s = 0.0


@contextmanager
def refusing(store: HistoryServer) -> Generator[None]:
    store.faults.refusal = 503
    yield
    store.faults.refusal = 0


FAULTS = [killed, hanging, slow, refusing]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_that_fails_holds_back_acknowledgements_only(
    tmp_path: Path, kind: str, fault: Callable[[HistoryServer], Any]
) -> None:
    store = HistoryServer(kind, tmp_path)
    with store.running():
        async with house_of(tmp_path, store.settings) as (house, node, panel):
            with fault(store):
                await away(house, node, panel)
            await delivered(house, node)


@NEEDS_ROOT
@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_whose_disk_is_full_holds_back_acknowledgements_only(
    tmp_path: Path, kind: str
) -> None:
    with small_disk(tmp_path / "small", size_mb=64) as disk:
        store = HistoryServer(kind, tmp_path, data=disk / kind)
        with store.running():
            async with house_of(tmp_path, store.settings) as (house, node, panel):
                # VictoriaMetrics stops before the end; a write that fails would be the end of it.
                ballast = fill(disk, leave=4 << 20 if kind == "victoriametrics" else 0)
                await away(house, node, panel)
                ballast.unlink()
                if kind == "influxdb":  # 1.6 goes on refusing, and forgets what it merely shows
                    store.kill()
                    store.start()
                await delivered(house, node)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_and_its_store_are_killed_together(tmp_path: Path, kind: str) -> None:
    store = HistoryServer(kind, tmp_path)
    with store.running():
        async with house_of(tmp_path, store.settings) as (house, node, _):
            store.kill()
            await house.server.kill()
            store.start()
            await house.server.start()
            await delivered(house, node)
