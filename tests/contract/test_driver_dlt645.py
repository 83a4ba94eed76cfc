"""The driver of meters against simulated ones: values, commands, late answers, a lost line."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.dlt645.client import MeterClient, MeterLine
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from protocols.dlt645.codes import Edition
from protocols.dlt645.commands import Password, RelayCommand, broadcast_time, relay, write
from protocols.dlt645.frames import ANY, Frame
from protocols.dlt645.identifiers import item
from protocols.dlt645.requests import Request, read
from protocols.reading import Value
from simulators.dlt645.values import local_time
from simulators.faults import Fault, FaultKind
from simulators.line import LineTiming, Reply, Responder
from simulators.line_protocols import meter_unit
from simulators.serial_line import SerialLine
from tests.fakes.memory_line import MemoryLink, Silent
from tests.fakes.meter_line import LINE, faulty, link_to, meter, meter_client
from tests.fakes.virtual_loop import run_virtually

A, B, OLD = "201000000012", "000000000161", "138000130754"
PASSWORD = Password(2, "123456")
TIMEOUT_S = 1.0
ENERGY, VOLTAGES, STATUS = 0x00010000, 0x0201FF00, 0x04000503


async def values_of(
    client: MeterClient, address: str, identifier: int, edition: Edition = Edition.E2007
) -> tuple[Value, ...]:
    wanted = item(edition, identifier)
    assert wanted is not None
    reply = await client.read(address, identifier, timeout_s=TIMEOUT_S, edition=edition)
    return wanted.decode(bytes(reply.values))


def test_meters_of_both_editions_on_one_line() -> None:
    async def work() -> None:
        units = {
            A: meter(A, phases=1),
            B: meter(B),
            OLD: meter(OLD, edition=Edition.E1997),
        }
        async with meter_client(link_to(units)) as client:
            volts = await values_of(client, A, VOLTAGES)
            assert volts[1:] == (None, None)
            assert 220 < float(str(volts[0])) < 240
            first = await values_of(client, B, ENERGY)
            await asyncio.sleep(3600)
            later = await values_of(client, B, ENERGY)
            assert float(str(later[0])) > float(str(first[0])) > 20_000
            whole = await values_of(client, OLD, 0xB61F, Edition.E1997)
            assert all(isinstance(one, int) for one in whole)
            assert len(await values_of(client, OLD, 0x901F, Edition.E1997)) == 5
            assert await values_of(client, A, 0x04000401) == (A,)
            assert await values_of(client, B, 0x00900200) < (100.0,)

    run_virtually(work())


def test_one_meter_tells_its_address_and_answers_the_wildcard() -> None:
    async def work() -> None:
        async with meter_client(link_to({A: meter(A)})) as client:
            assert await client.read_address(timeout_s=TIMEOUT_S) == A
            assert await values_of(client, ANY, 0x04000402) == (A,)
            assert await values_of(client, "AAAAAA000012", 0x04000402) == (A,)
        old = {OLD: meter(OLD, edition=Edition.E1997)}
        async with meter_client(link_to(old)) as client:
            found = await client.read_address(timeout_s=TIMEOUT_S, edition=Edition.E1997)
            assert found == OLD

    run_virtually(work())


def test_two_meters_that_answer_the_wildcard_disturb_each_other() -> None:
    async def work() -> None:
        async with meter_client(link_to({A: meter(A), B: meter(B)})) as client:
            with pytest.raises((DeviceGarbageError, DeviceTimeoutError)):
                await client.read_address(timeout_s=TIMEOUT_S)

    run_virtually(work())


@pytest.mark.parametrize("part_bytes", [1, 3, 7])
@pytest.mark.parametrize("edition", Edition)
def test_follow_on_frames_are_put_together(edition: Edition, part_bytes: int) -> None:
    async def work() -> None:
        one = meter(A, edition=edition, part_bytes=part_bytes)
        identifier = 0x0001FF00 if edition is Edition.E2007 else 0x901F
        async with meter_client(link_to({A: one})) as client:
            values = await values_of(client, A, identifier, edition)
            total, *tariffs = [float(str(value)) for value in values]
            assert len(tariffs) == 4
            assert abs(sum(tariffs) - total) < 0.05

    run_virtually(work())


class Endless:
    """A meter that always has more to say."""

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del now_s
        return Reply(bytes((pdu[0] | 0xA0,)) + pdu[1:5] + b"\x11" + pdu[5:])


def test_a_meter_that_never_ends_is_not_followed() -> None:
    async def work() -> None:
        async with meter_client(link_to({A: Endless()})) as client:
            with pytest.raises(DeviceGarbageError, match="more than 32 follow-on"):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)

    run_virtually(work())


def test_what_a_meter_does_not_have_is_refused_with_a_word() -> None:
    async def work() -> None:
        async with meter_client(link_to({A: meter(A)})) as client:
            with pytest.raises(DeviceRefusedError, match="no_such_data") as refused:
                await client.read(A, 0x09999999, timeout_s=TIMEOUT_S)
            assert refused.value.code == 2

    run_virtually(work())


def trip(command: RelayCommand, password: Password = PASSWORD, hours: float = 1) -> Request:
    until = local_time(0.0) + timedelta(hours=hours)
    return relay(A, command, password=password, operator="00000001", valid_until=until)


def test_a_relay_trips_and_closes_and_the_status_word_says_so() -> None:
    async def work() -> None:
        one = meter(A)
        async with meter_client(link_to({A: one})) as client:
            assert await values_of(client, A, STATUS) == (0,)
            await client.command(trip(RelayCommand.TRIP), timeout_s=TIMEOUT_S)
            (word,) = await values_of(client, A, STATUS)
            known = item(Edition.E2007, STATUS)
            assert known is not None
            assert known.bits_of(int(str(word))) == ("relay_open", "relay_command_open")
            assert await values_of(client, A, 0x02030000) == (0.0,)
            await client.command(trip(RelayCommand.CLOSE), timeout_s=TIMEOUT_S)
            assert await values_of(client, A, STATUS) == (0,)
            assert one.commands == [RelayCommand.TRIP, RelayCommand.CLOSE]

    run_virtually(work())


@pytest.mark.parametrize(
    ("request_of", "word"),
    [
        (lambda: trip(RelayCommand.TRIP, Password(2, "999999")), "not_authorised"),
        (lambda: trip(RelayCommand.TRIP, hours=-1), "other_error"),
    ],
)
def test_a_refused_command_moves_nothing(request_of: Callable[[], Request], word: str) -> None:
    async def work() -> None:
        one = meter(A)
        async with meter_client(link_to({A: one})) as client:
            with pytest.raises(DeviceRefusedError, match=word) as refused:
                await client.command(request_of(), timeout_s=TIMEOUT_S)
            assert refused.value.code != 2
            assert "999999" not in str(refused.value)
        assert one.commands == []

    run_virtually(work())


def test_a_kept_meter_is_not_tripped() -> None:
    async def work() -> None:
        one = meter(A)
        async with meter_client(link_to({A: one})) as client:
            await client.command(trip(RelayCommand.KEEP), timeout_s=TIMEOUT_S)
            with pytest.raises(DeviceRefusedError):
                await client.command(trip(RelayCommand.TRIP), timeout_s=TIMEOUT_S)

    run_virtually(work())


def test_time_is_broadcast_to_all_and_written_to_one() -> None:
    async def work() -> None:
        units = {A: meter(A), B: meter(B)}
        async with meter_client(link_to(units)) as client:
            ahead = local_time(0.0) + timedelta(seconds=120)
            await client.broadcast(broadcast_time(ahead))
            for address in units:
                (shown,) = await values_of(client, address, 0x04000102)
                assert str(shown) >= ahead.time().isoformat()
            known = item(Edition.E2007, 0x04000102)
            assert known is not None
            data = known.encode(("11:22:33",))
            await client.command(write(A, 0x04000102, data, password=PASSWORD), timeout_s=TIMEOUT_S)
            assert str((await values_of(client, A, 0x04000102))[0]).startswith("11:22:3")
            assert not str((await values_of(client, B, 0x04000102))[0]).startswith("11:22:3")

    run_virtually(work())


def test_an_answer_takes_the_time_that_is_predicted() -> None:
    async def work() -> None:
        link = link_to({A: meter(A)})
        async with meter_client(link) as client:
            predicted = LINE.expected_s(read(A, VOLTAGES), 6, answer_s=0.03)
            loop = asyncio.get_running_loop()
            await client.read(A, VOLTAGES, timeout_s=TIMEOUT_S)
            began = loop.time()
            await client.read(A, VOLTAGES, timeout_s=TIMEOUT_S)
            assert loop.time() - began == pytest.approx(predicted, rel=0.02)

    run_virtually(work())


class Late:
    """Answers each request after the next of these times."""

    def __init__(self, inner: Responder, delays_s: list[float]) -> None:
        self._inner = inner
        self._delays = cycle(delays_s)

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        return self._inner.respond(pdu, now_s)._replace(delay_s=next(self._delays))


def test_a_late_answer_goes_to_no_other_question_and_is_reported() -> None:
    async def work() -> list[tuple[str, float]]:
        late: list[tuple[str, float]] = []
        units = {A: Late(meter(A), [1.5, 0.0]), B: meter(B)}
        async with meter_client(link_to(units)) as client:
            client.on_late_response = lambda address, after_s: late.append((address, after_s))
            with pytest.raises(DeviceTimeoutError):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)
            (hz,) = await values_of(client, A, 0x02800002)
            assert 49 < float(str(hz)) < 51
            await asyncio.sleep(1)
        return late

    late = run_virtually(work())
    assert [address for address, _ in late] == [A]
    assert 1.5 < late[0][1] < 2


def test_an_older_answer_to_the_same_question_can_be_waited_for() -> None:
    async def work() -> None:
        async with meter_client(link_to({A: Late(meter(A), [5.0, 0.0])})) as client:
            with pytest.raises(DeviceTimeoutError):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)
            now = asyncio.get_running_loop().time()
            assert client.clear_at(read(A, ENERGY)) <= now < client.fresh_at(read(A, ENERGY))
            assert client.fresh_at(read(A, VOLTAGES)) <= now
            assert client.fresh_at(read(B, ENERGY)) <= now

    run_virtually(work())


def test_a_command_without_an_answer_is_not_followed_by_another_at_once() -> None:
    async def work() -> None:
        one = meter(A)
        late: list[float] = []
        async with meter_client(link_to({A: Late(one, [4.5, 0.0])})) as client:
            client.on_late_response = lambda _, after_s: late.append(after_s)
            with pytest.raises(DeviceTimeoutError) as first:
                await client.command(trip(RelayCommand.TRIP), timeout_s=TIMEOUT_S)
            assert first.value.went_out
            with pytest.raises(DeviceTimeoutError, match="not asked") as second:
                await client.command(trip(RelayCommand.CLOSE), timeout_s=TIMEOUT_S)
            assert not second.value.went_out
            # The acknowledgement of the first is in, so the next is its own.
            await asyncio.sleep(1)
            assert len(late) == 1
            await client.command(trip(RelayCommand.CLOSE), timeout_s=TIMEOUT_S)
        assert one.commands == [RelayCommand.TRIP, RelayCommand.CLOSE]

    run_virtually(work())


def test_a_late_refusal_is_not_taken_for_that_of_the_next_question() -> None:
    async def work() -> None:
        async with meter_client(link_to({A: Late(meter(A), [1.1, 0.3])})) as client:
            with pytest.raises(DeviceTimeoutError):
                await client.read(A, 0x09999999, timeout_s=TIMEOUT_S)
            assert (await values_of(client, A, 0x04000401)) == (A,)

    run_virtually(work())


@pytest.mark.seeds(3, 100)
def test_no_value_goes_to_another_question_on_a_bad_line(seed: int) -> None:
    """Meters that are late, noisy and flapping: what is decoded belongs to its question."""

    async def work() -> int:
        known = {
            A: faulty(meter(A), seed),
            B: faulty(meter(B), seed + 1),
            OLD: faulty(meter(OLD, edition=Edition.E1997), seed + 2),
        }
        for unit in known.values():
            unit.faults.add(Fault(FaultKind.OUT_OF_ORDER, 0.6, longest_s=3.0, chance=0.3))
            unit.faults.add(Fault(FaultKind.NOISE, chance=0.1))
            unit.faults.add(Fault(FaultKind.EXCEPTION, chance=0.1, code=1))
        right = 0
        async with meter_client(link_to(known)) as client:
            for _ in range(30):
                for address, edition, identifier, check in QUESTIONS:
                    with suppress(DriverError):
                        (value,) = await values_of(client, address, identifier, edition)
                        assert check(value), (address, identifier, value)
                        right += 1
        return right

    assert run_virtually(work()) > 40


QUESTIONS: list[tuple[str, Edition, int, Callable[[Value], bool]]] = [
    (A, Edition.E2007, 0x04000401, lambda value: value == A),
    (A, Edition.E2007, 0x02800007, lambda value: value == 24.5),
    (B, Edition.E2007, 0x04000401, lambda value: value == B),
    (B, Edition.E2007, 0x02060000, lambda value: value == 0.94),
    (OLD, Edition.E1997, 0xC032, lambda value: value == OLD),
    (OLD, Edition.E1997, 0xB650, lambda value: value == 0.94),
]


def test_a_meter_that_answers_as_another_is_named() -> None:
    async def work() -> None:
        link = MemoryLink(Silent)
        async with meter_client(link) as client:
            asyncio.get_running_loop().call_later(
                0.3, link.hear, Frame(B, 0x91, bytes.fromhex("0000010026000000")).encoded()
            )
            with pytest.raises(DeviceGarbageError, match=B):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)

    run_virtually(work())


@pytest.mark.parametrize(
    ("heard", "error", "message"),
    [
        (b"", DeviceTimeoutError, "no answer in time"),
        (b"\x00\xff\x12", DeviceTimeoutError, "no answer in time"),
        (Frame(A, 0x11, b"\x00\x00\x01\x00").encoded(), DeviceTimeoutError, "no answer in time"),
        (
            bytes.fromhex("6812000000102068910A33323435895532323232 2216"),
            DeviceGarbageError,
            "damaged",
        ),
        (bytes.fromhex("6812000000102068910A3332"), DeviceGarbageError, "part of a frame"),
    ],
)
def test_what_is_no_answer(heard: bytes, error: type[DriverError], message: str) -> None:
    async def work() -> None:
        link = MemoryLink(Silent)
        async with meter_client(link) as client:
            asyncio.get_running_loop().call_later(0.2, link.hear, heard)
            with pytest.raises(error, match=message):
                await client.read(A, VOLTAGES, timeout_s=TIMEOUT_S)

    run_virtually(work())


def test_a_line_that_is_never_silent_is_not_spoken_on() -> None:
    async def work() -> None:
        link = MemoryLink(Silent)
        async with meter_client(link) as client:
            loop = asyncio.get_running_loop()

            def jabber() -> None:
                link.hear(b"\x00")
                loop.call_later(0.01, jabber)

            jabber()
            with pytest.raises(DeviceGarbageError, match="never silent") as found:
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)
            assert not found.value.went_out
        assert link.sent == []

    run_virtually(work())


def test_a_lost_line_is_a_port_that_is_down() -> None:
    async def work() -> None:
        link = MemoryLink(Silent)

        def lose() -> None:
            link.lost = "unplugged"
            link.on_change()

        async with meter_client(link) as client:
            asyncio.get_running_loop().call_later(0.2, lose)
            with pytest.raises(PortDownError, match="unplugged"):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)
            with pytest.raises(PortDownError):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)

    run_virtually(work())


async def test_meters_on_a_pty(tmp_path: Path) -> None:
    units = {meter_unit(A): meter(A), meter_unit(B): meter(B)}
    timing = LineTiming(baud=19200, turnaround_s=0.01)
    port = ModbusRtuPort(kind="modbus_rtu", device=str(tmp_path / "line"), baud=19200, parity="N")
    thread = OwnThread()
    client = MeterClient(
        open_link=lambda: open_serial(port, thread),
        line=MeterLine(baud=19200, timeout_s=1.0),
        clock=SystemClock(),
    )
    async with SerialLine(units, path=tmp_path / "line", timing=timing, framing="dlt645"), client:
        for _ in range(2):
            for address in (A, B):
                assert await values_of(client, address, 0x04000401) == (address,)


def test_the_moment_is_local_time() -> None:
    assert local_time(0.0) == datetime(1970, 1, 1, 8)  # noqa: DTZ001 (as a meter shows it)
