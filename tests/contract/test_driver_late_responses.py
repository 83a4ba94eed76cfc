"""Units that answer after their timeout: no answer goes to another request."""

import asyncio
import random
from contextlib import suppress
from itertools import cycle
from typing import Literal

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuOverTcpPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.modbus import Request, read_request, write_request
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.drivers.outstanding import LONGEST_OUTSTANDING_S, LONGEST_SILENT_S, Outstanding
from edge_agent.errors import DeviceTimeoutError, DriverError
from simulators.line import SILENT, Reply
from simulators.modbus import ModbusServer
from tests.contract.test_driver_lines import EchoAddress, tcp_port

TIMEOUT_S = 0.02


class QueueUnit(EchoAddress):
    """Keeps what it is asked and answers one after the other."""

    def __init__(self, delays_s: list[float]) -> None:
        super().__init__(delays_s)
        self._free_s = 0.0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        reply = super().respond(pdu, now_s)
        self._free_s = max(now_s, self._free_s) + reply.delay_s
        return reply._replace(delay_s=self._free_s - now_s)


class BusyUnit(EchoAddress):
    """Hears nothing while it works on an answer, as most slow devices."""

    def __init__(self, delays_s: list[float]) -> None:
        super().__init__(delays_s)
        self._busy_until_s = 0.0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        if now_s < self._busy_until_s:
            return SILENT
        reply = super().respond(pdu, now_s)
        self._busy_until_s = now_s + reply.delay_s
        return reply


def line_port(port: int, framing: Framing = Framing.RTU) -> ModbusRtuOverTcpPort:
    return ModbusRtuOverTcpPort(
        kind="modbus_rtu_over_tcp",
        host="127.0.0.1",
        port=port,
        timeout_s=TIMEOUT_S,
        framing=framing,
    )


async def ask_around(unit: EchoAddress, *, framing: Framing, seconds: float) -> list[int]:
    """Ask for three addresses in turn; returns how far each answer was from its request."""
    wrong: list[int] = []
    async with (
        ModbusServer({1: unit}, framing=framing.value) as server,
        open_modbus(line_port(server.port, framing), SystemClock()) as driver,
    ):
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for address in cycle((100, 200, 300)):
                    with suppress(DriverError):
                        reply = await driver.read(1, Table.HOLDING, address, 1, timeout_s=TIMEOUT_S)
                        wrong.append(reply.values[0] - address)
    return wrong


@pytest.mark.parametrize("kind", [QueueUnit, BusyUnit])
async def test_however_late_a_unit_answers_no_value_goes_to_another_register(
    kind: type[QueueUnit | BusyUnit],
) -> None:
    rng = random.Random(5)  # noqa: S311 (repeatable)
    lateness = [1.2, 2.5, 3.5, 5.0, 8.0]
    plans = [[late * TIMEOUT_S] * 500 for late in lateness]
    # Sometimes late, sometimes in time, never the same.
    plans += [
        [rng.choice((0.0, 0.0, 0.0, rng.uniform(0.5, 6))) * TIMEOUT_S for _ in range(500)]
        for _ in range(3)
    ]
    asked = await asyncio.gather(
        *(
            ask_around(kind(list(plan)), framing=framing, seconds=0.8)
            for plan in plans
            for framing in Framing
        )
    )
    assert [sum(map(bool, wrong)) for wrong in asked] == [0] * len(asked)
    assert sum(len(wrong) for wrong in asked) > 10


async def test_what_is_asked_too_soon_waits_three_timeouts_and_is_not_sent() -> None:
    unit = EchoAddress([60.0])
    async with (
        ModbusServer({1: unit}, framing="rtu") as server,
        open_modbus(line_port(server.port), SystemClock()) as driver,
    ):
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        with pytest.raises(DeviceTimeoutError, match="unit 1, holding 300: not asked, a late"):
            await driver.read(1, Table.HOLDING, 300, 1, timeout_s=TIMEOUT_S)
        wide = await driver.read(1, Table.HOLDING, 300, 2, timeout_s=1.0)
    assert list(wide.values) == [300, 301]
    assert unit.asked == [100, 300]


FIRST = read_request(1, Table.HOLDING, 100, 1)
SECOND = read_request(1, Table.HOLDING, 200, 1)
ANSWER = bytes.fromhex("0302 0007")
TIMEOUT = 1.0


