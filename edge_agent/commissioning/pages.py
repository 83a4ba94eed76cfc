"""What reads a page of `plantroom agent read`, by the protocol of the port."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort
from config.ports import OsdpPort, Port, ReachabilityPort
from edge_agent.clock import Clock
from edge_agent.commissioning.door_reader import DoorWish, door_page
from edge_agent.commissioning.flow_meter_reader import FlowMeterReader, FlowMeterWish
from edge_agent.commissioning.host_reader import HostReader, HostWish
from edge_agent.commissioning.meter_reader import MeterReader, MeterWish
from edge_agent.commissioning.register_page import Wish, registers_page
from edge_agent.commissioning.slave_reader import SlaveReader, SlaveWish
from edge_agent.commissioning.unit_reader import UnitReader
from edge_agent.drivers.lines import Lines

AnyWish: TypeAlias = Wish | MeterWish | FlowMeterWish | SlaveWish | HostWish | DoorWish
PageReader: TypeAlias = Callable[[], Awaitable[list[str]]]


@asynccontextmanager
async def opened(
    lines: Lines, port: Port, wish: AnyWish, clock: Clock
) -> AsyncGenerator[PageReader]:
    """Open the port; yields what reads a page."""
    if isinstance(port, Dlt645Port):
        async with lines.open_meters(port, clock) as client:
            meters = MeterReader(client, port)
            yield lambda: meters.page(cast("MeterWish", wish))
    elif isinstance(port, Cjt188Port):
        async with lines.open_flow_meters(port, clock) as client:
            flow_meters = FlowMeterReader(client, port)
            yield lambda: flow_meters.page(cast("FlowMeterWish", wish))
    elif isinstance(port, MbusPort):
        async with lines.open_mbus(port, clock) as slaves:
            slave_reader = SlaveReader(slaves, port)
            yield lambda: slave_reader.page(cast("SlaveWish", wish))
    elif isinstance(port, ReachabilityPort):
        async with lines.open(port, clock) as hosts_driver:
            hosts = HostReader(hosts_driver, port)
            yield lambda: hosts.page(cast("HostWish", wish))
    elif isinstance(port, OsdpPort):
        async with lines.open_readers(port, clock) as readers:
            yield lambda: door_page(readers, cast("DoorWish", wish))
    else:
        async with lines.open_modbus(port, clock) as driver:
            unit = cast("Wish", wish)
            reader = UnitReader(driver, port, unit.unit)
            yield lambda: registers_page(reader, unit)
