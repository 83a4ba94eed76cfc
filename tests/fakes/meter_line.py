"""A line of simulated meters in memory, and the driver's end of it, in the time of the loop."""

from collections.abc import Mapping
from typing import Any

from edge_agent.drivers.dlt645.client import MeterClient, MeterLine
from protocols.dlt645.codes import Edition
from simulators.dlt645.meter import MeterSettings, SimulatedMeter, refusal
from simulators.equipment.meter import ElectricityMeter
from simulators.faults import FaultyUnit
from simulators.line import LineTiming, Responder
from simulators.line_protocols import meter_unit
from tests.fakes.memory_line import MemoryLink, line_of
from tests.fakes.virtual_loop import LoopClock

LINE = MeterLine(timeout_s=1.0)
TIMING = LineTiming(baud=2400, turnaround_s=0.03)


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


def meter_client(link: MemoryLink, line: MeterLine = LINE) -> MeterClient:
    async def open_link() -> MemoryLink:
        return link

    return MeterClient(open_link=open_link, line=line, clock=LoopClock())
