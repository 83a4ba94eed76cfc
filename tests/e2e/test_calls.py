"""People are called by the real server, each step once, also when it is killed in between."""

import asyncio
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.e2e.interface import ms
from tests.e2e.plant import Plant, now_ms

KILLED = (0, 6, 12)
AWAY = (0, 20, 21)
ANSWERED = (0, 60, 120)
"""When engineer, lead and manager are called, seconds after the opening."""


@pytest.fixture
def plant(own_plant: Plant) -> Plant:
    return own_plant


async def put(plant: Plant, path: str, body: dict[str, Any]) -> None:
    answer = await plant.http.put(f"/api/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text


async def staff(plant: Plant, after_s: tuple[float, ...]) -> None:
    for key, role in (("wang", "engineer"), ("li", "lead"), ("zhao", "manager")):
        person = {"name": key, "role": role, "channels": [{"channel": "supplier"}]}
        await put(plant, f"persons/{key}", person)
    shift = {"start": "08:00", "end": "08:00", "persons": ["wang"]}
    await put(plant, "rosters/house", {"name": "House", "shifts": [shift]})
    who = ("on_duty", "leader", "manager")
    steps = [{"after_s": at, "who": [one]} for at, one in zip(after_s, who, strict=True)]
    await put(plant, "escalation-policies/fast", {"steps": steps, "idle_s": 3})


class Call(NamedTuple):
    """One message of a step, however often it was sent."""

    number: int
    at: int
    """When the step ran, UTC ms; steps that run together are sent beside each other."""
    person: str


def calls(plant: Plant) -> list[Call]:
    """Who was called, in the order of the steps."""
    ids = {one.id: one.body for one in plant.receiver.deliveries}
    return sorted(
        Call(body["data"]["step"]["number"], ms(body["timestamp"]), body["data"]["person"]["key"])
        for key, body in ids.items()
        if key.startswith("incident-step/")
    )


def called(plant: Plant) -> list[str]:
    return [one.person for one in calls(plant)]


async def trip(plant: Plant) -> None:
    """Let a pump trip, and wait until the engineer is called."""
    await plant.control(do="trip", unit="pump-2")

    async def first() -> bool:
        return called(plant)[:1] == ["wang"]

    await plant.eventually(first)


async def everybody(plant: Plant) -> bool:
    return len(calls(plant)) == 3


async def test_each_step_runs_once_though_the_server_is_killed_between(plant: Plant) -> None:
    await staff(plant, KILLED)
    await trip(plant)
    await plant.server.kill()
    await plant.server.start()
    await plant.eventually(partial(everybody, plant))
    assert called(plant) == ["wang", "li", "zhao"]
    steps = (await plant.get("incidents/1"))["steps"]
    assert [one["state"] for one in steps] == ["done"] * 3
    for one, step in zip(calls(plant), steps, strict=True):
        assert one.at == ms(step["ran_at"]) >= ms(step["due_at"])
    assert [one.at for one in calls(plant)] == sorted(one.at for one in calls(plant))


async def test_what_became_due_while_the_server_was_away_runs_once_and_at_once(
    plant: Plant,
) -> None:
    await staff(plant, AWAY)
    await trip(plant)
    await plant.server.kill()
    killed_ms = now_ms()
    steps_over_ms = calls(plant)[0].at + AWAY[-1] * 1000
    while now_ms() <= steps_over_ms:
        await asyncio.sleep(0.1)
    await plant.server.start()
    await plant.eventually(partial(everybody, plant))
    assert called(plant) == ["wang", "li", "zhao"]
    # What was due meanwhile runs together (ADR-11).
    assert len({one.at for one in calls(plant) if one.at > killed_ms}) == 1
    incident = await plant.get("incidents/1")
    assert [one["state"] for one in incident["steps"]] == ["done"] * 3


async def test_an_answer_stops_the_calls_until_nobody_moved(plant: Plant) -> None:
    await staff(plant, ANSWERED)
    await trip(plant)
    await plant.post("incidents/1/acknowledge")

    async def timed_out() -> bool:
        changes = (await plant.get("incidents/1"))["changes"]
        return changes[-1]["kind"] == "acknowledgement_timed_out"

    await plant.eventually(timed_out)

    async def second() -> bool:
        return called(plant) == ["wang", "li"]

    await plant.eventually(second)
    await plant.post("work-orders/1/accept")
    incident = await plant.get("incidents/1")
    assert incident["acknowledged_by"] == "admin"
    assert incident["steps"][-1]["state"] == "cancelled"
