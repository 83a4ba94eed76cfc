"""The retained STATE tells the truth, so who obeys it loses nothing, whatever happens to it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import pytest_asyncio

from tests.e2e.conftest import ESTATE
from tests.e2e.plant import Plant, now_ms
from tests.fakes.obedient_node import ObedientNode

STATE = "spBv1.0/STATE/plantroom"
COUNT = "riverside/gw-1/counter/count"
HORIZON_S = 2.0
"""More than the server takes from hearing a value to having it on disk."""

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


class ObeyingPlant(Plant):
    """Its agent knows no acknowledgement and obeys STATE, as beside somebody else's host."""

    def _write_agent_file(self) -> None:
        super()._write_agent_file()
        content = json.loads(self.agent_file.read_text())
        content["uplink"] |= {"acknowledgement": "state", "primary_host": "plantroom"}
        content["uplink"]["ack_timeout_s"] = 3.0
        self.agent_file.write_text(json.dumps(content))


class StateEar:
    """Everything that is published under STATE, as a stranger hears it."""

    def __init__(self, port: int) -> None:
        self.heard: list[dict[str, Any]] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(STATE, 1)
        self._client.on_message = lambda _c, _d, message: self._hear(bytes(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, payload: bytes) -> None:
        try:
            self.heard.append(json.loads(payload))
        except ValueError:
            self.heard.append({"garbage": payload})

    def say(self, payload: bytes) -> None:
        self._client.publish(STATE, payload, qos=1, retain=True).wait_for_publish(5)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    """One plant to which everything happens: what was stored before stays stored, too."""
    async with ObeyingPlant(tmp_path_factory.mktemp("plant"), estate=ESTATE) as running:
        await running.eventually(lambda: running.stored(COUNT))
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _running_again(plant: Plant) -> AsyncIterator[None]:
    """Whatever became of a test, the next one finds the plant running."""
    yield
    for child in (plant.broker, plant.server):
        if not child.running:
            await child.start()


def newest_ms(ear: StateEar) -> int:
    """Return the time of day, or what STATE last said if that is ahead of it, UTC ms."""
    return max([now_ms(), *(one.get("timestamp", 0) for one in ear.heard)])


async def clean_stop(plant: Plant, ear: StateEar) -> None:
    began_ms, before = now_ms(), len(ear.heard)
    # On a busy machine it takes its time, and who is killed says no farewell.
    await plant.server.stop(timeout_s=30)
    await asyncio.sleep(4)
    (farewell,) = ear.heard[before:]
    assert farewell["online"] is False
    assert farewell["timestamp"] >= began_ms
    await plant.server.start()


async def kill(plant: Plant, ear: StateEar) -> None:
    await plant.server.kill()
    await asyncio.sleep(3)
    assert ear.heard[-1]["online"] is False
    await plant.server.start()


async def restart(plant: Plant, _ear: StateEar) -> None:
    await plant.server.stop()
    await asyncio.sleep(1)
    await plant.server.start()


async def delete(_plant: Plant, ear: StateEar) -> None:
    ear.say(b"")
    await asyncio.sleep(2)


async def garbage(_plant: Plant, ear: StateEar) -> None:
    for payload in (b"ONLINE", b"{", b"\xff\xfe", b'{"online":"yes"}', b"[" * 900):
        ear.say(payload)
    await asyncio.sleep(2)


async def newer_offline(_plant: Plant, ear: StateEar) -> None:
    ear.say(json.dumps({"online": False, "timestamp": newest_ms(ear) + 86_400_000}).encode())
    await asyncio.sleep(2)


async def older_offline(_plant: Plant, ear: StateEar) -> None:
    ear.say(json.dumps({"online": False, "timestamp": 1}).encode())
    await asyncio.sleep(2)


async def broker_restart(plant: Plant, _ear: StateEar) -> None:
    await plant.broker.stop()
    await asyncio.sleep(2)
    await plant.broker.start()


async def clock_set_back(plant: Plant, ear: StateEar) -> None:
    """The host's clock was an hour ahead until it stopped, as its retained STATE shows."""
    await plant.server.kill()
    await asyncio.sleep(0.5)
    ear.say(json.dumps({"online": False, "timestamp": newest_ms(ear) + 3_600_000}).encode())
    await asyncio.sleep(1)
    await plant.server.start()


async def server_away_while_its_broker_restarts(plant: Plant, ear: StateEar) -> None:
    await plant.server.stop()
    await broker_restart(plant, ear)
    await plant.server.start()


EVENTS = [
    clean_stop,
    kill,
    restart,
    delete,
    garbage,
    older_offline,
    broker_restart,
    server_away_while_its_broker_restarts,
    # What comes from the future is remembered by the nodes of this plant, but not by a broker
    # that restarts without its file: these two come last.
    newer_offline,
    clock_set_back,
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
async def test_who_obeys_state_loses_nothing(
    plant: Plant, event: Callable[[Plant, StateEar], Awaitable[None]]
) -> None:
    ear = StateEar(plant.broker.port)
    node = ObedientNode(
        plant.broker.port,
        group="elsewhere",
        node=event.__name__,
        host_id="plantroom",
        horizon_s=HORIZON_S,
    )
    with node:
        await plant.eventually(lambda: plant.stored(node.key))
        await event(plant, ear)
        happened_ms = now_ms()
        await plant.eventually(lambda: _is_born(node))

        async def fresh() -> bool:
            counted, foreign = await plant.stored(COUNT), await plant.stored(node.key)
            return min(counted[-1][0], foreign[-1][0]) > happened_ms + 500

        await plant.eventually(fresh)
        assert ear.heard[-1]["online"] is True
    made = list(node.produced)

    await _all_there(lambda: plant.stored(node.key), made)

    async def no_gap() -> bool:
        values = [value for _, value in await plant.stored(COUNT)]
        assert values == sorted(set(values)), "doubled or out of order"
        return all(later == earlier + 1 for earlier, later in pairwise(values))

    await plant.eventually(no_gap)
    ear.close()


async def _all_there(
    stored: Callable[[], Awaitable[list[tuple[int, Any]]]], made: list[tuple[int, int]]
) -> None:
    deadline = time.monotonic() + 15
    while (there := await stored()) != made:
        if time.monotonic() > deadline:
            missing = sorted(set(made) - set(there))
            pytest.fail(f"{len(missing)} of {len(made)} readings are missing: {missing[:5]}")
        await asyncio.sleep(0.2)


async def _is_born(node: ObedientNode) -> bool:
    return node.born
