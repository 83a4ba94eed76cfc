"""What the broker of deploy/ forbids is reported with its cause: log, agent watch, /readyz."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from plantroom.processes import free_port, plantroom_command
from simulators.modbus import ModbusServer
from tests.administrator import make_records
from tests.contract.test_driver_lines import EchoAddress
from tests.e2e.interface import Interface
from tests.e2e.shipped_broker import PASSWORD, ROOT, shipped_broker
from tests.forked import ForkedChild
from tests.patience import PATIENCE_S

SERVER, GATEWAY = "plantroom-server", "green-garden.heating-plant"
OTHER_RIGHTS = """
user west.gw5
topic write spBv1.0/west/+/gw5/#
topic write spBv1.0/west/+/gw5
topic read  spBv1.0/west/NCMD/gw5/#
topic read  spBv1.0/STATE/#
"""


def mqtt(folder: Path, port: int, user: str, **options: object) -> dict[str, Any]:
    """Return the section mqtt of a server or an agent."""
    password = folder / "broker-password"
    # Never written twice: the agent that was started first may be reading it.
    if not password.exists():
        password.write_text(PASSWORD)
    section = {"host": "localhost", "port": port, "tls": {"ca_file": str(folder / "ca" / "ca.crt")}}
    return {**section, "username": user, "password_file": str(password), **options}


class Gateway:
    """An agent with one device that answers."""

    def __init__(self, folder: Path, name: str, device_port: int, section: dict[str, Any]) -> None:
        folder = folder / name
        folder.mkdir()
        site, _, gateway = name.partition("+")[0].partition(".")
        points = {"r0": {"table": "holding", "address": 7, "type": "uint16", "report_all": True}}
        words = {"en": "Meter", "zh": "电表"}
        meter = {"port": "lan", "class": "electricity_meter", "name": words, "points": points}
        content = {
            "site": site,
            "gateway": gateway,
            "mqtt": section,
            "journal": {"path": str(folder / "journal.sqlite")},
            "status": {"port": 0},
            # Long enough for a busy machine to acknowledge, three times over.
            "uplink": {"clock_grace_s": 0, "ack_timeout_s": 3.0},
            "ports": {"lan": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": device_port}},
            "devices": {"m1": meter | {"period_s": 0.5}},
        }
        (folder / "agent.yaml").write_text(json.dumps(content))
        self.log = folder / "agent.log"
        command = plantroom_command("agent", "run", str(folder / "agent.yaml"))
        self.child = ForkedChild(name, command, log=self.log, ready_event="agent_ready")

    async def watch(self) -> str:
        """Return a page of agent watch."""
        url = f"http://127.0.0.1:{self.child.ready['status_port']}"
        command = plantroom_command("agent", "watch", "--once", "--url", url)
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        page, _ = await process.communicate()
        return page.decode()

    def logged(self, event: str) -> list[str]:
        """Return the lines of the log with this event."""
        return [line for line in self.log.read_text().splitlines() if f'"{event}"' in line]


class House(Interface):
    """A server beside a broker of deploy/."""

    def __init__(self, folder: Path, section: dict[str, Any]) -> None:
        self.folder = folder
        self.file = folder / "server.yaml"
        self.log = folder / "server.log"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.file.write_text(yaml.safe_dump({"mqtt": section, "http": {"port": port}}))
        command = plantroom_command("server", "run", str(self.file))
        self.child = ForkedChild("server", command, log=self.log, ready_event="server_ready")

    async def open(self, stack: AsyncExitStack) -> None:
        token = make_records(self.file)
        await stack.enter_async_context(self.child)
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S)
        self.http = await stack.enter_async_context(client)

    async def note(self) -> str:
        """Return what /readyz says of the broker."""
        return (await self.http.get("/readyz")).json()["notes"].get("broker", "")


@asynccontextmanager
async def house(folder: Path, section: dict[str, Any]) -> AsyncGenerator[House]:
    async with AsyncExitStack() as stack:
        built = House(folder, section)
        await built.open(stack)
        yield built


async def test_each_gateway_that_the_broker_refuses_or_does_not_hear_says_why(
    tmp_path: Path,
) -> None:
    users = (SERVER, GATEWAY, "south.gw3", "north.gw2", "west.gw5")
    async with AsyncExitStack() as stack:
        broker = shipped_broker(tmp_path, users=users, more_rights=OTHER_RIGHTS)
        port = (await stack.enter_async_context(broker)).port
        device = await stack.enter_async_context(ModbusServer({1: EchoAddress()}))
        plant = await stack.enter_async_context(house(tmp_path, mqtt(tmp_path, port, SERVER)))
        wrong = tmp_path / "wrong-password"
        wrong.write_text("wrong")

        async def gateway(name: str, user: str, **options: object) -> Gateway:
            section = mqtt(tmp_path, port, user, **options)
            built = Gateway(tmp_path, name, device.port, section)
            await stack.enter_async_context(built.child)
            return built

        well = await gateway(GATEWAY, GATEWAY, client_id=SERVER)
        not_in_acl = await gateway("south.gw3", "south.gw3")
        other_node = await gateway("north.gw9", "west.gw5")
        unknown = await gateway("east.gw4", "east.gw4")
        wrong_password = await gateway("north.gw2", "north.gw2", password_file=str(wrong))

        async def all_logged() -> bool:
            unheard = all(one.logged("nothing_acknowledged") for one in (not_in_acl, other_node))
            return unheard and all(one.logged("uplink_down") for one in (unknown, wrong_password))

        await plant.eventually(all_logged)
        await plant.eventually(lambda: plant.items("values"))
        for one, user, topics in (
            (not_in_acl, "south.gw3", "spBv1.0/south/+/gw3"),
            (other_node, "west.gw5", "spBv1.0/north/+/gw9"),
        ):
            why = f"ACL does not let user '{user}' publish under {topics}"
            assert why in one.logged("nothing_acknowledged")[0]
            assert f"ATTENTION: nothing is acknowledged: the broker's {why}" in await one.watch()
        for one, user in ((unknown, "east.gw4"), (wrong_password, "north.gw2")):
            (down,) = one.logged("uplink_down")
            why = f"it does not know user '{user}' (mqtt.username), or not this password"
            assert why in down
            assert re.search(rf"OFFLINE \(.*{re.escape(why)}", await one.watch())

        # Who asks for another's client id gets its own; its neighbours notice nothing.
        assert "ATTENTION" not in await well.watch()
        assert not well.logged("nothing_acknowledged")
        assert not well.logged("uplink_down")
        assert '"mqtt_disconnected"' not in plant.log.read_text()
        gateways = await plant.items("gateways")
        assert [one["key"] for one in gateways] == ["green-garden/heating-plant"]
        assert await plant.note() == ""


async def test_two_gateways_with_one_user_say_that_it_is_the_user(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        broker = shipped_broker(tmp_path, users=(GATEWAY,))
        port = (await stack.enter_async_context(broker)).port
        device = await stack.enter_async_context(ModbusServer({1: EchoAddress()}))
        section = mqtt(tmp_path, port, GATEWAY)
        both = [Gateway(tmp_path, name, device.port, section) for name in (GATEWAY, "north.gw2")]
        for one in both:
            await stack.enter_async_context(one.child)

        async def both_logged() -> bool:
            return all(one.logged("mqtt_client_id_shared") for one in both)

        await Interface().eventually(both_logged)
        for one in both:
            assert "mqtt.username" in one.logged("mqtt_client_id_shared")[0]
            assert "ATTENTION: client id" in await one.watch()


@pytest.mark.parametrize("missing", ["user", "state", "password"])
async def test_a_server_that_the_broker_refuses_or_does_not_hear_says_why(
    tmp_path: Path, missing: str
) -> None:
    shipped = (ROOT / "deploy" / "mosquitto.acl").read_text()
    rights = {
        "user": shipped[shipped.index("# A gateway") :],
        "state": shipped.replace("STATE/plantroom", "STATE/another"),
        "password": shipped,
    }[missing]
    async with AsyncExitStack() as stack:
        broker = shipped_broker(tmp_path, users=(SERVER,), rights=rights)
        port = (await stack.enter_async_context(broker)).port
        section = mqtt(tmp_path, port, SERVER)
        if missing == "password":
            (tmp_path / "broker-password").write_text("wrong")
        plant = await stack.enter_async_context(house(tmp_path, section))
        note = await plant.eventually(plant.note)
        await asyncio.sleep(3)
        lines = plant.log.read_text().splitlines()
    if missing == "password":
        why, event = f"does not know user '{SERVER}' (mqtt.username)", "mqtt_refused"
    else:
        why, event = f"does not let user '{SERVER}' write and read it", "own_state_unheard"
    assert why in note
    (logged,) = [line for line in lines if f'"{event}"' in line]
    assert why in logged
