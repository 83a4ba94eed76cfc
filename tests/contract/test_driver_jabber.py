"""A line on which somebody never stops talking: an error in about a second, in bounded memory."""

import asyncio
from itertools import count

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuPort
from edge_agent.errors import DeviceGarbageError
from tests.fakes.memory_line import LateUnit, MemoryLink, client_on, line_of, value_of
from tests.fakes.virtual_loop import LoopClock, run_virtually

TIMEOUT_S = 0.1


def port_of(framing: Framing) -> ModbusRtuPort:
    return ModbusRtuPort(
        kind="modbus_rtu", device="memory", baud=19200, framing=framing, timeout_s=TIMEOUT_S
    )


async def jabber(link: MemoryLink, most: list[int]) -> None:
    for number in count():
        link.hear(bytes((number & 0xFF,)) * 16)
        most.append(len(link.received))
        await asyncio.sleep(0.0005)


@pytest.mark.long
@pytest.mark.parametrize("framing", list(Framing))
def test_a_line_that_is_never_silent_is_an_error_and_well_when_it_falls_silent(
    framing: Framing,
) -> None:
    async def talk() -> None:
        link = MemoryLink(line_of({1: LateUnit(1, lambda: 0.01)}, framing.value))
        clock = LoopClock()
        most: list[int] = []
        async with client_on(link, port_of(framing)) as driver:
            noise = asyncio.create_task(jabber(link, most))
            await asyncio.sleep(0)
            for _ in range(5):
                began = clock.monotonic_s()
                with pytest.raises(DeviceGarbageError, match="never silent"):
                    await driver.read(1, Table.HOLDING, 7, 1, timeout_s=TIMEOUT_S)
                assert clock.monotonic_s() - began < 1.2
            assert link.sent == []
            noise.cancel()
            reply = await driver.read(1, Table.HOLDING, 7, 1, timeout_s=TIMEOUT_S)
        assert list(reply.values) == [value_of(1, 7)]
        assert max(most) <= 2 * 513

    run_virtually(talk())


def test_noise_that_begins_while_an_answer_is_waited_for_ends_the_wait_in_time() -> None:
    async def talk() -> None:
        link = MemoryLink(line_of({1: LateUnit(1, lambda: 60.0)}, "rtu"))
        clock = LoopClock()
        most: list[int] = []
        async with client_on(link, port_of(Framing.RTU)) as driver:
            asked = asyncio.create_task(driver.read(1, Table.HOLDING, 7, 1, timeout_s=TIMEOUT_S))
            while not link.sent:
                await asyncio.sleep(0.001)
            noise = asyncio.create_task(jabber(link, most))
            with pytest.raises(DeviceGarbageError):
                await asked
            noise.cancel()
        assert clock.monotonic_s() < 1.0
        assert max(most) <= 2 * 513

    run_virtually(talk())
