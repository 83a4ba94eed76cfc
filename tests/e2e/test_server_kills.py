"""The server is killed again and again under load: what it acknowledged is in its history."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.house import ServerHouse
from tests.fakes.journaling_node import JournalingNode

ROUNDS = 10


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[ServerHouse]:
    async with ServerHouse(tmp_path) as running:
        yield running


async def test_nothing_acknowledged_is_missing_after_ten_kills(house: ServerHouse) -> None:
    chance = random.Random(11)  # noqa: S311 (a repeatable test)
    with JournalingNode(house.broker.port, group="kill", node="node", rate=300) as node:
        for _ in range(ROUNDS):
            before = len(node.acked)
            await house.eventually(lambda before=before: _more(node, before))
            await asyncio.sleep(chance.uniform(0.0, 0.8))
            await house.server.kill()
            await house.server.start()
        before = len(node.acked)
        await house.eventually(lambda: _more(node, before))
    acked = dict(node.acked)
    stored = await house.stored(node.key)
    assert len(stored) == len(dict(stored)), "an instant is stored twice"
    assert stored == sorted(stored)
    assert acked.items() <= dict(stored).items()
    assert len(acked) > 100 * ROUNDS


async def _more(node: JournalingNode, before: int) -> bool:
    return len(node.acked) > before + 100
