"""A device that is taken out of the agent file on purpose: no alarm, retired, and back again."""

import json
import os
import signal
from typing import Any

import pytest

from tests.e2e.plant import Plant

GONE, SILENT = "riverside/gw-1/pump-1", "riverside/gw-1/pump-2"


@pytest.fixture
def plant(own_plant: Plant) -> Plant:
    return own_plant


async def equipment(plant: Plant, key: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = (await plant.get("equipment", key=key, state="all"))["items"]
    return found[0]


async def alarms_of(plant: Plant, key: str, state: str = "all") -> list[str]:
    row = await equipment(plant, key)
    items = (await plant.get("alarms", equipment=row["id"], state=state))["items"]
    return [item["rule"] for item in items]


async def announce_unreachable_soon(plant: Plant) -> None:
    answer = await plant.http.put(
        "/api/v1/alarm-rules/heating_pump.unreachable",
        json={"changes": {"on_delay_s": 1}, "reason": "test"},
        headers={"If-Match": '"0"'},
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("way", ["reload", "restart"])
async def test_a_device_leaves_without_an_alarm_is_retired_and_comes_back(
    plant: Plant, way: str
) -> None:
    await announce_unreachable_soon(plant)
    content = json.loads(plant.agent_file.read_text())
    device = content["devices"].pop("pump-1")

    async def apply() -> None:
        plant.agent_file.write_text(json.dumps(content))
        if way == "reload":
            os.kill(plant.agent.pid, signal.SIGHUP)
        else:
            await plant.agent.stop()
            await plant.agent.start()

    await apply()

    async def removed() -> bool:
        row = await equipment(plant, GONE)
        return row["removed_at"] is not None and not row["online"]

    await plant.eventually(removed)
    assert (await equipment(plant, GONE))["reason"] == "removed"

    # The same silence of another pump is an alarm: the rule works, and enough time has passed.
    await plant.control(do="fault", unit="pump-2", kind="offline")

    async def announced() -> bool:
        return "heating_pump.unreachable" in await alarms_of(plant, SILENT)

    await plant.eventually(announced)
    # While the agent restarts the gateway is away; that is no open alarm of the device after it.
    assert await alarms_of(plant, GONE, "open") == []
    assert all(order["equipment"] != GONE for order in await plant.items("work-orders"))

    row = await equipment(plant, GONE)
    retired = await plant.post(f"equipment/{row['id']}/retire", {"reason": "sold"})
    assert retired["retired_by"] == "admin"
    assert (await plant.get("equipment", key=GONE))["items"] == []
    history = await plant.items("points", equipment=row["id"])
    assert history  # what it measured stays

    content["devices"]["pump-1"] = device
    await apply()

    async def back() -> bool:
        items = (await plant.get("equipment", key=GONE))["items"]
        return bool(items) and items[0]["online"] and items[0]["removed_at"] is None

    await plant.eventually(back)
    await plant.control(do="fault", unit="pump-1", kind="offline")

    async def watched() -> bool:
        return "heating_pump.unreachable" in await alarms_of(plant, GONE)

    await plant.eventually(watched)
