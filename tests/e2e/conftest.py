"""A small plant that several tests share: one estate, one agent, one server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.plant import Plant

ESTATE = {
    "endpoints": {"lan": {"kind": "modbus_tcp"}},
    "units": {
        "pump-1": {
            "endpoint": "lan",
            "unit": 1,
            "equipment": "pump",
            "profile": "grundfos-magna3",
            "name": {"en": "Circulation pump 1", "zh": "1#循环泵"},
            "period_s": 0.5,
        },
        "pump-2": {
            "endpoint": "lan",
            "unit": 2,
            "equipment": "pump",
            "profile": "grundfos-magna3",
            "name": {"en": "Circulation pump 2", "zh": "2#循环泵"},
            "period_s": 0.5,
        },
        "counter": {
            "endpoint": "lan",
            "unit": 3,
            "equipment": "counter",
            "class": "electricity_meter",
            "name": {"en": "Counter", "zh": "计数器"},
            "period_s": 0.1,
        },
    },
}
PUMP = "riverside/gw-1/pump-2"


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(tmp_path, estate=ESTATE) as running:
        await running.eventually(lambda: running.items("values", equipment=PUMP))
        yield running
