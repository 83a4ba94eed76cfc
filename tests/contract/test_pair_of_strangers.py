"""A Modbus slave and a meter by other hands on one pair: modbus-tk at 9600, dlt645 at 2400 baud."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from statistics import median

import pytest
import serial
from modbus_tk import defines
from modbus_tk.modbus_rtu import RtuServer

from config.identifiers import IdentifierPoint
from config.ports import MeterSettings, ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.lines import Lines
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from tests.contract.test_meters_polled import of_meter
from tests.fakes.devices import device, point
from tests.fakes.meter_line import A
from tests.fakes.reading_sink import ListSink
from tests.fakes.shared_pair import SharedPair
from tests.fakes.stranger_meter import stranger_meter
from tests.patience import PATIENCE_S

UNITS = (3, 7)
MODBUS_S, METER_S = 0.4, 0.8
ENOUGH = 4
"""Readings of the meter."""


@asynccontextmanager
async def modbus_units(path: str) -> AsyncIterator[None]:
    line = serial.Serial(path, 9600, parity="N")
    server = RtuServer(line)
    for unit in UNITS:
        server.add_slave(unit).add_block("h", defines.HOLDING_REGISTERS, 0, 10)
        server.get_slave(unit).set_values("h", 0, [100 * unit + at for at in range(10)])
    server.start()
    try:
        yield
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def meter(path: str) -> AsyncIterator[None]:
    async with stranger_meter(path, baud=2400) as server:
        assert server.set_00(0x00010000, 12345.67)
        assert server.set_02(0x02010100, 231.4)
        yield


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning")  # of modbus-tk, in its thread
async def test_both_are_polled_at_their_periods_on_one_pair() -> None:
    async with SharedPair(3) as pair, modbus_units(pair.paths[1]), meter(pair.paths[2]):
        settings = ModbusRtuPort(
            kind="modbus_rtu",
            device=pair.paths[0],
            baud=9600,
            parity="N",
            meters=MeterSettings(baud=2400, parity="N", change_s=0.01),
        )
        registers = {f"r{at}": point(at, period_s=MODBUS_S, report_all=True) for at in (0, 9)}
        identifiers = {
            "energy": IdentifierPoint(identifier="00010000"),
            "voltage": IdentifierPoint(identifier="02010100"),
        }
        devices = [device(f"u{unit}", registers, unit=unit) for unit in UNITS]
        devices.append(of_meter(A, identifiers, METER_S))
        sink, clock = ListSink(), SystemClock()
        port = PortOwner(
            "pair",
            settings=settings,
            devices={one.id: one for one in devices},
            open_driver=partial(Lines().open, settings, clock),
            sink=sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=clock,
        )
        task = asyncio.create_task(port.run())
        async with asyncio.timeout(PATIENCE_S):
            while len(sink.times_s(f"m{A}", "voltage")) < ENOUGH:
                await asyncio.sleep(0.05)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    wanted = {(f"m{A}", "energy"): 12345.67, (f"m{A}", "voltage"): 231.4}
    wanted |= {(f"u{unit}", f"r{at}"): 100 * unit + at for unit in UNITS for at in (0, 9)}
    for (name, of), value in wanted.items():
        seen = {one.value for one in sink.of(name, of) if one.quality is Quality.GOOD}
        assert seen == {value}, (name, of)
        period_s = METER_S if name == f"m{A}" else MODBUS_S
        times = sink.times_s(name, of)
        assert len(times) >= ENOUGH
        # A busy machine is late, and may leave out a cycle; not most of them.
        assert 0.7 <= median(b - a for a, b in pairwise(times)) / period_s <= 1.5, (name, of)
