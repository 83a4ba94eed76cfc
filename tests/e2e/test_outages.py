"""Broker, server and agent are stopped and killed; a counter that never repeats proves that
every journaled value is in the history exactly once, in order."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.plant import Plant

OUTAGE_S = 30
COUNTERS = {"count-tcp": "lan", "count-rtu": "line"}
ESTATE = {
    "endpoints": {
        "lan": {"kind": "modbus_tcp"},
        "line": {"kind": "pty", "path": "line", "baud": 115200},
    },
    "units": {
        "count-tcp": {
            "endpoint": "lan",
            "unit": 1,
            "equipment": "counter",
            "class": "electricity_meter",
            "name": {"en": "Counter on TCP", "zh": "网口计数器"},
            "period_s": 0.2,
        },
        "count-rtu": {
            "endpoint": "line",
            "unit": 2,
            "equipment": "counter",
            "class": "electricity_meter",
            "name": {"en": "Counter on RS-485", "zh": "串口计数器"},
            "period_s": 0.5,
        },
        "pump": {
            "endpoint": "lan",
            "unit": 3,
            "equipment": "pump",
            "profile": "grundfos-magna3",
            "name": {"en": "Circulation pump 1", "zh": "1#循环泵"},
            "period_s": 0.5,
        },
    },
}


@pytest.fixture
async def plant(tmp_path: Path):  # noqa: ANN201
    ESTATE["endpoints"]["line"]["path"] = str(tmp_path / "line")
    async with Plant(tmp_path, estate=ESTATE) as running:
        for device in COUNTERS:
            await running.eventually(lambda device=device: counted(running, device))
        yield running


def key(device: str) -> str:
    return f"riverside/gw-1/{device}/count"


async def counted(plant: Plant, device: str) -> list[tuple[int, int]]:
    """What is stored of a counter; it always answered, so nothing but values."""
    stored = await plant.stored(key(device))
    assert None not in [value for _, value in stored]
    return stored


async def complete(plant: Plant, *, gaps_allowed: int = 0, largest_gap: int = 0) -> bool:
    """Whether every counter value is there, up to what a kill may cost.

    Fails the test at once when one is doubled or out of order: that never mends.
    """
    for device in COUNTERS:
        stored = await counted(plant, device)
        values = [value for _, value in stored]
        assert values == sorted(set(values)), f"{device}: out of order or doubled"
        assert [at for at, _ in stored] == sorted({at for at, _ in stored})
        gaps = [later - earlier - 1 for earlier, later in pairwise(values) if later != earlier + 1]
        if len(gaps) > gaps_allowed or any(gap > largest_gap for gap in gaps):
            return False
    return True


async def caught_up(plant: Plant) -> bool:
    """Whether the newest stored value of each counter is fresh."""
    for device in COUNTERS:
        answer = await plant.control(do="get", unit=device, point="count")
        stored = await counted(plant, device)
        if not stored or answer["value"] - stored[-1][1] > 15:
            return False
    return True


async def one_of_each(plant: Plant) -> bool:
    """Whether the tripped pump has one open order and one message; several are never right."""
    orders = await plant.items("work-orders", state="open")
    messages = [d for d in plant.receiver.deliveries if d.body["type"] == "incident.opened"]
    assert len(orders) <= 1
    assert len({d.id for d in messages}) <= 1
    return bool(orders and messages)


async def test_a_broker_that_is_away_for_30_s_loses_and_doubles_nothing(plant: Plant) -> None:
    await plant.broker.stop()
    await asyncio.sleep(OUTAGE_S / 3)
    await plant.control(do="trip", unit="pump")
    await asyncio.sleep(OUTAGE_S * 2 / 3)
    await plant.broker.start()
    await plant.eventually(lambda: caught_up(plant))
    await plant.eventually(lambda: one_of_each(plant))
    await plant.eventually(lambda: complete(plant))


async def test_a_server_killed_for_30_s_loses_and_doubles_nothing(plant: Plant) -> None:
    await plant.control(do="trip", unit="pump")
    await asyncio.sleep(0.7)
    await plant.server.kill()
    await asyncio.sleep(OUTAGE_S)
    await plant.server.start()
    await plant.eventually(lambda: caught_up(plant))
    await plant.eventually(lambda: one_of_each(plant))
    await plant.eventually(lambda: complete(plant))


async def test_an_agent_killed_while_the_broker_is_away_keeps_what_it_journaled(
    plant: Plant,
) -> None:
    await plant.broker.stop()
    await asyncio.sleep(OUTAGE_S / 3)
    await plant.agent.kill()
    journaled = {device: plant.journaled(device, "count") for device in COUNTERS}
    assert all(len(rows) > 10 for rows in journaled.values())
    await plant.agent.start()
    await asyncio.sleep(3)
    await plant.broker.start()
    await plant.eventually(lambda: caught_up(plant))
    for device, rows in journaled.items():
        await plant.eventually(lambda device=device, rows=rows: holds(plant, device, rows))
    # The kill may cost one commit interval and the read that was under way.
    await plant.eventually(lambda: complete(plant, gaps_allowed=1, largest_gap=4))


async def holds(plant: Plant, device: str, rows: list[tuple[int, int]]) -> bool:
    """Whether every journaled row is stored, with its own timestamp."""
    return set(rows) <= set(await counted(plant, device))
