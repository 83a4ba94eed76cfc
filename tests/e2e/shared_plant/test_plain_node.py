"""Somebody else's Sparkplug node, which knows nothing of the acknowledgement, is ingested."""

import pytest

from tests.e2e.plant import Plant
from tests.fakes.sparkplug_node import BOOLEAN, DOUBLE, STRING, PlainNode, Tag, now_ms

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_plain_node_is_ingested_without_any_set_up(plant: Plant) -> None:
    with PlainNode(plant.broker.port, group="elsewhere", node="node-1") as node:
        node.birth()
        tags = [
            Tag("Inputs/Level", DOUBLE, 1.0),
            Tag("Mode", STRING, "auto"),
            Tag("On", BOOLEAN, value=True),
        ]
        node.device_birth("tank", tags)
        start = now_ms() + 1
        for step in range(50):
            node.data("tank", {"Inputs/Level": float(step)}, at=start + step)
        point = "elsewhere/node-1/tank/Inputs/Level"

        async def complete() -> bool:
            return len(await plant.stored(point)) >= 51

        await plant.eventually(complete)
        stored = await plant.stored(point)
        assert stored[1:] == [(start + step, float(step)) for step in range(50)]
        [equipment] = [
            e
            for e in await plant.items("equipment")
            if e["site"] == "elsewhere" and e["key"].endswith("/tank")
        ]
        assert equipment["online"] is True


async def test_a_node_with_a_gap_in_its_sequence_is_asked_to_be_born_again(plant: Plant) -> None:
    with PlainNode(plant.broker.port, group="elsewhere", node="node-2") as node:
        node.birth()
        node.device_birth("tank", [Tag("level", DOUBLE, 1.0)], at=now_ms() - 1)
        born_at = now_ms()
        node.data("tank", {"level": 2.0}, at=born_at + 1)
        node._seq += 3
        node.data("tank", {"level": 3.0}, at=born_at + 2)

        async def asked() -> bool:
            return any(
                metric.name == "Node Control/Rebirth" and metric.boolean_value
                for payload in node.commands
                for metric in payload.metrics
            )

        await plant.eventually(asked)
        point = "elsewhere/node-2/tank/level"

        async def kept() -> bool:
            return [value for _, value in await plant.stored(point)] == [1.0, 2.0, 3.0]

        await plant.eventually(kept)