def test_an_answer_is_outstanding_for_its_longest_time_however_many_newer_ones_came() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0)
    outstanding.answered(read_request(1, Table.HOLDING, 300, 5), 2.0)
    assert outstanding.clear_at(SECOND, 10.0) == LONGEST_OUTSTANDING_S
    assert outstanding.clear_at(SECOND, LONGEST_OUTSTANDING_S + 0.1) == 0.0


def test_a_unit_that_has_answered_nothing_since_may_take_longer() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0)
    assert outstanding.clear_at(SECOND, 59.0) == LONGEST_SILENT_S
    assert outstanding.clear_at(SECOND, 60.1) == 0.0


def test_a_port_with_a_long_timeout_expects_answers_for_longer() -> None:
    outstanding = Outstanding(7.0)
    outstanding.add(FIRST, 0.0)
    outstanding.answered(read_request(1, Table.HOLDING, 300, 5), 2.0)
    assert outstanding.clear_at(SECOND, 10.0) == 70.0


def test_the_longest_time_grows_with_the_latest_answer_of_the_last_hour() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0)
    assert outstanding.came(1, ANSWER, None, 30.0) == (1, 30.0)
    outstanding.add(FIRST, 100.0)
    assert outstanding.clear_at(SECOND, 110.0) == 190.0
    outstanding.add(FIRST, 5000.0)
    assert outstanding.clear_at(SECOND, 5001.0) == 5060.0


def test_an_answer_to_a_request_asked_twice_leaves_one_outstanding() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0)
    outstanding.answered(FIRST, 5.0)
    # It may have been the one to the first asking; the other may still come.
    assert outstanding.clear_at(FIRST, 5.1, afresh=True) > 5.1
    assert outstanding.clear_at(SECOND, 5.1) == 5.0 + LONGEST_OUTSTANDING_S
    outstanding.came(1, ANSWER, None, 6.0)
    assert outstanding.clear_at(FIRST, 6.1, afresh=True) <= 6.1
    assert outstanding.clear_at(SECOND, 6.1) == 0.0


def test_a_unit_with_three_recent_requests_outstanding_is_asked_nothing_more() -> None:
    outstanding = Outstanding(TIMEOUT)
    for sent_s in (0.0, 0.5, 1.0):
        assert outstanding.clear_at(FIRST, sent_s) <= sent_s
        outstanding.add(FIRST, sent_s)
    assert outstanding.clear_at(FIRST, 1.5) == 3.0
    outstanding.came(1, ANSWER, None, 1.5)
    assert outstanding.clear_at(FIRST, 1.5) == 0.0


@pytest.mark.parametrize(
    ("direct", "others", "kept"),
    [
        pytest.param(True, False, False, id="a device of its own"),
        pytest.param(False, False, True, id="a line behind a gateway"),
        pytest.param(True, True, True, id="several units, so a gateway"),
    ],
)
def test_a_new_connection_ends_what_is_outstanding_unless_a_gateway_still_answers(
    *, direct: bool, others: bool, kept: bool
) -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0, transaction=1)
    if others:
        outstanding.answered(read_request(2, Table.HOLDING, 0, 1), 0.5)
    outstanding.reconnected(direct=direct)
    assert (outstanding.clear_at(FIRST, 1.0, afresh=True) > 1.0) == kept
    assert (outstanding.came_numbered(7, 1, ANSWER, None, 1.0) is not None) == kept


SECOND_WIDE = read_request(1, Table.HOLDING, 200, 2)
WRITE = write_request(1, Table.HOLDING, 20, [1])
REFUSAL = b"\x83\x02"


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        pytest.param(SECOND, True, id="as many registers"),
        pytest.param(SECOND_WIDE, False, id="more registers"),
        pytest.param(FIRST, False, id="the same"),
        pytest.param(read_request(1, Table.INPUT, 200, 1), False, id="another function"),
        pytest.param(read_request(2, Table.HOLDING, 200, 1), False, id="another unit"),
        pytest.param(WRITE, False, id="a write"),
    ],
)
def test_only_what_an_outstanding_answer_could_be_taken_for_must_wait(
    asked: Request, *, waits: bool
) -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0)
    assert outstanding.clear_at(asked, 1.0) == (LONGEST_SILENT_S if waits else 0.0)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        pytest.param(0, True, id="as many bytes"),
        pytest.param(20, False, id="a byte more"),
    ],
)
def test_coils_differ_only_by_bytes(asked: int, *, waits: bool) -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(read_request(1, Table.COIL, 100, 9), 0.0)
    request = read_request(1, Table.COIL, 200, asked or 16)
    assert outstanding.clear_at(request, 1.0) == (LONGEST_SILENT_S if waits else 0.0)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        pytest.param(WRITE, True, id="the same"),
        pytest.param(write_request(1, Table.HOLDING, 20, [2]), True, id="another value"),
        pytest.param(write_request(1, Table.HOLDING, 21, [1]), False, id="another place"),
        pytest.param(SECOND, False, id="a read"),
    ],
)
def test_a_write_waits_for_the_echo_of_the_one_before_it(asked: Request, *, waits: bool) -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(WRITE, 0.0)
    assert outstanding.clear_at(asked, 1.0) == (LONGEST_SILENT_S if waits else 0.0)


