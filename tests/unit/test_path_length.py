"""The way from a reply to a published reading goes through few modules.

Counted are the modules of the agent, the configuration and the protocols in which code runs from
the return of the driver's read to the hand-over of the message to the connection.
"""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import edge_agent
from config.computed import TimedComputed
from config.edge import JournalSettings
from config.resolve import ResolvedDevice
from edge_agent.drivers.base import Reply
from edge_agent.journal.memory import MemoryJournal
from edge_agent.polling.port import PortOwner
from edge_agent.uplink.uplink import Uplink
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeDriver
from tests.fakes.gateway import gateway
from tests.fakes.jumping_clock import JumpingClock
from tests.fakes.port_bench import SETTINGS, Bench, alive, running
from tests.fakes.uplink_connection import FakeConnection

MOST_MODULES = 15  # a protocol has its questions in a module of its own
ROOT = Path(edge_agent.__file__).parent.parent
ROOMS = ("config", "edge_agent", "protocols")


class Way:
    """Collects the modules in which Python code runs while it is open."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.done: list[set[str]] = []

    def begin(self) -> None:
        self.modules = set()
        sys.setprofile(self._event)

    def end(self) -> None:
        sys.setprofile(None)
        self.done.append(self.modules)

    def _event(self, frame: FrameType, event: str, arg: object) -> None:
        del arg
        if event in {"call", "return"}:
            self._note(frame)
            if frame.f_back is not None:
                self._note(frame.f_back)

    def _note(self, frame: FrameType) -> None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ROOMS:
            self.modules.add(path.relative_to(ROOT).as_posix())


class WatchedDriver(FakeDriver):
    """A driver whose reply begins the way."""

    way: Way

    async def read(self, *args: Any, **options: Any) -> Reply:
        reply = await super().read(*args, **options)
        self.way.begin()
        return reply


class WatchedConnection(FakeConnection):
    """A connection at which the way ends."""

    way: Way

    def publish(self, topic: str, payload: bytes) -> bool:
        self.way.end()
        return super().publish(topic, payload)


async def way_of(one: ResolvedDevice) -> set[str]:
    """The modules of the last of ten cycles; the first begins things."""
    way, clock = Way(), JumpingClock()
    driver = WatchedDriver(alive(1), clock)
    connection = WatchedConnection()
    driver.way = connection.way = way
    uplink = Uplink(gateway(one), MemoryJournal(JournalSettings(), clock), clock)
    uplink._node.session.connect()
    uplink._node.connection = connection
    uplink._act(uplink._node.session.connected())
    bench = Bench([one], {})
    bench.port = PortOwner(
        "bus",
        settings=SETTINGS,
        devices={one.id: one},
        driver=driver,
        sink=uplink,
        health=bench.health,
        availability=bench.availability,
        clock=clock,
    )
    async with running(bench):
        await clock.run_for(10)
    sys.setprofile(None)
    assert len(connection.data()) >= 9
    return way.done[-1]


async def test_a_reading_goes_through_few_modules() -> None:
    modules = await way_of(device("d1", {"p": point(0, scale=0.1, report_all=True)}))
    assert {"edge_agent/polling/requests.py", "edge_agent/uplink/node.py"} <= modules
    assert len(modules) <= MOST_MODULES, sorted(modules)


async def test_a_computed_point_adds_its_expression_and_no_more() -> None:
    one = device("d1", {"p": point(0, scale=0.1, report_all=True)})
    one.computed["double"] = TimedComputed(
        expression="p * 2", period_s=1.0, max_silence_s=300.0, report_all=True
    )
    assert len(await way_of(one)) <= MOST_MODULES + 2
