"""``make bench-history``: what the history stores take, and how fast they are asked over HTTP.

One server for each store that is installed. It ingests 1,000 values a second all the while. Each
question is asked with a token ``ASKED`` times, two seconds apart; the figure is the median, its p90
stands beside it, and what the store takes by itself where it is a server. The embedded store's year
is written first, unless ``PLANTROOM_BENCH_YEAR`` names a folder that ``python -m tests.bench.year
FOLDER --period 300 --fast 200`` wrote today. ``PLANTROOM_BENCH_FAST_S=5`` lets the fast points of
the other stores speak every five seconds: a fifth of the work.
"""

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from server.assets.model import Point
from server.assets.series import CONNECTION
from server.history.base import Batch, History
from server.history.slices import HOUR_MS, MINUTE_MS
from tests.bench import ingest
from tests.bench.history_peers import Peer
from tests.bench.history_stores import BATCH, FAST, SLOW, STORES, YEAR, Filled, Store
from tests.bench.load_clients import request
from tests.bench.load_site import Site
from tests.bench.measure import machine, percentile
from tests.bench.year import DAY_MS
from tests.fakes.assets import add_equipment
from tests.fakes.sparkplug_node import DOUBLE, PlainNode, Tag, now_ms

ASKED, ASKED_BY_ITSELF = 15, 5
_OFF = 12_345
"""Ranges of pages begin anywhere."""
_YEAR = "PLANTROOM_BENCH_YEAR"
_EVERY_S = 2.0
_WRITTEN = 1_000_000
_INGEST_MESSAGES = 20_000
_DEVICES, _TAGS = 50, 20
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def run(names: Sequence[str] = ()) -> dict[str, Any]:
    """Values per second and bytes of each store; a year, 200 points, a day of seconds over HTTP."""
    year = Path(os.environ[_YEAR]) if _YEAR in os.environ else None
    figures: dict[str, Any] = {"machine": machine()}
    for name in names or [one for one, store in STORES.items() if store.is_installed]:
        with tempfile.TemporaryDirectory(prefix="plantroom-history-") as folder:
            for key, value in _figures(STORES[name], Path(folder), year).items():
                print(f"  {name:12} {key:24} {value}", flush=True)
                figures[f"{name}_{key}"] = value
    return figures


def _figures(store: Store, folder: Path, year: Path | None) -> dict[str, Any]:
    with store.empty(folder / "empty") as history:
        rate = _write_rate(history)
    last = now_ms() // DAY_MS - 1
    with store.filled(folder / "filled", last, year) as filled:
        size = filled.size()
        (folder / "site").mkdir()
        asked = asyncio.run(_asked(folder / "site", filled, last))
        if filled.peer is not None:
            asked |= _asked_by_itself(filled.peer, last)
        size = max(size, filled.size())
    rates = ingest.run(_INGEST_MESSAGES, open_history=store.empty)
    return {
        "write_values_per_s": rate,
        "ingest_values_per_s": rates["values_per_s"],
        "ingest_cpu_us_per_value": round(rates["cpu_s_per_1000_values"] * 1000, 2),
        "ingest_lost_or_doubled": rates["lost_or_doubled"],
        **asked,
        **filled.figures,
        "values": filled.values,
        "bytes_per_value": round(size / filled.values, 2),
    }


