"""The way of a reading from a reply to its message goes through few modules, which are documented.

Followed is an agent from the bytes of a reply, as asyncio hands them to a connection, to the
message, as paho takes it: driver, port, uplink, and the journal in its file. Counted are the
modules of the agent, the configuration and the protocols of which a line runs meanwhile, in a cycle
like any other.
"""

import asyncio
import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.enums import MQTTErrorCode

import edge_agent
from config.computed import TimedComputed
from config.edge import JournalSettings
from config.gateway import ResolvedDevice
from config.mqtt import MqttSettings
from config.ports import ModbusPort, ModbusRtuOverTcpPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.connection import TcpLink
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.wires import wire_of
from edge_agent.health import Health
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from edge_agent.uplink import mqtt
from edge_agent.uplink.uplink import Uplink
from tests.fakes.devices import device, point
from tests.fakes.gateway import gateway
from tests.fakes.memory_line import LateUnit, line_of
from tests.fakes.port_bench import SETTINGS

MOST_MODULES = 20
"""25 before the modules of the driver were merged, and the reading went before its measure."""
CYCLES = 5
PERIOD_S = 0.01
ROOT = Path(edge_agent.__file__).parent.parent
ROOMS = ("config/", "edge_agent/", "protocols/")
DOCUMENTED = (ROOT / "docs/architecture.md").read_text("utf-8")


@cache
def module_of(file: str) -> str:
    """The path of a module that is counted; empty: it is none."""
    path = Path(file)
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    return name if name.startswith(ROOMS) else ""


class Way:
    """Collects the modules of which lines run while it is open.

    Attributes:
        over: Set after so many ways.
        last: The modules of the last one.
    """

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.last: set[str] = set()
        self._left = CYCLES
        self._modules: set[str] | None = None

    def begin(self) -> None:
        self._modules = set()
        sys.settrace(self._called)

    def end(self) -> None:
        sys.settrace(None)
        if self._modules is None:
            return
        self.last, self._modules = self._modules, None
        self._left -= 1
        if not self._left:
            self.over.set()

    def _called(self, frame: FrameType, event: str, arg: object) -> Any:
        del event, arg
        # A coroutine that goes on waiting is called as well; none of its lines runs.
        return self._ran if module_of(frame.f_code.co_filename) else None

    def _ran(self, frame: FrameType, event: str, arg: object) -> Any:
        del arg
        if event == "line" and self._modules is not None:
            self._modules.add(module_of(frame.f_code.co_filename))
        return self._ran


class Transport(asyncio.Transport):
    """What asyncio would connect to a device on the net.

    Args:
        end: Its socket; nothing goes through it.
        far: Makes the device, given what hears its answers.
        way: Begins with each of them.
    """

    def __init__(self, end: socket.socket, far: Callable[[Any], Any], way: Way) -> None:
        super().__init__({"socket": end})
        self.link = TcpLink()
        self.link.connection_made(self)
        self._way = way
        self._far = far(self._hear)

    def write(self, data: Any) -> None:
        self._far.receive(data)

    def abort(self) -> None:
        self.link.connection_lost(None)

    def _hear(self, data: bytes) -> None:
        self._way.begin()
        self.link.data_received(data)


class Paho:
    """As much of paho's client as a connection that is open needs; the way ends here."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def will_set(self, *args: Any, **options: Any) -> None:
        pass

    def want_write(self) -> bool:
        return False

    def publish(self, topic: str, payload: bytes) -> Any:
        del topic, payload
        self._way.end()
        return SimpleNamespace(rc=MQTTErrorCode.MQTT_ERR_SUCCESS)


class Agent:
    """One port with one device, an uplink that is connected, and what is between them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch

    async def way_of(
        self, one: ResolvedDevice, *, settings: ModbusPort = SETTINGS, framing: str = "mbap"
    ) -> set[str]:
        """The modules of the last of some cycles; the first one begins things."""
        way, clock = Way(), SystemClock()
        journal = SqliteJournal(JournalSettings(path=self._folder / "journal.db"), clock)
        with socket.socket() as end:

            async def open_link() -> TcpLink:
                units = {1: LateUnit(1, lambda: 0.0)}
                return Transport(end, line_of(units, framing), way).link

            async with journal:
                uplink = Uplink(gateway(one), journal, clock)
                self._connect(uplink, way)
                port = PortOwner(
                    "bus",
                    settings=settings,
                    devices={one.id: one},
                    open_driver=lambda late: ModbusClient(
                        open_link=open_link,
                        wire=wire_of(settings),
                        port=settings,
                        clock=clock,
                        on_late_response=late,
                    ),
                    sink=uplink,
                    health=Health(),
                    availability=MemoryAvailability(),
                    clock=clock,
                )
                polling = asyncio.create_task(port.run())
                await way.over.wait()
                polling.cancel()
                with suppress(asyncio.CancelledError):
                    await polling
                sys.settrace(None)
        return way.last

    def _connect(self, uplink: Uplink, way: Way) -> None:
        self._patch.setattr(mqtt, "Client", lambda *_, **__: Paho(way))
        node = uplink._node
        node.session.connect()
        node.connection = mqtt.MqttConnection(
            MqttSettings(host="broker"),
            client_id="gw",
            will_topic="will",
            will_payload=b"",
            on_message=lambda *_: None,
        )
        uplink._act(node.session.connected())


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    return Agent(tmp_path, monkeypatch)


def plain() -> ResolvedDevice:
    return device("d1", {"p": point(0, scale=0.1, report_all=True, period_s=PERIOD_S)})


def documented() -> set[str]:
    """The modules that the list of docs/architecture.md names."""
    _, _, rest = DOCUMENTED.partition("### From a reply to its message\n")
    steps, _, _ = rest.partition("\n\nOn a line ")
    return set(re.findall(r"`([\w/]+\.py)`", steps))


async def test_a_reading_goes_through_the_modules_that_are_documented(agent: Agent) -> None:
    modules = await agent.way_of(plain())
    assert sorted(modules) == sorted(documented())
    assert len(modules) <= MOST_MODULES


async def test_on_a_line_a_frame_is_found_by_other_modules(agent: Agent) -> None:
    settings = ModbusRtuOverTcpPort(kind="modbus_rtu_over_tcp", host="127.0.0.1", line_baud=115200)
    modules = await agent.way_of(plain(), settings=settings, framing="rtu")
    assert modules - documented() == {
        "edge_agent/drivers/attribution.py",
        "edge_agent/drivers/wires.py",
    }
    assert documented() - modules == {"edge_agent/drivers/mbap.py"}


async def test_a_computed_point_adds_its_expression_and_no_more(agent: Agent) -> None:
    one = plain()
    one.computed["double"] = TimedComputed(
        expression="p * 2", period_s=PERIOD_S, max_silence_s=300.0, report_all=True
    )
    assert await agent.way_of(one) - documented() == {
        "config/expression.py",
        "edge_agent/polling/computed.py",
    }
