"""Units that answer after their timeout, by little or by much.

No answer goes to another question; a unit answers in the order in which it was asked.
"""

import asyncio
import random
from contextlib import suppress
from itertools import cycle
from typing import Literal

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuOverTcpPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.late import OwedAnswers
from edge_agent.drivers.modbus import Question, read_question, write_question
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.errors import DeviceTimeoutError, DriverError
from simulators.line import SILENT, Reply
from simulators.modbus import ModbusServer
from tests.contract.test_driver_lines import EchoAddress, tcp_port

TIMEOUT_S = 0.02
HORIZON_S = 3 * TIMEOUT_S


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
    """Ask for three addresses in turn; returns how far each answer was from its question."""
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


async def test_a_unit_known_to_be_late_is_waited_for_as_long_as_it_was() -> None:
    clock = SystemClock()
    unit = EchoAddress([10 * TIMEOUT_S, 0.0, 10 * TIMEOUT_S])
    async with (
        ModbusServer({1: unit}, framing="rtu") as server,
        open_modbus(line_port(server.port), clock) as driver,
    ):
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        # Nobody asks anything until the late answer is there.
        while driver.clear_at(1, Table.HOLDING, 300, 1) > clock.monotonic_s():
            await clock.sleep(TIMEOUT_S)
        await clock.sleep(10 * TIMEOUT_S)
        await driver.read(1, Table.HOLDING, 200, 1, timeout_s=TIMEOUT_S)
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 200, 1, timeout_s=TIMEOUT_S)
        known = driver.clear_at(1, Table.HOLDING, 300, 1) - clock.monotonic_s()
        with pytest.raises(DeviceTimeoutError, match="unit 1, holding 300: the unit still owes"):
            await driver.read(1, Table.HOLDING, 300, 1, timeout_s=TIMEOUT_S)
    assert known > 15 * TIMEOUT_S


async def test_the_first_answer_after_a_long_silence_is_thrown_away() -> None:
    unit = EchoAddress([HORIZON_S * 1.5])
    clock = SystemClock()
    async with (
        ModbusServer({1: unit}, framing="rtu") as server,
        open_modbus(line_port(server.port), clock) as driver,
    ):
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        reply = await driver.read(1, Table.HOLDING, 200, 1, timeout_s=1.0)
    assert list(reply.values) == [200]
    assert unit.asked == [100, 200, 200]


FIRST = read_question(1, Table.HOLDING, 100, 1)
SECOND = read_question(1, Table.HOLDING, 200, 1)
ANSWER = bytes.fromhex("0302 0007")


def test_the_horizon_grows_with_the_latest_answer_ever_seen() -> None:
    owed = OwedAnswers(3.0)
    owed.add(FIRST, 0.0)
    assert owed.clear_at(SECOND, 1.0) == 3.0
    owed.came(1, ANSWER, None, 10.0)
    owed.add(FIRST, 20.0)
    assert owed.clear_at(SECOND, 21.0) == 50.0
    assert owed.clear_at(FIRST, 21.0) == 0.0
    assert owed.horizon_s(2, 21.0) == 3.0
    assert owed.horizon_s(1, 3700.0) == 3.0


def test_an_answer_to_a_question_asked_twice_leaves_one_owed() -> None:
    owed = OwedAnswers(3.0)
    owed.add(FIRST, 0.0)
    owed.answered(FIRST, 5.0)
    # It may have been the one to the first asking; the other may come until 8.
    assert owed.clear_at(SECOND, 5.1) == 8.0
    assert owed.clear_at(SECOND, 8.1) == 0.0
    assert owed.repeats(SECOND) == 0


def test_a_silent_unit_owes_an_answer_beyond_the_horizon() -> None:
    owed = OwedAnswers(3.0)
    for sent_s in (0.0, 1.0, 2.0, 3.0, 4.0):
        owed.add(FIRST, sent_s)
    assert owed.clear_at(SECOND, 59.0) == 7.0
    assert owed.repeats(SECOND) == 3
    assert owed.repeats(FIRST) == 0
    assert owed.clear_at(SECOND, 200.0) == 0.0
    assert owed.repeats(SECOND) == 0