def test_an_exception_is_not_attributed_to_the_last_request_while_another_may_be_refused() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(FIRST, 0.0)
    assert outstanding.came(1, REFUSAL, SECOND_WIDE, 1.0) == (1, 1.0)
    assert outstanding.came(1, REFUSAL, SECOND_WIDE, 1.1) is None
    # Whose it was is not known, so values may still come.
    assert outstanding.clear_at(SECOND, 1.2) == LONGEST_SILENT_S


def test_what_was_answered_before_is_not_expected_to_be_refused() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.answered(FIRST, 0.0)
    outstanding.add(FIRST, 1.0)
    assert outstanding.came(1, REFUSAL, SECOND_WIDE, 2.0) is None
    assert outstanding.came(1, b"\x83\x06", SECOND_WIDE, 2.0) == (1, 1.0)


def test_who_refuses_a_part_refuses_the_whole() -> None:
    outstanding = Outstanding(TIMEOUT)
    outstanding.add(read_request(1, Table.HOLDING, 201, 1), 0.0)
    assert outstanding.came(1, REFUSAL, SECOND_WIDE, 1.0) is None


async def test_a_driver_says_when_a_place_may_be_written_again() -> None:
    clock = SystemClock()
    async with (
        ModbusServer({}, framing="rtu") as server,
        open_modbus(line_port(server.port), clock) as driver,
    ):
        assert driver.clear_to_write_at(1, Table.HOLDING, 20, 1) <= clock.monotonic_s()
        with pytest.raises(DeviceTimeoutError):
            await driver.write(1, Table.HOLDING, 20, [1], timeout_s=TIMEOUT_S)
        now = clock.monotonic_s()
        assert driver.clear_to_write_at(1, Table.HOLDING, 20, 1) > now
        assert driver.clear_to_write_at(1, Table.HOLDING, 21, 1) <= now
        assert driver.clear_at(1, Table.HOLDING, 20, 1) <= now
        # What cannot be written at all is refused when it is tried.
        assert driver.clear_to_write_at(1, Table.INPUT, 20, 1) <= now


@pytest.mark.parametrize("framing", ["mbap", "rtu", "ascii"])
async def test_a_late_answer_is_reported_with_its_unit_and_how_late_it_is(
    framing: Literal["mbap", "rtu", "ascii"],
) -> None:
    heard: list[tuple[UnitAddress, float]] = []
    units = {1: EchoAddress([3 * TIMEOUT_S]), 2: EchoAddress()}
    async with ModbusServer(units, framing=framing) as server:
        port = line_port(server.port, Framing.ASCII if framing == "ascii" else Framing.RTU)
        wanted = tcp_port(server.port) if framing == "mbap" else port

        def late(unit: UnitAddress, after_s: float) -> None:
            heard.append((unit, after_s))

        async with open_modbus(wanted, SystemClock(), late) as driver:
            with pytest.raises(DeviceTimeoutError):
                await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
            while not heard:
                await driver.read(2, Table.HOLDING, 100, 1, timeout_s=1.0)
    ((unit, after_s),) = heard
    assert unit == 1
    assert 3 * TIMEOUT_S <= after_s < 3 * TIMEOUT_S + 0.5


async def test_three_requests_given_up_are_no_lost_connection() -> None:
    async with (
        ModbusServer({}) as server,
        open_modbus(tcp_port(server.port), SystemClock()) as driver,
    ):
        for _ in range(4):
            asked = asyncio.create_task(driver.read(1, Table.HOLDING, 0, 1, timeout_s=60.0))
            await SystemClock().sleep(0.01)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
