"""What cheap serial servers do with a TCP connection, and what the driver makes of it."""

import asyncio
from contextlib import suppress

import pytest

from config.points import Table
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError, PortDownError
from tests.fakes.odd_box import BANNER, Box, Far, no_answer, port, read, write
from tests.fakes.virtual_loop import run_virtually


def test_a_box_that_hears_nothing_at_first_is_given_the_time_that_is_set() -> None:
    def silent_at_first(far: Far, data: bytes) -> None:
        if asyncio.get_running_loop().time() - far.opened_s > 1.5:
            far.later(0.01, box.reply(data))

    box = Box(silent_at_first)

    async def talk() -> float:
        async with box.client(port(connect_delay_s=1.6)) as driver:
            reply = await read(driver)
            return reply.took_s

    assert run_virtually(talk()) < 0.1
    assert len(box.links) == 1


def test_without_the_setting_the_link_is_kept_until_such_a_box_hears() -> None:
    def silent_at_first(far: Far, data: bytes) -> None:
        if asyncio.get_running_loop().time() - far.opened_s > 1.5:
            far.later(0.01, box.reply(data))

    box = Box(silent_at_first)

    async def talk() -> None:
        async with box.client() as driver:
            for unit in range(1, 6):
                with suppress(DeviceTimeoutError):
                    await driver.read(unit, Table.HOLDING, 7, 2, timeout_s=0.2)
            await asyncio.sleep(1)
            await read(driver)

    run_virtually(talk())
    assert len(box.links) == 1


@pytest.mark.parametrize("banner_s", [0.0, 0.005, 0.5])
@pytest.mark.parametrize("banner", [BANNER, b"\xff\xfd\x18\xff\xfd\x20", b"\x00" * 20, b"\x01\x02"])
def test_a_banner_costs_no_answer(banner: bytes, banner_s: float) -> None:
    box = Box()
    box.banner, box.banner_s = banner, banner_s

    async def talk() -> None:
        async with box.client() as driver:
            await read(driver)
            await asyncio.sleep(1)
            await read(driver, 9)

    run_virtually(talk())
    assert len(box.links) == 1


def test_a_banner_instead_of_an_answer_is_reported_in_its_own_words() -> None:
    box = Box(lambda far, _: far.later(0.01, BANNER))

    async def talk() -> None:
        async with box.client() as driver:
            await read(driver)

    with pytest.raises(DeviceGarbageError, match="no Modbus TCP: the text 'Welcome to"):
        run_virtually(talk())


def test_what_a_box_says_before_it_closes_is_reported() -> None:
    def web_server(far: Far, data: bytes) -> None:
        del data
        far.later(0.01, b"HTTP/1.1 400 Bad Request\r\n")
        far.drop(0.02)

    async def talk() -> None:
        async with Box(web_server).client() as driver:
            await read(driver)

    with pytest.raises(PortDownError, match=r"closed by the other side; .*HTTP/1.1 400"):
        run_virtually(talk())


@pytest.mark.parametrize("closes_s", [0.01, 0.011, 0.05, 0.3])
def test_a_box_that_closes_after_each_answer_gets_its_reads_and_its_writes(closes_s: float) -> None:
    def closing(far: Far, data: bytes) -> None:
        if far.asked == 1:
            far.later(0.01, box.reply(data))
            far.drop(closes_s)

    box = Box(closing)

    async def talk() -> None:
        async with box.client() as driver:
            await read(driver)
            await asyncio.sleep(1)
            for value in range(6):
                await read(driver)
                await asyncio.sleep(0.05 * value)
                await write(driver, value)

    run_virtually(talk())
    assert [pdu[-1] for pdu in box.written] == list(range(6))


def test_who_takes_one_connection_at_a_time_is_given_a_moment() -> None:
    box = Box()

    async def talk() -> None:
        async with box.client() as driver:
            await read(driver)
            box.links[-1].lost = "closed by the other side"
            box.refusals = 2
            await read(driver)

    run_virtually(talk())


def test_a_link_that_never_carried_an_answer_is_not_replaced_here() -> None:
    box = Box(lambda far, _: far.drop(0.01))

    async def talk() -> None:
        async with box.client() as driver:
            for _ in range(2):
                with pytest.raises(PortDownError):
                    await read(driver)

    run_virtually(talk())
    assert len(box.links) == 1


def test_a_write_that_was_under_way_when_the_link_was_lost_is_not_repeated() -> None:
    def closing(far: Far, data: bytes) -> None:
        if data[7] == 6:
            box.written.append(data[7:])
            far.drop(0.01)
        else:
            far.later(0.01, box.reply(data))

    box = Box(closing)

    async def talk() -> None:
        async with box.client() as driver:
            await read(driver)
            with pytest.raises(PortDownError):
                await write(driver, 5)

    run_virtually(talk())
    assert len(box.written) == 1


def mute_after(idle_s: float) -> Box:
    def answer(far: Far, data: bytes) -> None:
        if asyncio.get_running_loop().time() - far.heard_s < idle_s:
            far.later(0.01, box.reply(data))

    box = Box(answer)
    return box


async def polled(driver: ModbusClient, cycles: int, period_s: float) -> list[bool]:
    """Whether each cycle had its answer at the first asking; one repetition is allowed."""
    first: list[bool] = []
    for _ in range(cycles):
        try:
            await read(driver)
            first.append(True)
        except DeviceTimeoutError:
            await read(driver)
            first.append(False)
        await asyncio.sleep(period_s)
    return first


def test_a_connection_gone_mute_costs_one_timeout_and_is_replaced_beforehand_once_known() -> None:
    box = mute_after(5.0)

    async def talk() -> list[bool]:
        async with box.client() as driver:
            return await polled(driver, 10, 8.0)

    assert run_virtually(talk()) == [True, False, False, *[True] * 7]


def test_a_write_goes_out_on_no_link_that_is_known_to_go_mute() -> None:
    box = mute_after(5.0)

    async def talk() -> None:
        async with box.client() as driver:
            await polled(driver, 2, 8.0)
            await write(driver, 3)

    run_virtually(talk())
    assert [pdu[-1] for pdu in box.written] == [3]


def test_a_unit_that_misses_an_answer_beside_others_costs_no_connection() -> None:
    box = Box()

    async def talk() -> None:
        async with box.client() as driver:
            for cycle in range(20):
                await read(driver)
                box._answer = no_answer
                with suppress(DeviceTimeoutError):
                    await driver.read(2 + cycle, Table.HOLDING, 7, 2, timeout_s=0.3)
                box._answer = None
                await read(driver, unit=2 + cycle)

    run_virtually(talk())
    assert len(box.links) == 1


def test_a_connection_on_which_nobody_ever_answers_is_given_up_in_time() -> None:
    box = Box(no_answer)

    async def talk() -> float:
        async with box.client() as driver:
            while True:
                with suppress(DeviceTimeoutError):
                    await read(driver)

    with pytest.raises(PortDownError, match="requests in a row unanswered"):
        run_virtually(talk())
    assert len(box.links) == 1