def _write_rate(history: History) -> int:
    """Values per second of batches as a busy ingest makes them."""
    batches: list[Batch] = []
    at = now_ms() - _WRITTEN
    for first in range(0, _WRITTEN, BATCH):
        batch = Batch()
        for number in range(first, first + BATCH):
            batch.add(number % SLOW + 1, at + number // SLOW * 1000, number * 37 % 1000 / 10)
        batches.append(batch)
    began = time.perf_counter()
    for batch in batches:
        history.append(batch)
    return round(_WRITTEN / (time.perf_counter() - began))


class HistorySite(Site):
    """A server that knows the points of the year."""

    def _set_up_server(self) -> None:
        super()._set_up_server()
        engine = create_engine(f"sqlite:///{self.folder}/data/records.sqlite")
        with Session(engine) as session, session.begin():
            equipment = add_equipment(session, "year/gw/plant", at=0)
            names = {number: f"p{number}" for number in range(1, SLOW + FAST + 1)}
            names[SLOW + FAST + 1] = CONNECTION
            rows = [
                {
                    "id": number,
                    "key": f"year/gw/plant/{name}",
                    "equipment_id": equipment.id,
                    "name": name,
                    "datatype": DOUBLE,
                    "unit": "",
                    "name_en": "",
                    "name_zh": "",
                }
                for number, name in names.items()
            ]
            session.execute(insert(Point), rows)
        engine.dispose()


async def _asked(folder: Path, filled: Filled, last: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    async with HistorySite(folder, history=filled.settings) as site:
        with PlainNode(site.broker.port, group="bench", node="gw") as node:
            ingesting = asyncio.create_task(_ingest(node))
            for name, path in _questions(last).items():
                took, size = await _times(site, path)
                figures |= {
                    f"{name}_ms": round(median(took), 1),
                    f"{name}_p90_ms": round(percentile(took, 90), 1),
                    f"{name}_kb": round(size / 1000),
                }
            ingesting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ingesting
    return figures


def _asked_by_itself(peer: Peer, last: int) -> dict[str, Any]:
    """The same of the store alone: no ingest, no server of ours."""
    end = (last + 1) * DAY_MS
    many = range(SLOW + 1, SLOW + FAST + 1)
    questions: dict[str, Callable[[], bytes]] = {
        "year_500": lambda: peer.slices([7], end - YEAR * DAY_MS + _OFF, end, 18 * HOUR_MS),
        "day_200_points": lambda: peer.slices(many, end - DAY_MS, end, MINUTE_MS),
        "raw_24h": lambda: peer.readings(SLOW + 5, end - DAY_MS, end),
    }
    figures: dict[str, Any] = {}
    for name, ask in questions.items():
        took: list[float] = []
        for _ in range(ASKED_BY_ITSELF):
            began = time.perf_counter()
            ask()
            took.append((time.perf_counter() - began) * 1000)
        figures[f"by_itself_{name}_ms"] = round(median(took), 1)
    return figures


def _questions(last: int) -> dict[str, str]:
    """What is asked; ranges as a page has them, which begin and end anywhere."""
    end = (last + 1) * DAY_MS
    points = "&".join(f"point={SLOW + number}" for number in range(1, FAST + 1))
    return {
        "year_500": f"readings?point=7&buckets=500&{_between(end - YEAR * DAY_MS + _OFF, end)}",
        "day_200_points": f"trends?{points}&width_s=60&{_between(end - DAY_MS, end)}",
        "raw_24h": f"trends?point={SLOW + 5}&raw=true&{_between(end - DAY_MS, end)}",
    }


def _between(start: int, end: int) -> str:
    one, other = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + f".{at % 1000:03}Z"
        for at in (start, end)
    )
    return f"from={one}&to={other}"


async def _times(site: Site, path: str) -> tuple[list[float], int]:
    """Return how long each answer took, ms, and bytes of one."""
    took: list[float] = []
    size = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", site.http_port, limit=2**20)
    with contextlib.closing(writer):
        for _ in range(ASKED):
            await asyncio.sleep(_EVERY_S)
            began = time.perf_counter()
            writer.write(request(path, site.token))
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            assert length is not None
            body = await reader.readexactly(int(length[1]))
            took.append((time.perf_counter() - began) * 1000)
            assert b" 200 " in head[:20], body[:300]
            size = len(body)
    return took, size


async def _ingest(node: PlainNode) -> None:
    """Send 1,000 values a second."""
    node.birth()
    devices = [f"device-{number}" for number in range(_DEVICES)]
    names = [f"p{number}" for number in range(_TAGS)]
    for device in devices:
        node.device_birth(device, [Tag(name, DOUBLE, 1.0) for name in names])
    second = 0
    while True:
        second += 1
        for device in devices:
            node.data(device, {name: second * 0.1 + place for place, name in enumerate(names)})
            await asyncio.sleep(1 / _DEVICES)
