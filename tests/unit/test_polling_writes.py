"""Commands in the write lane of a port."""

import asyncio
from random import Random

import pytest

from config.points import DataType, Table
from config.ports import ModbusRtuPort, ModbusTcpPort, Port
from config.writable import Unlock, Writable
from edge_agent.errors import CommandError
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, alive, commanded, holding, port_manager, running
from tests.fakes.virtual_clock import VirtualClock


async def test_a_write_is_read_back() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1, writable=Writable(maximum=10)), units)) as bench:
        await bench.clock.run_for(1.5)
        written = await commanded(bench)
    assert written.confirmed
    assert (written.before.value, written.after.value) == (100, 5)
    assert units[1].registers[Table.HOLDING, 0] == 5


async def test_a_write_goes_in_front_of_waiting_reads() -> None:
    points = {f"p{i}": point(i * 50) for i in range(20)} | {"p": point(2000)}
    registers = holding(*range(0, 1000, 50), 2000)
    one = device("d1", points, max_registers=10)
    async with running(Bench([one], {1: FakeUnit(registers, 0.1)})) as bench:
        await bench.clock.run_for(10.25)
        asked = len(bench.driver.asked)
        await commanded(bench)
    # At most the request on its way is in front of it.
    writes = [i for i, ask in enumerate(bench.driver.asked[asked:]) if ask.written]
    assert writes[0] <= 1


async def test_a_bit_is_written_without_touching_its_neighbours() -> None:
    one = device("d1", {"p": point(0, type=DataType.BIT, bit=2)})
    units = {1: FakeUnit({(Table.HOLDING, 0): 0b1001})}
    async with running(Bench([one], units)) as bench:
        await bench.clock.run_for(1.5)
        written = await commanded(bench, value=True)
    assert written.confirmed
    assert units[1].registers[Table.HOLDING, 0] == 0b1101


class Controller(FakeUnit):
    """Takes over a mode whose key comes with its ones' complement."""

    def take(self, values: dict[tuple[Table, int], int], now_s: float) -> None:
        super().take(values, now_s)
        key, complement = (self.registers[Table.HOLDING, at] for at in (4104, 4105))
        if key == complement ^ 0xFFFF and key == 35701:
            self.registers[Table.HOLDING, 772] = 1


@pytest.mark.parametrize(("takes", "confirmed"), [(Controller, True), (FakeUnit, False)])
async def test_a_key_and_its_complement_are_written_elsewhere(
    takes: type[FakeUnit], *, confirmed: bool
) -> None:
    allowed = Writable(
        maximum=2, address=4104, registers=("value", "complement"), codes={"auto": 35701}
    )
    words = {0: "stop", 1: "auto", 2: "manual"}
    mode = point(772, type=DataType.ENUM, enum=words, writable=allowed)
    unit = takes({(Table.HOLDING, at): 0 for at in (772, 4104, 4105)})
    async with running(Bench([device("d1", {"p": mode})], {1: unit})) as bench:
        await bench.clock.run_for(1.5)
        written = await commanded(bench, value="auto")
        assert written.confirmed is confirmed
        assert written.after.value == ("auto" if confirmed else "stop")
        with pytest.raises(CommandError, match="'stop' has no code to write; expected one of auto"):
            await commanded(bench, value="stop")
    (sent,) = [ask for ask in bench.driver.asked if ask.written]
    assert (sent.table, sent.address, sent.written) == (Table.HOLDING, 4104, (35701, 29834))


UNLOCKED = Writable(maximum=10, unlock=Unlock(address=50, value=0x1234))


async def test_a_key_register_is_written_right_before() -> None:
    unit = FakeUnit({(Table.HOLDING, 0): 1, (Table.HOLDING, 50): 0})
    one = device("d1", {"p": point(0, writable=UNLOCKED)})
    async with running(Bench([one], {1: unit})) as bench:
        await bench.clock.run_for(1.5)
        assert (await commanded(bench, value=5)).confirmed
    sent = [(ask.address, ask.written) for ask in bench.driver.asked if ask.written]
    assert sent == [(50, (0x1234,)), (0, (5,))]


