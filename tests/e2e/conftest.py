"""A small plant of a test's own: one estate, one agent, one server; and who shares processes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.e2e.packages import Packages, make_packages
from tests.e2e.plant import Plant


def _pump(number: int) -> dict[str, Any]:
    return {
        "endpoint": "lan",
        "unit": number,
        "equipment": "pump",
        "profile": "grundfos-magna3",
        "name": {"en": f"Circulation pump {number}", "zh": f"{number}#循环泵"},
        "period_s": 0.5,
    }


def _counter(unit: int) -> dict[str, Any]:
    return {
        "endpoint": "lan",
        "unit": unit,
        "equipment": "counter",
        "class": "electricity_meter",
        "name": {"en": f"Counter {unit}", "zh": f"计数器 {unit}"},
        "period_s": 0.1,
    }


def _estate(units: dict[str, Any]) -> dict[str, Any]:
    return {"endpoints": {"lan": {"kind": "modbus_tcp"}}, "units": units}


ESTATE = _estate({"pump-1": _pump(1), "pump-2": _pump(2), "counter": _counter(3)})
SHARED_ESTATE = _estate(
    {f"pump-{number}": _pump(number) for number in range(1, 7)}
    | {"counter": _counter(10), "spare": _counter(11)}
)
PUMP = "riverside/gw-1/pump-2"
_SHARED = "/shared_plant"
"""The folder whose tests take turns at one plant."""
_TOGETHER = {
    "test_divided.py": "divided",
    "test_image.py": "packages",
    "test_install_document.py": "packages",
    "test_packages.py": "packages",
    "test_readers.py": "readers",
    "test_state.py": "state",
}
"""Modules whose tests share processes, and what those are called."""


class _Scheduler(LoadScopeScheduling):
    """Gives tests that share processes to one worker, every other to the next that is free."""

    def _split_scope(self, nodeid: str) -> str:
        folder, _, module = nodeid.partition("::")[0].rpartition("/")
        return folder if folder.endswith(_SHARED) else _TOGETHER.get(module, nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduler:
    return _Scheduler(config, log)


@pytest.fixture
async def own_plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(tmp_path, estate=ESTATE) as running:
        await running.eventually(lambda: running.items("values", equipment=PUMP))
        yield running


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return make_packages(tmp_path_factory.mktemp("packages"))
