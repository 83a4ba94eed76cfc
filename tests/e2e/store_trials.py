"""What holds while a store of the server fails, and after: for every store and every fault."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from server.core.instant import rfc3339
from tests.e2e.house import ServerHouse
from tests.e2e.test_history_damage import WEBHOOK
from tests.fakes.journaling_node import JournalingNode
from tests.fakes.sparkplug_node import BOOLEAN, STRING, PlainNode, Tag


@asynccontextmanager
async def house_of(
    folder: Path, settings: dict[str, Any]
) -> AsyncGenerator[tuple[ServerHouse, JournalingNode, PlainNode]]:
    """A server, a gateway that counts, and one with a fire panel."""
    (folder / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    async with ServerHouse(folder, messages={"webhooks": [WEBHOOK]}, **settings) as house:
        port = house.broker.port
        with (
            JournalingNode(port, group="full", node="node", rate=50) as node,
            PlainNode(port, group="fire", node="gw") as panel,
        ):
            panel.birth()
            tags = [
                Tag("Properties/Class", STRING, "fire_panel"),
                Tag("fire", BOOLEAN, value=False),
            ]
            panel.device_birth("panel", tags)
            await house.eventually(lambda: has_acked(node, 100))
            yield house, node, panel


async def away(house: ServerHouse, node: JournalingNode, panel: PlainNode) -> None:
    """Nothing is acknowledged, an alarm is raised all the same, and it is told what is wrong."""
    await house.eventually(lambda: _works(house, works=False))
    acked = len(node.acked)
    panel.data("panel", {"fire": True})
    await house.eventually(lambda: has_alarm(house))
    await house.eventually(lambda: _told(house, ["history.away"]))
    assert await _messages(house) == ["history.away"]
    assert len(node.acked) == acked
    assert (await house.http.get("/healthz")).status_code == 200


async def delivered(house: ServerHouse, node: JournalingNode) -> None:
    """All that waited is stored, once, and it is told that it is over."""
    await house.eventually(lambda: _works(house, works=True))
    newest = max([*node.waiting, *node.acked.values()])
    await house.eventually(lambda: has_acked_until(node, newest))
    if await _events(house):
        await house.eventually(lambda: _told(house, ["history.away", "history.back"]))
        assert sorted(await _messages(house)) == ["history.away", "history.back"]
    acked = dict(node.acked)
    stored = await house.stored(node.key)
    assert len(stored) == len(dict(stored))
    assert acked.items() <= dict(stored).items()
    # What came later may be stored between two questions.
    end = max(at for at, offset in acked.items() if offset <= newest) + 1
    answer = await house.get("readings", point=node.key, buckets=10, to=rfc3339(end))
    counted = sum(one["count"] + one["bad_count"] for one in answer["buckets"])
    assert counted == sum(at < end for at, _ in stored)


async def has_acked(node: JournalingNode, least: int) -> bool:
    return len(node.acked) >= least


async def has_acked_until(node: JournalingNode, newest: int) -> bool:
    return all(offset > newest for offset in list(node.waiting))


async def _works(house: ServerHouse, *, works: bool) -> bool:
    return (await house.http.get("/readyz")).json()["parts"]["history"] is works


async def alarms(house: ServerHouse) -> list[dict[str, Any]]:
    return [one for one in await house.items("alarms") if one["rule"] == "fire_panel.fire"]


async def has_alarm(house: ServerHouse) -> bool:
    return bool(await alarms(house))


async def _events(house: ServerHouse) -> list[str]:
    items = await house.items("events", topic="alarms")
    return [one["kind"] for one in reversed(items) if one["kind"].startswith("history.")]


async def _messages(house: ServerHouse) -> list[str]:
    """The kinds of the messages to the one receiver that say what the history is like."""
    items = await house.items("messages")
    return [one["kind"] for one in items if one["kind"].startswith("history.")]


async def _told(house: ServerHouse, expected: list[str]) -> bool:
    return await _events(house) == expected
