"""A person commands equipment: over HTTP, broker and line to the register, and back."""

import json
import os
import signal
from typing import Any

import pytest

from tests.e2e.plant import Plant

pytestmark = pytest.mark.asyncio(loop_scope="package")
DEVICE = "riverside/gw-1/pump-5"
SETPOINT = f"{DEVICE}/setpoint"


async def setpoint(plant: Plant) -> dict[str, Any] | None:
    points = await plant.items("points", equipment=DEVICE)
    return next((point for point in points if point["key"] == SETPOINT), None)


async def online(plant: Plant, device: str) -> bool:
    rows = await plant.items("equipment")
    return any(row["key"] == f"riverside/gw-1/{device}" and row["online"] for row in rows)


async def settled(plant: Plant, command_id: int) -> dict[str, Any] | None:
    command = await plant.get(f"commands/{command_id}")
    return command if command["settled_at"] else None


async def test_a_command_reaches_the_register_and_its_result_the_person(plant: Plant) -> None:
    point = await plant.eventually(lambda: setpoint(plant))
    assert (point["writable"], point["minimum"], point["maximum"]) == (True, 0.0, 100.0)
    last_id = str((await plant.get("events", limit=1))["items"][0]["id"])
    given = await plant.post(
        f"points/{point['id']}/commands", {"value": 60, "reason": "cold flats on the top floor"}
    )
    command = await plant.eventually(lambda: settled(plant, given["id"]))
    assert command["state"] in {"done", "unconfirmed"}
    assert command["asked_by"] == "admin"
    kinds: list[str] = []
    async for event in plant.stream("commands", last_id):
        kinds.append(event.data["kind"])
        if event.data["kind"] == "command.settled":
            break
    assert kinds == ["command.asked", "command.settled"]
    audit = await plant.items("events", topic="audit")
    assert any(event["kind"] == "command.given" for event in audit)


async def test_a_command_to_equipment_that_does_not_answer_is_refused_at_once(
    plant: Plant,
) -> None:
    point = await plant.eventually(lambda: setpoint(plant))
    await plant.control(do="fault", unit="pump-5", kind="offline")

    async def offline() -> bool:
        return not await online(plant, "pump-5")

    await plant.eventually(offline)
    answer = await plant.http.post(
        f"/api/v1/points/{point['id']}/commands", json={"value": 50, "reason": "x"}
    )
    assert answer.status_code == 409
    assert "does not answer" in answer.json()["detail"]
    await plant.control(do="clear", unit="pump-5")
    await plant.eventually(lambda: online(plant, "pump-5"))


async def test_a_device_added_by_sighup_appears_and_one_taken_away_goes(plant: Plant) -> None:
    content = json.loads(plant.agent_file.read_text())
    content["devices"]["spare-2"] = content["devices"].pop("spare")
    plant.agent_file.write_text(json.dumps(content))
    os.kill(plant.agent.pid, signal.SIGHUP)

    async def exchanged() -> bool:
        states = [await online(plant, name) for name in ("spare-2", "pump-5", "spare")]
        return states == [True, True, False]

    await plant.eventually(exchanged)
