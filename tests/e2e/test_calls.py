"""People are called by the real server, each step once, also when it is killed in between."""

from typing import Any

import pytest

from tests.e2e.plant import Plant

pytestmark = pytest.mark.timeout(90)
STEPS = [
    {"after_s": 0, "who": ["on_duty"]},
    {"after_s": 6, "who": ["leader"]},
    {"after_s": 12, "who": ["manager"]},
]


@pytest.fixture
def plant(own_plant: Plant) -> Plant:
    return own_plant


async def put(plant: Plant, path: str, body: dict[str, Any]) -> None:
    answer = await plant.http.put(f"/api/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text


async def staff(plant: Plant) -> None:
    for key, role in (("wang", "engineer"), ("li", "lead"), ("zhao", "manager")):
        person = {"name": key, "role": role, "channels": [{"channel": "supplier"}]}
        await put(plant, f"persons/{key}", person)
    shift = {"start": "08:00", "end": "08:00", "persons": ["wang"]}
    await put(plant, "rosters/house", {"name": "House", "shifts": [shift]})
    await put(plant, "escalation-policies/fast", {"steps": STEPS, "idle_s": 3})


def called(plant: Plant) -> list[str]:
    """Who was called, in order, each attempt once however often it was sent."""
    ids = {one.id: one for one in plant.receiver.deliveries if one.id.startswith("incident-step/")}
    return [one.body["data"]["person"]["key"] for one in ids.values()]


async def test_each_step_runs_once_though_the_server_is_killed_between(plant: Plant) -> None:
    await staff(plant)
    await plant.control(do="trip", unit="pump-2")

    async def first() -> bool:
        return called(plant) == ["wang"]

    await plant.eventually(first)
    await plant.server.kill()
    await plant.server.start()

    async def last() -> bool:
        return "zhao" in called(plant)

    await plant.eventually(last, within_s=40)
    assert called(plant) == ["wang", "li", "zhao"]
    incident = await plant.get("incidents/1")
    assert [one["state"] for one in incident["steps"]] == ["done"] * 3


async def test_an_answer_stops_the_calls_until_nobody_moved(plant: Plant) -> None:
    await staff(plant)
    await plant.control(do="trip", unit="pump-2")

    async def first() -> bool:
        return called(plant) == ["wang"]

    await plant.eventually(first)
    await plant.post("incidents/1/acknowledge")

    async def timed_out() -> bool:
        changes = (await plant.get("incidents/1"))["changes"]
        return changes[-1]["kind"] == "acknowledgement_timed_out"

    await plant.eventually(timed_out)

    async def second() -> bool:
        return called(plant) == ["wang", "li"]

    await plant.eventually(second, within_s=3)
    await plant.post("work-orders/1/accept")
    incident = await plant.get("incidents/1")
    assert incident["acknowledged_by"] == "admin"
    assert incident["steps"][-1]["state"] == "cancelled"
