"""A line of simulated meters in memory, and the driver's end of it, in the time of the loop."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.line import MeterLine
from protocols.dlt645.codes import Edition
from protocols.dlt645.commands import Password, RelayCommand, relay
from protocols.dlt645.identifiers import item
from protocols.dlt645.requests import Request
from protocols.reading import Value
from simulators.dlt645.meter import MeterSettings, SimulatedMeter, refusal
from simulators.dlt645.values import local_time
from simulators.equipment.meter import ElectricityMeter
from simulators.faults import FaultyUnit
from simulators.line import LineTiming, Responder
from simulators.line_protocols import meter_unit
from tests.fakes.memory_line import MemoryLink, line_of
from tests.fakes.virtual_loop import LoopClock

LINE = MeterLine(timeout_s=1.0)
TIMING = LineTiming(baud=2400, turnaround_s=0.03)
A, B, OLD = "201000000012", "000000000161", "138000130754"
PASSWORD = Password(2, "123456")
TIMEOUT_S = 1.0
ENERGY, VOLTAGES, STATUS = 0x00010000, 0x0201FF00, 0x04000503


def meter(address: str, *, edition: Edition = Edition.E2007, **settings: Any) -> SimulatedMeter:
    return SimulatedMeter(
        f"meter {address}",
        equipment=ElectricityMeter(seed=int(address[-4:]), started_s=0.0),
        settings=MeterSettings(address, edition, **settings),
        started_s=0.0,
    )


def faulty(one: SimulatedMeter, seed: int = 1) -> FaultyUnit:
    return FaultyUnit(one, seed=seed, refusal=refusal)


def link_to(units: Mapping[str, Responder], timing: LineTiming = TIMING) -> MemoryLink:
    by_number = {meter_unit(address): unit for address, unit in units.items()}
    return MemoryLink(line_of(by_number, "dlt645", timing))


def meter_client(link: MemoryLink, line: MeterLine = LINE, **options: Any) -> MeterClient:
    async def open_link() -> MemoryLink:
        return link

    return MeterClient(open_link=open_link, line=line, clock=LoopClock(), **options)


async def values_of(
    client: MeterClient, address: str, identifier: int, edition: Edition = Edition.E2007
) -> tuple[Value, ...]:
    wanted = item(edition, identifier)
    assert wanted is not None
    reply = await client.read(address, identifier, timeout_s=TIMEOUT_S, edition=edition)
    return wanted.decode(bytes(reply.values))


def trip(command: RelayCommand, password: Password = PASSWORD, hours: float = 1) -> Request:
    until = local_time(0.0) + timedelta(hours=hours)
    return relay(A, command, password=password, operator="00000001", valid_until=until)
