"""Two agents with one identity, two servers with one host id: each log names the cause."""

import asyncio
import json

import pytest
import yaml

from plantroom.processes import free_port, plantroom_command
from tests.administrator import make_records
from tests.e2e.plant import Plant
from tests.e2e.test_state import StateEar
from tests.forked import ForkedChild

SHARED = "mqtt_client_id_shared"


@pytest.fixture
def plant(own_plant: Plant) -> Plant:
    return own_plant


async def test_two_agents_with_one_identity_are_reported_by_both(plant: Plant) -> None:
    content = json.loads(plant.agent_file.read_text())
    content["journal"]["path"] = str(plant.folder / "twin.sqlite")
    file = plant.folder / "twin.yaml"
    file.write_text(json.dumps(content))
    command = plantroom_command("agent", "run", str(file))
    log = plant.folder / "twin.log"
    async with ForkedChild("twin", command, log=log, ready_event="agent_ready"):
        logs = {name: plant.folder / f"{name}.log" for name in ("agent", "twin")}

        async def both_say_so() -> bool:
            return all(SHARED in file.read_text() for file in logs.values())

        await plant.eventually(both_say_so)

        async def the_server_says_so() -> bool:
            (gateway,) = await plant.items("gateways")
            return "two agents" in gateway["problem"]

        await plant.eventually(the_server_says_so)
        for file in logs.values():
            text = file.read_text()
            assert "Unspecified error" not in text
            assert text.count('"uplink_up"') < 12, "no storm of connections"
    assert "identity_shared" in (plant.folder / "server.log").read_text()


def second_server(plant: Plant, **mqtt: object) -> ForkedChild:
    """Return another server of the same host id, set up and not started."""
    folder = plant.folder / "second"
    folder.mkdir()
    settings = {"mqtt": {"port": plant.broker.port, **mqtt}, "http": {"port": free_port()}}
    (folder / "server.yaml").write_text(yaml.safe_dump(settings))
    make_records(folder / "server.yaml")
    command = plantroom_command("server", "run", str(folder / "server.yaml"))
    return ForkedChild("second", command, log=folder / "server.log", ready_event="server_ready")


async def test_a_second_server_with_the_same_client_id_is_reported_by_both(
    plant: Plant,
) -> None:
    async with second_server(plant) as second:
        logs = (plant.folder / "server.log", second.log)

        async def both_say_so() -> bool:
            return all(SHARED in file.read_text() for file in logs)

        await plant.eventually(both_say_so)
        for file in logs:
            assert "sparkplug.host_id" in file.read_text()
            assert file.read_text().count('"mqtt_connected"') < 12, "no storm of connections"


async def test_a_second_server_with_the_same_host_id_is_reported_by_both(
    plant: Plant,
) -> None:
    ear = StateEar(plant.broker.port)
    async with second_server(plant, client_id="another") as second:
        logs = (plant.folder / "server.log", second.log)

        async def both_say_so() -> bool:
            return all('"host_id_shared"' in file.read_text() for file in logs)

        await plant.eventually(both_say_so)
        await asyncio.sleep(3)
        for file in logs:
            text = file.read_text()
            assert text.count('"host_id_shared"') == 1
            assert text.count('"mqtt_connected"') == 1
        assert len(ear.heard) < 12, "neither shouts the other down"
        assert ear.heard[-1]["online"] is True
    # One of them goes: the other says that the host is there.

    async def still_there() -> bool:
        return ear.heard[-1]["online"] is True

    await plant.eventually(still_there)
    await asyncio.sleep(2)
    assert await still_there()
    ear.close()
