"""The riser-burst plan on a real server, gateway and simulated estate, killed in the middle."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from plantroom.demo_second import enrol
from tests.e2e.interface import ms
from tests.e2e.plant import Plant
from tests.patience import PATIENCE_S

SITE = "riverside/gw-1"
FLOOR = 6
ANY_RUN = 1
SECOND = {"name": "li", "password": "a second pair of eyes 6"}


def _unit(equipment: str, profile: str, **more: Any) -> dict[str, Any]:
    name = {"en": equipment, "zh": equipment}
    unit = {"endpoint": equipment, "unit": 1, "equipment": equipment, "profile": profile}
    return unit | {"name": name, "period_s": 0.2} | more


_STATE = {"type": "bool", "table": "discrete"}
_LIFT: dict[str, Any] = {
    "fault": _STATE | {"address": 0},
    "trapped": _STATE | {"address": 1},
    "door_open": _STATE | {"address": 2},
    "mains": _STATE | {"address": 3},
    "floor": {"table": "input", "address": 0, "type": "int16"},
    "direction": {
        "table": "input",
        "address": 1,
        "type": "enum",
        "enum": {0: "stopped", 1: "up", 2: "down"},
    },
    "send_to_floor": {
        "table": "holding",
        "address": 0,
        "type": "uint16",
        "writable": {"maximum": 12, "interlock": "not fault and not trapped"},
    },
    "power_switch": {
        "table": "coil",
        "address": 0,
        "type": "bool",
        "writable": {"maximum": 1, "interlock": "direction == 'stopped'"},
    },
}
ESTATE: dict[str, Any] = {
    "endpoints": {name: {"kind": "modbus_tcp"} for name in ("leak", "valve", "lift")},
    "units": {
        "leak-1": _unit("leak", "rle-ld5000"),
        "valve-1": _unit("valve", "waveshare-io-8ch-valve"),
        "lift-1": _unit("lift", "arkel-arcode", points=_LIFT),
    },
}


class PlanPlant(Plant):
    """A plant with words for runs of plans."""

    incident = 0

    async def leak(self) -> None:
        """The riser leaks, and the incident is there; so are all values."""

        async def known() -> bool:
            values = await self.items("values")
            return len(values) > 20 and all(one["quality"] == "good" for one in values)

        await self.eventually(known)
        await self.control(do="leak", unit="leak-1")
        found = await self.eventually(lambda: self.items("incidents"))
        self.incident = found[0]["id"]

    async def start(self, **more: Any) -> int:
        offers = (await self.get(f"incidents/{self.incident}/plans"))["items"]
        assert [(one["plan"]["plan"], one["suggested"]) for one in offers] == [
            ("riser-burst", True)
        ]
        wish = {"plan": "riser-burst", "incident": self.incident, "reason": "water"}
        run = await self.post("plan-runs", wish | {"parameters": {"floor": FLOOR}} | more)
        return run["id"]

    async def until(self, run: int, step: str, *states: str) -> Any:
        """Wait until a step of the run is in one of these states."""

        async def there() -> Any:
            found = await self.step(run, step)
            return found if found["state"] in states else None

        return await self.eventually(there)

    async def step(self, run: int, key: str) -> dict[str, Any]:
        steps = (await self.get(f"plan-runs/{run}"))["steps"]
        return next(one for one in steps if one["step"] == key)

    async def confirm(self, run: int, step: str) -> None:
        await self.until(run, step, "confirming", "waiting")
        await self.post(f"plan-runs/{run}/steps/{step}/confirm", {"note": "seen"})

    async def restart(self) -> None:
        """Kill the server, as a power cut would, and start it again."""
        await self.server.kill()
        await self.server.start()

    async def second(self, stack: AsyncExitStack) -> httpx.AsyncClient:
        """Another person, signed in with a token."""
        await self.post("users", SECOND | {"role": "operator"})
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, headers={"Origin": self.url})
        )
        answer = await http.post("/api/v1/session", json=SECOND)
        assert answer.status_code == 200, answer.text
        alone = await http.post(f"/api/v1/plan-runs/{ANY_RUN}/abort", json={"reason": "x"})
        assert (alone.status_code, "second factor" in alone.json()["detail"]) == (403, True)
        await enrol(http)
        made = await http.post("/api/v1/tokens", json={"name": "e2e"})
        http.headers["Authorization"] = f"Bearer {made.json()['token']}"
        return http

    def carried_out(self) -> list[tuple[str, str]]:
        """Device and point of each command that the gateway carried out, in its order."""
        lines = (self.folder / "agent.log").read_text().splitlines()
        told = [json.loads(line) for line in lines if '"event": "command"' in line]
        return [(one["device"], one["point"]) for one in told]


async def test_the_plan_of_a_riser_burst_survives_kills(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(PlanPlant(tmp_path, estate=ESTATE))
        await plant.leak()
        await _a_lift_with_a_fault_is_left_alone(plant)
        await _a_drill_commands_nothing(plant)
        await _killed_in_three_steps(plant, await plant.second(stack))


async def _a_lift_with_a_fault_is_left_alone(plant: PlanPlant) -> None:
    await plant.control(do="entrap", unit="lift-1")

    async def reported() -> bool:
        stored = await plant.stored(f"{SITE}/lift-1/fault")
        return bool(stored) and stored[-1][1] is True

    await plant.eventually(reported)
    run = await plant.start()
    await plant.until(run, "close-valve", "confirming")
    await plant.post(f"plan-runs/{run}/steps/close-valve/skip", {"reason": "about the lift"})
    await plant.confirm(run, "pump-out")
    await plant.until(run, "repair", "waiting")
    for step in ("send-lift", "cut-lift-power"):
        refused = await plant.step(run, step)
        assert (refused["state"], refused["note"]) == ("skipped", "its condition is not true")
    await plant.post(f"plan-runs/{run}/abort", {"reason": "the lift has a fault"})
    assert await plant.items("commands") == []
    await plant.control(do="clear", unit="lift-1")


async def _a_drill_commands_nothing(plant: PlanPlant) -> None:
    run = await plant.start(drill=True)
    for step in ("close-valve", "pump-out", "send-lift", "cut-lift-power"):
        await plant.confirm(run, step)
    assert (await plant.get(f"plan-runs/{run}"))["name_en"].startswith("DRILL: ")
    assert await plant.items("commands") == []
    await plant.post(f"plan-runs/{run}/abort", {"reason": "seen enough"})


async def _killed_in_three_steps(plant: PlanPlant, second: httpx.AsyncClient) -> None:
    run = await plant.start()
    await plant.control(do="fault", unit="valve-1", kind="slow", seconds=1.5)
    await plant.confirm(run, "close-valve")
    await plant.restart()
    await plant.until(run, "close-valve", "done")
    await plant.control(do="clear", unit="valve-1")
    await plant.confirm(run, "pump-out")
    await plant.confirm(run, "send-lift")
    await plant.until(run, "send-lift", "commanded")
    await plant.restart()
    await plant.until(run, "send-lift", "done")
    await plant.confirm(run, "cut-lift-power")
    await plant.until(run, "cut-lift-power", "commanded")
    own = await plant.http.post(f"/api/v1/plan-runs/{run}/steps/cut-lift-power/confirm", json={})
    assert own.status_code == 403
    await plant.restart()
    answer = await second.post(f"/api/v1/plan-runs/{run}/steps/cut-lift-power/confirm", json={})
    assert answer.status_code == 200, answer.text
    await plant.until(run, "cut-lift-power", "done")
    given = list(reversed(await plant.items("commands")))
    assert [(one["point"], one["value"], one["state"]) for one in given] == [
        (f"{SITE}/valve-1/command", False, "done"),
        (f"{SITE}/lift-1/send_to_floor", FLOOR, "done"),
        (f"{SITE}/lift-1/power_switch", False, "done"),
    ]
    assert [ms(one["settled_at"]) for one in given] == sorted(
        ms(one["settled_at"]) for one in given
    )
    assert (given[2]["before"], given[2]["after"]) == (True, False)
    assert (given[2]["asked_by"], given[2]["confirmed_by"]) == ("admin", "li")
    assert plant.carried_out() == [
        ("valve-1", "command"),
        ("lift-1", "send_to_floor"),
        ("lift-1", "power_switch"),
    ]
