"""The ports of a gateway together."""

from types import SimpleNamespace
from typing import Any

import pytest

from config.ports import Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, OnLateResponse
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port_manager import PortManager
from tests.fakes.agent_clock import FakeClock
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeDriver
from tests.fakes.port_bench import SETTINGS
from tests.fakes.reading_sink import ListSink

STEPS = [0.004 * number for number in range(25)]


@pytest.mark.parametrize(
    ("ports", "origins"),
    [
        (25, STEPS),
        (4, [0.0, 0.024, 0.048, 0.072]),
        (75, [at_s for at_s in STEPS for _ in range(3)]),
    ],
)
def test_ports_are_spread_over_a_tenth_of_a_second_in_25_steps_however_long_they_take_to_build(
    ports: int, origins: list[float]
) -> None:
    clock = FakeClock()

    def open_driver(_: Port, at: Clock, __: OnLateResponse) -> Driver:
        clock.advance(0.03)
        return FakeDriver({}, at)

    port_manager = PortManager(
        sink=ListSink(),
        health=Health(),
        availability=MemoryAvailability(),
        clock=clock,
        open_driver=open_driver,
    )
    names = [f"p{number:02}" for number in range(ports)]
    gateway: Any = SimpleNamespace(
        settings=SimpleNamespace(ports=dict.fromkeys(names, SETTINGS)),
        devices={name: device(name, {"p": point(0)}, port=name) for name in names},
    )
    began_s = clock.monotonic_s()

    started = port_manager.prepare(gateway).started

    found = [port.schedule.classes[0].origin_s - began_s for port in started.values()]
    assert found == pytest.approx(origins)