def test_each_answer_thrown_away_is_one_owed_less() -> None:
    owed = OwedAnswers(3.0)
    owed.add(FIRST, 0.0)
    owed.add(FIRST, 1.0)
    owed.thrown_away(SECOND, 10.0)
    owed.thrown_away(SECOND, 11.0)
    assert owed.repeats(SECOND) == 0
    assert owed.repeats(FIRST) == 2


def test_a_unit_that_owes_three_is_asked_nothing_more_until_one_comes() -> None:
    owed = OwedAnswers(3.0)
    for sent_s in (0.0, 0.5, 1.0):
        assert owed.clear_at(FIRST, sent_s) <= sent_s
        owed.add(FIRST, sent_s)
    assert owed.clear_at(FIRST, 1.5) == 3.0
    owed.came(1, ANSWER, None, 1.5)
    assert owed.clear_at(FIRST, 1.5) == 0.0


SECOND_WIDE = read_question(1, Table.HOLDING, 200, 2)
WRITE = write_question(1, Table.HOLDING, 20, [1])
REFUSAL = b"\x83\x02"


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        pytest.param(SECOND, True, id="as many registers"),
        pytest.param(SECOND_WIDE, False, id="more registers"),
        pytest.param(FIRST, False, id="the same"),
        pytest.param(read_question(1, Table.INPUT, 200, 1), False, id="another function"),
        pytest.param(read_question(2, Table.HOLDING, 200, 1), False, id="another unit"),
        pytest.param(WRITE, False, id="a write"),
    ],
)
def test_only_what_an_owed_answer_could_be_taken_for_must_wait(
    asked: Question, *, waits: bool
) -> None:
    owed = OwedAnswers(3.0)
    owed.add(FIRST, 0.0)
    assert owed.clear_at(asked, 1.0) == (3.0 if waits else 0.0)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        pytest.param(WRITE, True, id="the same"),
        pytest.param(write_question(1, Table.HOLDING, 20, [2]), True, id="another value"),
        pytest.param(write_question(1, Table.HOLDING, 21, [1]), False, id="another place"),
        pytest.param(SECOND, False, id="a read"),
    ],
)
def test_a_write_waits_for_the_echo_of_the_one_before_it(asked: Question, *, waits: bool) -> None:
    owed = OwedAnswers(3.0)
    owed.add(WRITE, 0.0)
    assert owed.clear_at(asked, 1.0) == (3.0 if waits else 0.0)


def test_an_exception_is_not_held_against_the_last_question_while_another_is_owed() -> None:
    owed = OwedAnswers(3.0)
    owed.add(FIRST, 0.0)
    late = owed.came(1, REFUSAL, SECOND_WIDE, 1.0)
    assert late == (1, 1.0)
    assert owed.came(1, REFUSAL, SECOND_WIDE, 1.1) is None
    owed.add(SECOND_WIDE, 2.0)
    assert owed.came(1, REFUSAL, SECOND_WIDE, 2.5) is None


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
async def test_a_late_answer_is_told_with_its_unit_and_how_late_it_is(
    framing: Literal["mbap", "rtu", "ascii"],
) -> None:
    heard: list[tuple[int, float]] = []
    units = {1: EchoAddress([3 * TIMEOUT_S]), 2: EchoAddress()}
    async with ModbusServer(units, framing=framing) as server:
        port = line_port(server.port, Framing.ASCII if framing == "ascii" else Framing.RTU)
        wanted = tcp_port(server.port) if framing == "mbap" else port
        async with open_modbus(wanted, SystemClock()) as driver:
            driver.late_heard = lambda unit, after_s: heard.append((unit, after_s))
            with pytest.raises(DeviceTimeoutError):
                await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
            while not heard:
                await driver.read(2, Table.HOLDING, 100, 1, timeout_s=1.0)
    ((unit, after_s),) = heard
    assert unit == 1
    assert 3 * TIMEOUT_S <= after_s < 3 * TIMEOUT_S + 0.5


async def test_three_questions_given_up_are_no_dead_connection() -> None:
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
