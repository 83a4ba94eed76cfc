"""The driver of meters against simulated ones: values, commands, late answers, a lost line."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
)
from protocols.dlt645.codes import Edition
from protocols.dlt645.commands import Password, RelayCommand, broadcast_time, write
from protocols.dlt645.frames import ANY
from protocols.dlt645.identifiers import item
from protocols.dlt645.requests import Request, read
from simulators.dlt645.values import local_time
from simulators.line import LineTiming, Reply
from simulators.line_protocols import meter_unit
from simulators.serial_line import SerialLine
from tests.fakes.meter_line import (
    ENERGY,
    LINE,
    OLD,
    PASSWORD,
    STATUS,
    TIMEOUT_S,
    VOLTAGES,
    A,
    B,
    link_to,
    meter,
    meter_client,
    trip,
    values_of,
)
from tests.fakes.virtual_loop import run_virtually


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
            assert refused.value.code == 7
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
            predicted = LINE.turnaround_s + LINE.request_s(read(A, VOLTAGES), 6) + 0.03
            loop = asyncio.get_running_loop()
            await client.read(A, VOLTAGES, timeout_s=TIMEOUT_S)
            began = loop.time()
            await client.read(A, VOLTAGES, timeout_s=TIMEOUT_S)
            assert loop.time() - began == pytest.approx(predicted, rel=0.02)

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
