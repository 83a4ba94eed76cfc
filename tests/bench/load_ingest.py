"""The cases ``flood`` and ``births``: alarms of a quiet gateway beside neighbours of its kind."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from plantroom.processes import Child
from tests.bench.load_neighbours import DEVICES, GATEWAYS, GROUP
from tests.bench.load_site import Outcome, Site
from tests.fakes.sparkplug_node import now_ms

FLOOD_S = 30
FLOOD_PANELS, BIRTH_PANELS = 300, 60
SETTLE_S = 3.0
_EVERY_S = (0.01, 0.05)


async def flood(folder: Path) -> Outcome:
    """300 fire alarms in 30 s beside a gateway that sends 78,000 values a second."""
    async with Site(folder) as site:
        with site.node("gw") as node:
            panels = await site.panels(node, FLOOD_PANELS)
            neighbour = _neighbour("flood", site)
            async with neighbour:
                await asyncio.sleep(SETTLE_S)
                outcome = await site.trip(node, panels)
                return outcome._replace(more={"values_per_s": _rate(neighbour)})


async def births(folder: Path) -> Outcome:
    """60 fire alarms within 2 s while 700 devices of seven gateways are born for the first time."""
    async with Site(folder) as site:
        with site.node("gw") as node:
            panels = await site.panels(node, BIRTH_PANELS)
            await asyncio.sleep(SETTLE_S)
            start = now_ms()
            async with _neighbour("births", site):
                registering = asyncio.create_task(_registered(folder, start))
                outcome = await site.trip(node, panels, every_s=_EVERY_S)
                return outcome._replace(more={"registered_ms": await registering})


async def beside(
    name: str, folder: Path, *, panels: int = 200, child: type[Child] = Child
) -> Outcome:
    """Fire alarms beside another neighbour."""
    async with Site(folder, child=child) as site:
        with site.node("gw") as node:
            names = await site.panels(node, panels)
            async with _neighbour(name, site):
                await asyncio.sleep(SETTLE_S)
                return await site.trip(node, names)


def _neighbour(name: str, site: Site) -> Child:
    command = [sys.executable, "-m", "tests.bench.load_neighbours", name]
    command += [str(site.broker.port), str(FLOOD_S + SETTLE_S + 2)]
    return Child(name, command, log=site.folder / "neighbour.log", ready_event="ready")


async def _registered(folder: Path, start: int) -> int:
    """Wait until all are in the ledger; milliseconds since the start."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(_equipment, folder) < DEVICES + GATEWAYS:
            await asyncio.sleep(0.1)
    return now_ms() - start


def _equipment(folder: Path) -> int:
    uri = f"file:{folder}/data/records.sqlite?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        query = "SELECT count(*) FROM equipment WHERE key LIKE ?"
        return connection.execute(query, (f"{GROUP}/%",)).fetchone()[0]


def _rate(neighbour: Child) -> int:
    said = [line for line in neighbour.tail.splitlines() if "values_per_s" in line]
    return json.loads(said[-1])["values_per_s"] if said else 0