@pytest.mark.parametrize("how", ["refused", "offline"])
async def test_what_a_key_does_not_unlock_is_not_sent(how: str) -> None:
    # The key register is not there: the device refuses it.
    unit = FakeUnit({(Table.HOLDING, 0): 1})
    one = device("d1", {"p": point(0, writable=UNLOCKED)})
    async with running(Bench([one], {1: unit})) as bench:
        await bench.clock.run_for(1.5)
        unit.offline = how == "offline"
        with pytest.raises(CommandError, match="not sent"):
            await commanded(bench, value=5)
    assert unit.registers[Table.HOLDING, 0] == 1
    assert [ask.address for ask in bench.driver.asked if ask.written] == [50]


async def test_a_coil_is_written_for_what_a_contact_shows() -> None:
    shown = point(
        7, table=Table.DISCRETE, type=DataType.BOOL, writable=Writable(address=3, look_again_s=0)
    )
    unit = FakeUnit({(Table.DISCRETE, 7): 1, (Table.COIL, 3): 0})
    async with running(Bench([device("d1", {"p": shown})], {1: unit})) as bench:
        await bench.clock.run_for(1.5)
        assert (await commanded(bench, value=True)).confirmed
        assert not (await commanded(bench, value=False)).confirmed
    assert unit.registers[Table.COIL, 3] == 0


async def test_a_write_to_an_offline_unit_or_a_closed_port_is_refused_at_once() -> None:
    units = alive(2)
    units[1].offline = True
    async with running(Bench(port_manager(2), units)) as bench:
        with pytest.raises(CommandError, match="port bus is down"):
            await bench.port.write("d1", "p", 5)
        await bench.clock.run_for(10)
        assert not bench.port.answers("d1")
        assert bench.port.answers("d2")
        with pytest.raises(CommandError, match="unit 1 does not answer"):
            await bench.port.write("d1", "p", 5)


async def test_a_write_that_expired_while_it_waited_is_not_carried_out() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1), units)) as bench:
        await bench.clock.run_for(1.5)
        with pytest.raises(CommandError, match="expired"):
            await commanded(bench, expires_at=bench.clock.now_ms() - 1)
    assert units[1].registers[Table.HOLDING, 0] == 100


@pytest.mark.long
async def test_on_a_full_port_a_write_waits_for_one_frame_at_most() -> None:
    """99 of 100 writes are answered within two frame times, however much is asked of the port."""
    frame_s = 0.05
    options = {"period_s": 0.2, "writable": Writable(maximum=60000)}
    units = alive(10, response_s=frame_s)
    bench = Bench(port_manager(10, **options), units, clock=VirtualClock())
    rng = Random(4)  # noqa: S311 (reproducible instants, not a secret)
    waits: list[float] = []
    async with running(bench):
        await bench.clock.run_for(5)
        for value in range(1, 201):
            await bench.clock.run_for(rng.uniform(0.3, 1.0))
            ordered_s = bench.clock.monotonic_s()
            call = asyncio.create_task(bench.port.write(f"d{rng.randint(1, 10)}", "p", value))
            await bench.clock.run_for(0.3)
            assert (await call).confirmed
            sent_s = next(ask.at_s for ask in reversed(bench.driver.asked) if ask.written)
            waits.append(sent_s + frame_s - ordered_s)
    assert bench.count("plantroom_port_busy_seconds_total") > 0.95 * bench.clock.monotonic_s()
    assert sorted(waits)[197] <= 2 * frame_s + 1e-6


@pytest.mark.long
@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ["tcp", "rtu"])
@pytest.mark.parametrize("silent", [0, 6])
async def test_a_write_beside_offline_units_waits_for_two_frames_at_most(
    kind: str, silent: int
) -> None:
    """99 of 100 writes begin within two frame times on a port that is asked 90 % of its time."""
    frame_s = 0.05
    settings: Port = (
        ModbusTcpPort(kind="modbus_tcp", host="h")
        if kind == "tcp"
        else ModbusRtuPort(kind="modbus_rtu", device="/dev/null", baud=115200)
    )
    units = alive(9 + silent, response_s=frame_s)
    for number in range(10, 10 + silent):
        units[number].offline = True
    options = {"period_s": 0.5, "writable": Writable(maximum=60000)}
    bench = Bench(
        port_manager(9 + silent, **options), units, clock=VirtualClock(), settings=settings
    )
    rng = Random(4)  # noqa: S311 (reproducible instants, not a secret)
    waits: list[float] = []
    async with running(bench):
        await bench.clock.run_for(30)
        for value in range(1, 151):
            await bench.clock.run_for(rng.uniform(0.3, 1.0))
            ordered_s = bench.clock.monotonic_s()
            name = f"d{rng.randint(1, 9)}"
            call = asyncio.create_task(bench.port.write(name, "p", value))
            await bench.clock.run_for(0.5)
            assert (await call).confirmed
            sent_s = next(ask.at_s for ask in reversed(bench.driver.asked) if ask.written)
            waits.append(sent_s - ordered_s)
        probes = [ask for ask in bench.driver.asked if ask.unit > 9]
    assert len(probes) >= 10 or not silent
    # Two frames and the reply; the wait for an offline unit ends when its answer would be late.
    assert max(waits) <= 2 * frame_s + 0.01
    assert sorted(waits)[148] <= 2 * frame_s + 1e-6
    assert not any(event[0] == "down" and int(event[1][1:]) <= 9 for event in bench.sink.events)
    assert (
        bench.count("plantroom_port_offline_seconds_total") <= 0.03 * bench.clock.monotonic_s() + 1
    )


