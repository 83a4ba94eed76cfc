"""The cases ``idle`` and ``loaded``: nothing else, or readers as fast as they can."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from plantroom.processes import Child
from tests.bench.load_site import Outcome, Site
from tests.bench.measure import cpu_s, rss_mb
from tests.fakes.sparkplug_node import PlainNode
from tests.process_tree import children

PANELS, ROUNDS = 300, 3
SETTLE_S = 3.0


async def idle(folder: Path) -> Outcome:
    """300 fire alarms with nothing else to do."""
    async with Site(folder) as site:
        with site.node("gw") as node:
            outcome = await site.trip(node, await site.panels(node, PANELS))
            return outcome._replace(rounds=ROUNDS)


async def loaded(folder: Path) -> Outcome:
    """The same beside 50 readers, 200 streams, 300 half requests and a hanging receiver."""
    async with Site(folder, hanging=True) as site:
        with site.node("gw") as node:
            panels = await site.panels(node, PANELS)
            return await beside_readers(site, node, panels)


async def beside_readers(site: Site, node: PlainNode, panels: list[str]) -> Outcome:
    """Trip the panels while a process of readers asks as fast as it can."""
    return await beside_clients(site, node, panels, "load_clients")


async def hostile(
    name: str, folder: Path, *, panels: int = 200, child: type[Child] = Child
) -> Outcome:
    """Fire alarms beside bad clients, and whether somebody who is logged in can work meanwhile."""
    async with Site(folder, child=child) as site:
        with site.node("gw") as node:
            names = await site.panels(node, panels)
            worked: list[float] = []
            working = asyncio.create_task(_work(site, worked))
            try:
                outcome = await beside_clients(site, node, names, "load_hostile", name)
                if working.done():
                    working.result()
            finally:
                working.cancel()
            worst = round(max(worked, default=0.0) * 1000)
            return outcome._replace(more=outcome.more | {"work_worst_ms": worst})


async def _work(site: Site, worked: list[float]) -> None:
    """Look at the alarms and comment on one, twice a second, as somebody in the duty room does."""
    url = f"http://127.0.0.1:{site.http_port}/api/v1/"
    headers = {"Authorization": f"Bearer {site.token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        while True:
            began = time.monotonic()
            alarms = await client.get("alarms?limit=5")
            alarms.raise_for_status()
            if items := alarms.json()["items"]:
                path = f"alarms/{items[0]['id']}/comments"
                (await client.post(path, json={"comment": "seen"})).raise_for_status()
            worked.append(time.monotonic() - began)
            await asyncio.sleep(0.5)


async def beside_clients(
    site: Site, node: PlainNode, panels: list[str], module: str, *kind: str
) -> Outcome:
    """Trip the panels beside a process of clients."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *kind]
    command += [str(site.http_port), site.token]
    clients = Child("clients", command, log=site.folder / "clients.log", ready_event="ready")
    async with clients:
        await asyncio.sleep(SETTLE_S)
        before = _used(site, clients)
        began = asyncio.get_running_loop().time()
        outcome = await site.trip(node, panels)
        seconds = asyncio.get_running_loop().time() - began
        after = _used(site, clients)
        more: dict[str, Any] = {
            f"{name}_cores": round((after[name] - before[name]) / seconds, 2) for name in before
        }
        more |= {f"{name}_rss_mb": round(rss_mb(pid)) for name, pid in pids(site).items()}
        more["readyz"] = (await site.get("/readyz")).split(b"\r\n", 1)[0].decode()
    return Outcome(outcome.latencies, outcome.lost, more | _said(clients), ROUNDS)


def _used(site: Site, clients: Child) -> dict[str, float]:
    return {name: cpu_s(pid) for name, pid in {**pids(site), "load": clients.pid}.items()}


def pids(site: Site) -> dict[str, int]:
    """The server's process, the fork server and the readers, as many as there are now."""
    pid = site.server.pid
    (forks,) = children(pid)
    readers = {f"reader{n or ''}": one for n, one in enumerate(children(forks))}
    return {"server": pid, "forks": forks, **readers}


def _said(clients: Child) -> dict[str, Any]:
    lines = [line for line in clients.tail.splitlines() if line.startswith('{"event": "figures"')]
    figures: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return {f"http_{key}": value for key, value in figures.items() if key != "event"}
