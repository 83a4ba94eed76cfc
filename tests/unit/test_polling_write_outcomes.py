"""What became of a write, by what the device did."""

import asyncio

import pytest

from config.points import DataType, Table
from config.ports import ModbusRtuPort
from config.writable import Writable
from edge_agent.errors import (
    CommandError,
    DeviceGarbageError,
    DeviceRefusedError,
    PortDownError,
)
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import WRITABLE, Bench, alive, commanded, holding, port_manager, running


@pytest.mark.parametrize("code", [1, 2, 3, 6])
async def test_a_device_that_says_no_has_not_carried_it_out(code: int) -> None:
    units = alive(1)
    units[1].write_code = code
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        with pytest.raises(CommandError, match=f"exception {code}"):
            await commanded(bench)


@pytest.mark.parametrize("code", [4, 99])
async def test_a_device_that_says_neither_yes_nor_no_leaves_it_unknown(code: int) -> None:
    units = alive(1)
    units[1].write_code = code
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        with pytest.raises(DeviceRefusedError, match=f"exception {code}"):
            await commanded(bench)


async def test_a_written_value_that_cannot_be_read_back_is_written() -> None:
    units = alive(1)
    units[1].code_after_write = 2
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        written = await commanded(bench)
    assert (written.confirmed, written.after) == (False, None)
    assert written.reason == "written, but not read back: exception 2"
    assert [ask.written for ask in bench.driver.asked].count((5,)) == 1


async def test_a_unit_that_falls_silent_after_the_write_leaves_it_written() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(0.005)
        units[1].offline = True
        await bench.clock.run_for(5)
        written = await call
    assert (written.confirmed, written.after) == (False, None)
    assert "written, but not read back: unit 1" in written.reason


async def test_a_port_closed_after_the_write_leaves_it_written() -> None:
    async with running(Bench(port_manager(1, writable=WRITABLE), alive(1))) as bench:
        await bench.clock.run_for(1.5)
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(0.0101)
    assert "written, but not read back: port bus was closed" in (await call).reason


async def test_a_port_closed_before_the_write_has_not_carried_it_out() -> None:
    units = alive(1, response_s=0.1)
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.05)
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(0.01)
    with pytest.raises(CommandError, match="not sent: port bus was closed"):
        await call


async def test_a_port_closed_during_the_write_leaves_it_unknown() -> None:
    units = alive(1, response_s=0.1)
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(0.05)
    with pytest.raises(PortDownError, match="was closed"):
        await call


async def test_a_device_that_applies_a_value_late_is_read_back_again() -> None:
    units = alive(2)
    units[1].applies_after_s = 0.3
    async with running(Bench(port_manager(2, writable=WRITABLE, period_s=0.1), units)) as bench:
        await bench.clock.run_for(1.5)
        bench.sink.log.clear()
        written = await commanded(bench)
    assert (written.confirmed, written.after.value) == (True, 5)
    # The port does not wait for it.
    assert max(bench.gaps_s("d2")) <= 0.13


async def test_a_device_that_never_applies_a_value_is_unconfirmed_after_a_second_look() -> None:
    units = alive(1)
    units[1].applies_after_s = 60
    options = {"writable": Writable(maximum=9, look_again_s=2), "period_s": 60.0}
    async with running(Bench(port_manager(1, **options), units)) as bench:
        await bench.clock.run_for(1.5)
        asked = len(bench.driver.asked)
        written = await commanded(bench)
    assert (written.confirmed, written.after.value) == (False, 100)
    assert written.reason == "the device reads back another value"
    first, again = bench.driver.asked[asked + 1 :]
    assert again.at_s - first.at_s == pytest.approx(2.01, abs=0.001)


async def test_a_second_look_is_over_before_the_unit_is_written_again() -> None:
    units = alive(1)
    units[1].applies_after_s = 0.3
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        calls = [asyncio.create_task(bench.port.write("d1", "p", value)) for value in (5, 6)]
        await bench.clock.run_for(5)
        written = [await call for call in calls]
    assert [(one.confirmed, one.after and one.after.value) for one in written] == [
        (True, 5),
        (True, 6),
    ]


async def test_a_unit_may_take_the_whole_timeout_for_a_write() -> None:
    """Its reads are answered within 10 ms; storing a value takes it 40 times as long."""
    units = alive(1)
    units[1].write_s = 0.4
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        # A port without spare time.
        bench.port.schedule.load.share = 1e9
        await bench.clock.run_for(30)
        assert (await commanded(bench)).confirmed
        await bench.clock.run_for(5)
    reads = [ask.timeout_s for ask in bench.driver.asked[-3:]]
    # And it is not waited for so long when it is only read.
    assert reads == pytest.approx([0.2] * 3)


async def test_a_write_is_given_the_time_of_its_own_bytes() -> None:
    text = point(0, type=DataType.STRING, length=60, writable=WRITABLE)
    units = {1: FakeUnit(holding(*range(60)))}
    line = ModbusRtuPort(kind="modbus_rtu", device="/dev/ttyS9", baud=1200, timeout_s=0.5)
    async with running(Bench([device("d1", {"p": text})], units, settings=line)) as bench:
        await bench.clock.run_for(5)
        await commanded(bench, value="x")
    write = next(ask for ask in bench.driver.asked if ask.written)
    assert write.timeout_s == pytest.approx(0.5 + (9 + 120 + 8) * 11 / 1200)


async def test_a_point_says_which_function_writes_it() -> None:
    points = {"p": point(0, writable=Writable(maximum=9, function=16))}
    async with running(Bench([device("d1", points)], alive(1))) as bench:
        await bench.clock.run_for(1.5)
        await commanded(bench)
    assert [ask.multiple for ask in bench.driver.asked if ask.written] == [True]


async def test_a_bit_whose_register_cannot_be_read_is_not_written() -> None:
    one = device("d1", {"p": point(0, type=DataType.BIT, bit=2, period_s=60.0)})
    units = {1: FakeUnit({(Table.HOLDING, 0): 0b1001})}
    async with running(Bench([one], units)) as bench:
        await bench.clock.run_for(1.5)
        units[1].garbage = True
        with pytest.raises(CommandError, match="not sent: unit 1: noise"):
            await commanded(bench, value=True)


async def test_a_damaged_answer_to_a_write_leaves_it_unknown() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1, writable=WRITABLE, period_s=60.0), units)) as bench:
        await bench.clock.run_for(1.5)
        units[1].garbage = True
        with pytest.raises(DeviceGarbageError):
            await commanded(bench)
