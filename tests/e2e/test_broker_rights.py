"""deploy/mosquitto.conf beside Debian's stock file: who may connect as whom, and say what."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import yaml

from tests.e2e.shipped_broker import PASSWORD, ROOT, ShippedBroker, shipped_broker
from tests.patience import PATIENCE_S

SERVER, GATEWAY, OTHER = "plantroom-server", "green-garden.heating-plant", "north.gw2"
OTHER_RIGHTS = """
user north.gw2
topic write spBv1.0/north/+/gw2/#
topic write spBv1.0/north/+/gw2
topic read  spBv1.0/north/NCMD/gw2/#
topic read  spBv1.0/STATE/#
"""


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[ShippedBroker]:
    """A broker with Debian's file, ours included by it, and three users."""
    users = (SERVER, GATEWAY, OTHER)
    async with shipped_broker(tmp_path, users=users, more_rights=OTHER_RIGHTS) as broker:
        yield broker


class Client:
    """A client that remembers how often it was connected, and what it heard."""

    def __init__(
        self, broker: ShippedBroker, *, user: str, client_id: str, password: str = PASSWORD
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.ended = 0
        self.accepted: list[bool] = []
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
        client.username_pw_set(user, password)
        context = ssl.create_default_context(cafile=broker.ca)
        client.tls_set_context(context)
        client.on_connect = lambda _c, _d, _f, code, _p: self.accepted.append(not code.is_failure)
        client.on_disconnect = lambda *_: self._end()
        client.on_message = lambda _c, _d, m: self.heard.append((m.topic, bytes(m.payload)))
        client.connect("localhost", broker.port)
        client.loop_start()

    def _end(self) -> None:
        self.ended += 1

    async def subscribe(self, *filters: str) -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._client.on_subscribe = lambda *_: loop.call_soon_threadsafe(done.set)
        self._client.subscribe([(name, 1) for name in filters])
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()

    def say(self, topic: str) -> None:
        self._client.publish(topic, b"x", qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a fact; the test's timeout ends what never becomes one."""
    while not condition():
        await asyncio.sleep(0.05)


async def test_nobody_takes_another_ones_client_id(broker: ShippedBroker) -> None:
    victims = {user: Client(broker, user=user, client_id=user) for user in (SERVER, OTHER)}
    await until(lambda: all(victim.accepted for victim in victims.values()))
    stolen = [SERVER, "plantroom-server-plantroom", OTHER, "plantroom-north-gw2"]
    thieves = [Client(broker, user=GATEWAY, client_id=name) for name in stolen]
    await until(lambda: all(thief.accepted for thief in thieves))
    await asyncio.sleep(0.5)
    for user, victim in victims.items():
        assert (victim.accepted, victim.ended) == ([True], 0), user
    for client in (*victims.values(), *thieves):
        client.close()


async def test_a_wrong_password_or_a_stranger_is_refused(broker: ShippedBroker) -> None:
    for user, password in ((GATEWAY, "wrong"), ("stranger", PASSWORD), (SERVER, "")):
        client = Client(broker, user=user, client_id="x", password=password)
        await until(lambda client=client: bool(client.accepted))
        assert True not in client.accepted
        client.close()


async def test_a_gateway_speaks_for_itself_alone(broker: ShippedBroker) -> None:
    server = Client(broker, user=SERVER, client_id="s")
    gateway = Client(broker, user=GATEWAY, client_id="g")
    await server.subscribe("spBv1.0/#")
    await gateway.subscribe("spBv1.0/#")
    own = [
        "spBv1.0/green-garden/NBIRTH/heating-plant",
        "spBv1.0/green-garden/DDATA/heating-plant/p",
    ]
    foreign = [
        "spBv1.0/north/NBIRTH/gw2",
        "spBv1.0/north/DDATA/gw2/pump",
        "spBv1.0/STATE/plantroom",
        "spBv1.0/north/NCMD/gw2",
        "spBv1.0/green-garden/NDATA/another",
    ]
    for topic in [*foreign, *own]:
        gateway.say(topic)
    server.say("spBv1.0/green-garden/NCMD/heating-plant")
    server.say("spBv1.0/north/NCMD/gw2")
    server.say("spBv1.0/STATE/plantroom")
    # The last word of each comes after all that it may not say.
    await until(lambda: own[-1] in {topic for topic, _ in server.heard})
    await until(lambda: "spBv1.0/STATE/plantroom" in {topic for topic, _ in gateway.heard})
    topics = {topic for topic, _ in server.heard}
    assert topics >= set(own)
    assert "spBv1.0/north/NBIRTH/gw2" not in topics
    assert "spBv1.0/north/DDATA/gw2/pump" not in topics
    assert "spBv1.0/green-garden/NDATA/another" not in topics
    assert {topic for topic, _ in gateway.heard} == {
        "spBv1.0/green-garden/NCMD/heating-plant",
        "spBv1.0/STATE/plantroom",
    }
    assert [topic for topic, _ in server.heard].count("spBv1.0/STATE/plantroom") == 1
    for client in (server, gateway):
        client.close()


def test_the_examples_name_the_users_of_the_acl() -> None:
    users = set(re.findall(r"(?m)^user (.+)$", (ROOT / "deploy" / "mosquitto.acl").read_text()))
    named = {_uncommented(name)["mqtt"]["username"] for name in ("server", "agent")}
    assert named == users == {SERVER, GATEWAY}
    agent = _uncommented("agent")
    assert f"{agent['site']}.{agent['gateway']}" == GATEWAY


def _uncommented(name: str) -> dict[str, Any]:
    """Return the example with the section ``mqtt`` taken in."""
    text = (ROOT / "config" / "examples" / f"{name}.yaml").read_text()
    start = text.index("#mqtt:")
    section = text[start : text.index("\n\n", start)]
    lines = [line.removeprefix("#") for line in section.splitlines()]
    return yaml.safe_load(text) | yaml.safe_load("\n".join(lines))