async def test_a_write_ends_the_wait_for_a_unit_that_just_fell_silent() -> None:
    units = alive(2, response_s=0.02)
    options = {"writable": Writable(maximum=60000), "period_s": 1.0}
    bench = Bench(port_manager(2, **options), units, clock=VirtualClock())
    async with running(bench):
        await bench.clock.run_for(30.5)
        units[1].offline = True
        # At 31.0 the first is asked; its neighbour behind it.
        await bench.clock.run_for(0.51)
        call = asyncio.create_task(bench.port.write("d2", "p", 7))
        await bench.clock.run_for(0.15)
        assert (await call).confirmed
        assert bench.health.devices["d1"].up
        units[1].offline = False
        await bench.clock.run_for(5)
    assert [event[0] for event in bench.sink.events] == ["up", "up"]


async def test_a_wait_given_up_for_a_command_is_charged_and_counts_as_no_failure() -> None:
    units = alive(2)
    units[2].offline = True
    options = {"writable": Writable(maximum=60000), "period_s": 5.0}
    bench = Bench(port_manager(2, **options), units, clock=VirtualClock())
    async with running(bench):
        await bench.clock.run_for(7)
        unit, before = bench.port.devices["d2"].unit, len(bench.driver.asked)
        while not (bench.driver.asked[-1].unit == 2 and len(bench.driver.asked) > before):
            await bench.clock.run_for(0.01)
        failures, asked_s = unit.failures, bench.driver.asked[-1].at_s
        spent_s = bench.count("plantroom_port_offline_seconds_total")
        call = asyncio.create_task(bench.port.write("d1", "p", 7))
        await bench.clock.run_for(0.1)
        assert (await call).confirmed
        cut_s = next(ask.at_s for ask in bench.driver.asked if ask.written) - asked_s
    assert cut_s < 0.2
    assert unit.failures == failures
    paid_s = bench.count("plantroom_port_offline_seconds_total") - spent_s
    assert paid_s == pytest.approx(cut_s, abs=0.001)


async def test_without_numbers_nothing_is_cut_before_its_answer_would_be_late() -> None:
    """An answer that comes in while the command goes out would damage both."""
    settings = ModbusRtuPort(
        kind="modbus_rtu", device="/dev/null", baud=115200, turnaround_s=0.05, timeout_s=1.0
    )
    units = alive(2, response_s=0.02)
    options = {"writable": Writable(maximum=60000), "period_s": 1.0}
    bench = Bench(port_manager(2, **options), units, clock=VirtualClock(), settings=settings)
    async with running(bench):
        await bench.clock.run_for(30.5)
        units[1].offline = True
        await bench.clock.run_for(0.501)
        call = asyncio.create_task(bench.port.write("d2", "p", 7))
        await bench.clock.run_for(0.3)
        assert (await call).confirmed
    asked_s = next(ask.at_s for ask in reversed(bench.driver.asked) if ask.unit == 1)
    written_s = next(ask.at_s for ask in bench.driver.asked if ask.written)
    silent_s = [ask.at_s for ask in bench.driver.asked if ask.unit == 1 and ask.at_s < written_s]
    assert asked_s > written_s
    # The turnaround, and twice what an answer took.
    assert written_s - silent_s[-1] == pytest.approx(0.05 + 2 * 0.02, abs=0.01)
