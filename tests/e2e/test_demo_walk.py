"""The demo's pump is repaired by its engineer and verified by its lead; its riser bursts."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from plantroom.processes import free_port
from tests.e2e.demo_child import demo, lines_until
from tests.e2e.interface import Interface, ms
from tests.patience import PATIENCE_S

PUMP = "riverside/gw-1/pump-2"
LIFT = "riverside/gw-1/lift-a"
VALVE = "riverside/gw-1/valve-1"
PACE_S = 12
"""The valve's ``min_interval_s``, and two seconds until its command is read."""
FLOOR = 8
PASSWORD = "an engineer with a long password 7"


class Demo(Interface):
    """The running demo, as its administrator, its engineer, its lead and its second person."""

    def __init__(self, known: Mapping[str, str], control: tuple[str, int]) -> None:
        self._url = known["url"]
        self._control = control
        self._clients = AsyncExitStack()
        self.http = self._client(Authorization=f"Bearer {known['token']}")
        self.second = self._client(Authorization=f"Bearer {known['second_token']}")

    def _client(self, **headers: str) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=self._url, headers=headers, timeout=PATIENCE_S)
        self._clients.push_async_callback(client.aclose)
        return client

    async def aclose(self) -> None:
        """Close all connections."""
        await self._clients.aclose()

    async def person(self, name: str, role: str, person: str) -> "Someone":
        """Give somebody of the rosters a login, and log in."""
        login = {"name": name, "password": PASSWORD}
        await self.post("users", login | {"role": role, "person": person})
        browser = self._client(Origin=self._url)
        answer = await browser.post("/api/v1/session", json=login)
        assert answer.status_code == 200, answer.text
        return Someone(browser)

    async def control(self, **order: Any) -> None:
        """Give the simulation an order."""
        reader, writer = await asyncio.open_connection(*self._control)
        writer.write(json.dumps(order).encode() + b"\n")
        answer = json.loads(await reader.readline())
        assert answer.get("ok", True), answer
        writer.close()
        await writer.wait_closed()

    async def value(self, point: str) -> Any:
        ids = [one["id"] for one in await self.items("points") if one["key"] == point]
        found = [one for one in await self.items("values") if one["point_id"] in ids]
        return found[0]["value"] if found and found[0]["quality"] == "good" else None


class Someone(Interface):
    """A login of the demo."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http


@asynccontextmanager
async def running_demo(folder: Path) -> AsyncGenerator[Demo]:
    """Run the demo until its pump has tripped and the engineer's phone has rung."""
    with demo(folder, free_port()) as process:
        lines = lines_until(process, "Wang Wei's phone rings")
        (told,) = re.findall(r"\| nc (\S+) (\d+)", "\n".join(lines))
        known = json.loads((folder / "credentials.json").read_text())
        async with aclosing(Demo(known, (told[0], int(told[1])))) as site:
            yield site


async def test_the_pump_is_repaired_and_verified_and_the_figures_move(tmp_path: Path) -> None:
    async with running_demo(tmp_path / "demo") as site:
        (order,) = await site.items("work-orders", equipment=PUMP)
        path = f"work-orders/{order['id']}"
        assert (order["state"], order["assignee"]) == ("open", None)
        before = await figures(site)
        assert order["id"] in before["in_order"]["missed"]

        engineer = await site.person("wang", "technician", "wang")
        await engineer.post(f"{path}/accept")
        assert (await engineer.get(path))["assignee"] == "wang"
        await engineer.post(
            f"{path}/arrive", {"device": "phone", "latitude": 39.9, "longitude": 116.4}
        )
        waits = await engineer.post(f"{path}/wait", {"reason": "parts", "note": "bearing"})
        assert (waits["state"], waits["sla"]["complete"]["forecast"]) == ("waiting", "none")
        await engineer.post(f"{path}/resume")
        await engineer.post(f"{path}/start")
        part = {"kind": "part", "name": "bearing", "quantity": 1, "unit": "pc"}
        await engineer.post(f"{path}/lines", part | {"unit_price_fen": 1250})
        added = await engineer.http.post(
            f"/api/v1/{path}/files", params={"kind": "photo", "name": "bearing"}, content=photo()
        )
        assert added.status_code == 201, added.text
        done = await engineer.post(f"{path}/complete", {"note": "new bearing"})
        assert (done["cost_fen"], len(done["files"])) == (1250, 1)
        assert done["sla"]["paused_ms"] > 0

        lead = await site.person("limin", "estate_manager", "li")
        await lead.post(f"{path}/verify")
        closed = await lead.post(f"{path}/close")
        steps = [one["to_state"] for one in closed["events"] if one["kind"] == "step"]
        assert steps == [
            *("accepted", "on_site", "waiting", "on_site", "in_progress"),
            *("completed", "verified", "closed"),
        ]
        assert {one["by"] for one in closed["events"]} == {"plantroom", "wang", "limin"}
        after = await figures(site)
        assert order["id"] not in after["in_order"]["missed"]
        # Others of the demo come into order meanwhile, too.
        assert after["in_order"]["met_count"] > before["in_order"]["met_count"]
        assert before["passed"]["met"] == []
        assert after["passed"]["met"] == [order["id"]]


