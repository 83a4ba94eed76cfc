"""Simulated units on a pty, with the timing of a line."""

import asyncio
import os
import random
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient

from protocols.dlt645.frames import frame_stream
from protocols.dlt645.requests import read
from simulators.counter import Counter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.framing import crc16, rtu_frame
from simulators.line import LineOfUnits, LineTiming
from simulators.line_protocols import meter_unit
from simulators.serial_line import Party, SerialLine
from tests.fakes.meter_line import A, meter
from tests.fakes.virtual_loop import LoopClock, run_virtually

READ_COUNT = bytes.fromhex("0300000002")
COUNTED_ONE = bytes.fromhex("030400000001")
COUNTED_TWO = bytes.fromhex("030400000002")
READ_BLOCK = bytes.fromhex("0300000026")
FAST = LineTiming(baud=115200)


class Master:
    """A master that only writes bytes and collects bytes."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._bytes = bytearray()
        self._more = asyncio.Event()

    def send(self, data: bytes) -> None:
        os.write(self._terminal, data)

    def speed(self, baud: int) -> None:
        settings = termios.tcgetattr(self._terminal)
        settings[4] = settings[5] = getattr(termios, f"B{baud}")
        termios.tcsetattr(self._terminal, termios.TCSANOW, settings)

    async def receive(self, size: int, wait_s: float = 5) -> bytes:
        while len(self._bytes) < size:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), wait_s)
        received = bytes(self._bytes[:size])
        del self._bytes[:size]
        return received

    def readable(self) -> None:
        self._bytes += os.read(self._terminal, 4096)
        self._more.set()


@contextmanager
def _master(path: Path) -> Iterator[Master]:
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(terminal)
    master = Master(terminal)
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal, master.readable)
    try:
        yield master
    finally:
        loop.remove_reader(terminal)
        os.close(terminal)


def _units(*addresses: int) -> dict[int, FaultyUnit]:
    return {address: FaultyUnit(Counter(), seed=address) for address in addresses}


def _value(frame: bytes) -> int:
    assert crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")
    return int.from_bytes(frame[3:7], "big")


async def test_pymodbus_reads_several_units_of_one_line(tmp_path: Path) -> None:
    async with SerialLine(_units(1, 2), path=tmp_path / "line", timing=FAST) as line:
        client = AsyncModbusSerialClient(
            str(line.path), baudrate=115200, parity="N", timeout=2, retries=0
        )
        assert await client.connect()
        values = []
        for unit in (1, 1, 2, 1):
            reply = await client.read_holding_registers(0, count=2, device_id=unit)
            values.append((unit, reply.registers[1]))
        client.close()
    assert values == [(1, 1), (1, 2), (2, 1), (1, 3)]


async def test_bytes_take_as_long_as_at_9600_8e1(tmp_path: Path) -> None:
    timing = LineTiming(baud=9600, turnaround_s=0.01)
    async with SerialLine(_units(1), path=tmp_path / "line", timing=timing) as line:
        with _master(line.path) as master:
            loop = asyncio.get_running_loop()
            sent_s = loop.time()
            master.send(rtu_frame(1, READ_BLOCK))
            first = await master.receive(1)
            first_s = loop.time() - sent_s
            rest = await master.receive(80)
            last_s = loop.time() - sent_s
    assert _value(first + rest) == 1
    # 8 characters of request, the turnaround, 81 characters of reply.
    assert first_s >= 8 * 11 / 9600 + 0.01
    assert last_s >= (8 + 81) * 11 / 9600 + 0.01


def test_a_character_of_8e1_is_eleven_bits() -> None:
    assert LineTiming(baud=9600).duration_s(960) == pytest.approx(1.1)
    assert LineTiming(baud=9600, bits_per_character=10).duration_s(960) == pytest.approx(1.0)
    assert LineTiming().duration_s(960) == 0


async def test_a_dead_unit_is_silent_and_the_next_request_is_answered(tmp_path: Path) -> None:
    units = _units(1, 2)
    units[1].faults.add(Fault(FaultKind.OFFLINE))
    async with SerialLine(units, path=tmp_path / "line", timing=FAST) as line:
        with _master(line.path) as master:
            master.send(rtu_frame(1, READ_COUNT))
            master.send(rtu_frame(9, READ_COUNT))
            master.send(rtu_frame(2, READ_COUNT))
            frame = await master.receive(9)
    assert frame[0] == 2
    assert _value(frame) == 1


async def test_a_request_while_a_slave_talks_garbles_both(tmp_path: Path) -> None:
    timing = LineTiming(baud=9600)
    async with SerialLine(_units(1, 2), path=tmp_path / "line", timing=timing) as line:
        with _master(line.path) as master:
            master.send(rtu_frame(1, READ_BLOCK))
            head = await master.receive(1)
            master.send(rtu_frame(2, READ_COUNT))
            tail = await master.receive(75)
            assert (head + tail)[0] == 1
            assert crc16((head + tail)[:-2]) != int.from_bytes(tail[-2:], "little")
            assert (
                line._parties[0].units[2].respond(READ_COUNT, 0).pdu == b"\x03\x04\x00\x00\x00\x01"
            )


@pytest.mark.parametrize(
    ("second_at_s", "garbled"),
    [
        pytest.param(0.022, True, id="the answer begins while the question goes out"),
        pytest.param(0.035, True, id="the question goes out while the answer comes in"),
        pytest.param(0.045, False, id="one after the other"),
    ],
)
def test_the_line_is_one_for_both_directions(second_at_s: float, *, garbled: bool) -> None:
    # At 9600 8E1 a question of 8 characters takes 9 ms and an answer of 9 characters 10 ms.
    timing = LineTiming(baud=9600, turnaround_s=0.02)
    units, heard = _units(1, 2), bytearray()

    async def talk() -> None:
        rng = random.Random(0)  # noqa: S311 (repeatable)
        line = LineOfUnits(units, write=heard.extend, clock=LoopClock(), rng=rng, timing=timing)
        line.receive(rtu_frame(1, READ_COUNT))
        await asyncio.sleep(second_at_s)
        line.receive(rtu_frame(2, READ_COUNT))
        await asyncio.sleep(1)

    run_virtually(talk())
    answers = rtu_frame(1, COUNTED_ONE), rtu_frame(2, COUNTED_ONE)
    assert bytes(heard).startswith(answers[0]) is not garbled
    assert bytes(heard).endswith(answers[1]) is not garbled
    # A garbled question was not heard.
    assert units[2].respond(READ_COUNT, 0).pdu == (COUNTED_ONE if garbled else COUNTED_TWO)


async def test_a_broadcast_reaches_everybody_and_nobody_answers(tmp_path: Path) -> None:
    async with SerialLine(_units(1, 2), path=tmp_path / "line", timing=FAST) as line:
        with _master(line.path) as master:
            master.send(rtu_frame(0, READ_COUNT))
            master.send(rtu_frame(1, READ_COUNT))
            assert _value(await master.receive(9)) == 2


async def test_the_path_stays_the_same_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "line"
    units = _units(1)
    for restart in (1, 2):
        async with SerialLine(units, path=path, timing=FAST) as line:
            assert line.path == path
            with _master(path) as master:
                master.send(rtu_frame(1, READ_COUNT))
                assert _value(await master.receive(9)) == restart
        assert not path.is_symlink()


async def test_a_link_that_a_killed_simulator_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.symlink_to("/dev/pts/999999")
    async with SerialLine(_units(1), path=path, timing=FAST):
        assert path.exists()


async def test_a_master_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    async with SerialLine(_units(1), path=tmp_path / "line", timing=LineTiming()) as line:
        with _master(line.path) as master:
            asyncio.get_running_loop().remove_reader(master._terminal)
            for _ in range(100):
                line._write(0, random.Random(1), bytes(400))  # noqa: S311 (repeatable)
            asyncio.get_running_loop().add_reader(master._terminal, master.readable)
            assert len(await master.receive(1000)) == 1000


async def test_two_protocols_share_a_pair_at_their_own_rates(tmp_path: Path) -> None:
    meters = {meter_unit(A): meter(A)}
    party = Party(meters, "dlt645", LineTiming(baud=2400))
    modbus = LineTiming(baud=9600)
    line = SerialLine(_units(1), path=tmp_path / "line", timing=modbus, others=[party])
    ask = read(A, 0x04000401).frame().encode()
    async with line:
        with _master(line.path) as master:
            stream = frame_stream()
            for baud, request, size in ((9600, rtu_frame(1, READ_COUNT), 9), (2400, ask, 26)):
                master.speed(baud)
                master.send(request)
                reply = await master.receive(size)
                frames = stream.feed(reply)
                assert _is_modbus(reply) if baud == 9600 else frames[0].address == A
            # At the wrong rate nobody hears it.
            master.speed(9600)
            master.send(ask)
            with pytest.raises(TimeoutError):
                await master.receive(1, wait_s=0.3)


def _is_modbus(frame: bytes) -> bool:
    return crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")
