"""Last values and what changes now."""

import asyncio
import json
from pathlib import Path
from typing import Any

from protocols.reading import Quality
from server.live.hub import BEAT_S, Listener, LiveHub
from server.live.values import LiveValues
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant
from tests.patience import PATIENCE_S


def running_plant(folder: Path) -> tuple[IngestPlant, EdgeNode, LiveValues]:
    plant = IngestPlant(folder)
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    plant.receive(node.nbirth(), node.dbirth("pump", {"p": 1.0, "run": True}))
    return plant, node, LiveValues(plant.registry)


def heard(hub: LiveHub, listener: Listener) -> list[Any]:
    text = hub.text_for(listener, lambda values: json.dumps([one.value for one in values]).encode())
    return json.loads(text or b"[]")


def test_the_last_value_is_read_with_all_its_parts(tmp_path: Path) -> None:
    plant, node, values = running_plant(tmp_path)
    series = plant.series("site/gw/pump/p")
    at = node.clock_ms + 5
    plant.receive(node.ddata("pump", {1: None}, at=at, quality=Quality.BAD, reason="timeout"))
    assert values.read(series.id) == (series.id, None, Quality.BAD, "timeout", at, node.clock_ms)
    assert values.find(series.id) is series
    assert values.read(4711) is None
    assert [one.point_id for one in values.of_points([series.id, 4711])] == [series.id]
    plant.close()


def test_last_values_outlive_a_restart(tmp_path: Path) -> None:
    plant, _, _ = running_plant(tmp_path)
    plant.restart()
    ids = [plant.series(f"site/gw/pump/{name}").id for name in ("p", "run")]
    last = LiveValues(plant.registry).of_points(ids)
    assert [one.value for one in last] == [1.0, True]
    plant.close()


async def test_listeners_hear_each_point_once_a_beat_with_its_newest_value(tmp_path: Path) -> None:
    plant, node, values = running_plant(tmp_path)
    pressure = plant.series("site/gw/pump/p").id
    hub = LiveHub(values, plant.clock)
    plant.ingest._stored = hub.changed
    everything, one, other = hub.listen(), hub.listen([pressure]), hub.listen([4711])
    for step in range(1, 4):
        plant.receive(node.ddata("pump", {1: float(step)}, at=node.clock_ms + step))
    plant.receive(node.ddata("pump", {2: False}, at=node.clock_ms + 9))
    hub.beat()
    assert heard(hub, one) == [3.0]
    assert heard(hub, everything) == [3.0, False]
    assert not other.news.is_set()
    assert heard(hub, one) == []
    plant.close()


async def test_the_hub_beats_and_ends_its_listeners(tmp_path: Path) -> None:
    plant, node, values = running_plant(tmp_path)
    hub = LiveHub(values, plant.clock)
    plant.ingest._stored = hub.changed
    listener, left = hub.listen(), hub.listen()
    hub.leave(left)
    running = asyncio.create_task(hub.run())
    await asyncio.sleep(0)
    plant.receive(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
    plant.clock.advance(BEAT_S)
    async with asyncio.timeout(PATIENCE_S):
        await listener.news.wait()
    assert heard(hub, listener) == [2.0]
    assert not left.news.is_set()
    running.cancel()
    await asyncio.wait([running])
    assert listener.closed
    plant.close()


def test_nobody_listening_costs_no_memory(tmp_path: Path) -> None:
    plant, _, values = running_plant(tmp_path)
    hub = LiveHub(values, plant.clock)
    for _ in range(1000):
        hub.changed([1, 2, 3])
    assert len(hub._reports) == 0
    plant.close()