async def test_the_riser_bursts_and_the_lift_is_saved_unless_it_has_a_fault(
    tmp_path: Path,
) -> None:
    async with running_demo(tmp_path / "demo") as site:
        began_ms = round(time.time() * 1000)
        await site.control(do="leak", unit="leak-1")

        async def leaking() -> Any:
            found = await site.items("incidents")
            return [one["id"] for one in found if one["equipment"].endswith("/leak-1")]

        (incident,) = await site.eventually(leaking)
        await site.eventually(lambda: points_known(site))
        await _a_lift_with_a_fault_is_left_alone(site, incident)
        # The gateway has closed the valve by itself, and takes no command for a while after it.
        await site.eventually(lambda: valve_has_rested(site, began_ms))
        await _valve_then_lift_then_power(site, incident)


async def points_known(site: Demo) -> bool:
    known = [await site.value(f"{LIFT}/{point}") for point in ("fault", "floor", "mains")]
    return None not in known


async def valve_has_rested(site: Demo, began_ms: int) -> bool:
    """Whether the gateway has closed the valve since an instant, and long enough ago."""
    values = await site.stored(f"{VALVE}/command")
    closed = [at for at, value in values if at >= began_ms and value is False]
    return bool(closed) and time.time() >= closed[0] / 1000 + PACE_S


async def start(site: Demo, incident: int) -> str:
    offers = (await site.get(f"incidents/{incident}/plans"))["items"]
    assert [one["plan"]["plan"] for one in offers if one["suggested"]] == ["riser-burst"]
    run = await site.post(
        "plan-runs",
        {
            "plan": "riser-burst",
            "incident": incident,
            "parameters": {"floor": FLOOR},
            "reason": "water at the risers",
        },
    )
    return f"plan-runs/{run['id']}"


async def until(site: Demo, run: str, step: str, *states: str) -> dict[str, Any]:
    async def there() -> Any:
        steps = (await site.get(run))["steps"]
        found = next(one for one in steps if one["step"] == step)
        return found if found["state"] in states else None

    return await site.eventually(there)


async def confirm(site: Demo, run: str, step: str) -> None:
    await until(site, run, step, "confirming", "waiting")
    await site.post(f"{run}/steps/{step}/confirm", {"note": "seen"})


async def _a_lift_with_a_fault_is_left_alone(site: Demo, incident: int) -> None:
    await site.control(do="entrap", unit="lift-a")

    async def reported() -> bool:
        return await site.value(f"{LIFT}/fault") is True

    await site.eventually(reported)
    run = await start(site, incident)
    await until(site, run, "close-valve", "confirming")
    await site.post(f"{run}/steps/close-valve/skip", {"reason": "about the lift"})
    await confirm(site, run, "pump-out")
    await until(site, run, "repair", "waiting")
    for step in ("send-lift", "cut-lift-power"):
        refused = await until(site, run, step, "skipped")
        assert refused["note"] == "its condition is not true"
    await site.post(f"{run}/abort", {"reason": "the lift has a fault"})
    assert await site.items("commands") == []
    await site.control(do="clear", unit="lift-a")

    async def well() -> bool:
        return await site.value(f"{LIFT}/fault") is False

    await site.eventually(well)


async def _valve_then_lift_then_power(site: Demo, incident: int) -> None:
    run = await start(site, incident)
    for step in ("close-valve", "pump-out", "send-lift"):
        await confirm(site, run, step)
        await until(site, run, step, "done")
    await confirm(site, run, "cut-lift-power")
    await until(site, run, "cut-lift-power", "commanded")
    alone = await site.http.post(f"/api/v1/{run}/steps/cut-lift-power/confirm", json={})
    assert alone.status_code == 403, alone.text
    answer = await site.second.post(f"/api/v1/{run}/steps/cut-lift-power/confirm", json={})
    assert answer.status_code == 200, answer.text
    await until(site, run, "cut-lift-power", "done")
    given = list(reversed(await site.items("commands")))
    assert [
        (one["point"].rpartition("/gw-1/")[2], one["value"], one["state"]) for one in given
    ] == [
        ("valve-1/command", False, "done"),
        ("lift-a/send_to_floor", FLOOR, "done"),
        ("lift-a/power_switch", False, "done"),
    ]
    settled = [ms(one["settled_at"]) for one in given]
    assert settled == sorted(settled)
    assert await site.value(f"{LIFT}/mains") is False
    assert await site.value(f"{LIFT}/floor") == FLOOR


async def figures(site: Demo) -> dict[str, Any]:
    """The figures of this month, each with the orders behind it."""
    report = await site.get("reports/repairs")
    found: dict[str, Any] = {}
    for one in report["figures"]:
        behind: dict[str, Any] = {"met_count": one["met"]}
        for part in ("met", "missed"):
            address = one[f"orders_{part}"]
            items: list[dict[str, Any]] = []
            if address is not None:
                items = (await site.http.get(address)).json()["items"]
            behind[part] = [order["id"] for order in items]
        found[one["figure"]] = behind
    return found


def photo() -> bytes:
    made = BytesIO()
    Image.new("RGB", (640, 480), "#a33").save(made, "JPEG")
    return made.getvalue()
