"""Answers that are not as they should be: reported as what they are, or taken where that is set."""

import struct
from collections.abc import Sequence
from contextlib import suppress

import pytest

from config.points import Table
from config.ports import Accept, Port
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError, DriverError
from simulators.framing import rtu_frame
from tests.fakes.odd_box import LINE, TCP, Box, Far, port, read, write
from tests.fakes.virtual_loop import run_virtually

ODD: Sequence[tuple[dict[str, int], str]] = [
    ({"unit": 0}, "answered as unit 0; .*accept_answers: any_unit"),
    ({"unit": 255}, "answered as unit 255"),
    ({"number": 0}, "answered with transaction 0 instead of 1; .*accept_answers: any_number"),
    ({"number": 9, "unit": 0}, "transaction 9 instead of 1 and as unit 0"),
    ({"protocol": 1}, "answered with protocol number 1"),
    ({"longer": 1}, "its header announces 8 bytes, 7 came"),
    ({"longer": -1}, "got 03040007"),
]


@pytest.mark.parametrize(("header", "words"), ODD)
def test_an_answer_with_another_header_is_reported_as_what_it_is(
    header: dict[str, int], words: str
) -> None:
    box = Box(lambda far, data: far.later(0.01, box.reply(data, **header)))

    async def talk() -> None:
        async with box.client() as driver:
            await read(driver)

    with pytest.raises(DeviceGarbageError, match=words):
        run_virtually(talk())


@pytest.mark.parametrize(("header", "words"), ODD)
def test_an_answer_with_another_header_is_taken_where_that_is_set(
    header: dict[str, int], words: str
) -> None:
    del words
    box = Box(lambda far, data: far.later(0.01, box.reply(data, **header)))

    async def talk() -> None:
        async with box.client(port(accept_answers=Accept.ANY_NUMBER)) as driver:
            for address in (7, 9, 7):
                await read(driver, address)
            await write(driver, 5)

    run_virtually(talk())


def test_with_any_unit_the_transaction_still_counts() -> None:
    box = Box(lambda far, data: far.later(0.01, box.reply(data, unit=0)))

    async def talk() -> None:
        async with box.client(port(accept_answers=Accept.ANY_UNIT)) as driver:
            await read(driver)
            box._answer = lambda far, data: far.later(0.01, box.reply(data, number=0))
            with pytest.raises(DeviceGarbageError):
                await read(driver)

    run_virtually(talk())


def test_with_any_number_no_late_answer_is_taken_for_another() -> None:
    delays = iter([1.5, 0.01, 0.01, 2.5, 0.01, 0.01])
    box = Box(lambda far, data: far.later(next(delays), box.reply(data, number=0)))

    async def talk() -> None:
        async with box.client(port(accept_answers=Accept.ANY_NUMBER)) as driver:
            for address in (100, 200, 300, 100, 200, 300):
                with suppress(DriverError):
                    await read(driver, address)

    run_virtually(talk())


@pytest.mark.parametrize("missing", [1, 2, 3, 6])
@pytest.mark.parametrize("announced", [0, 1, 40])
def test_a_short_answer_costs_the_next_unit_nothing(missing: int, announced: int) -> None:
    def short(far: Far, data: bytes) -> None:
        whole = box.reply(data)
        if data[6] == 1:
            whole = box.reply(data, longer=announced)[:-missing]
        far.later(0.01, whole)

    box = Box(short)

    async def talk() -> None:
        async with box.client() as driver:
            for _ in range(5):
                with suppress(DeviceGarbageError):
                    await read(driver)
                    pytest.fail("taken")
                reply = await read(driver, 20, unit=2)
                assert reply.took_s < 0.02
                await read(driver, 30, unit=3)

    run_virtually(talk())
    assert len(box.links) == 1


def test_an_answer_byte_by_byte_and_two_in_one_piece_are_taken() -> None:
    pieces: list[bytes] = []

    def torn(far: Far, data: bytes) -> None:
        pieces.append(box.reply(data))
        for index, byte in enumerate(pieces[-1]):
            far.later(0.4 + 0.04 * index, bytes((byte,)))

    box = Box(torn)

    async def talk() -> None:
        async with box.client() as driver:
            reply = await driver.read(1, Table.HOLDING, 7, 2, timeout_s=0.5)
            assert list(reply.values) == [7, 8]
            late = pieces[-1]
            box._answer = lambda far, data: far.later(0.01, late + box.reply(data))
            await read(driver, 9)

    run_virtually(talk())


class EchoBox(Box):
    """RTU behind a converter that hands back what it is sent."""

    def __init__(self, *, alive: bool = True, refuses: bool = False) -> None:
        super().__init__()
        self.alive, self.refuses = alive, refuses

    def answer(self, far: Far, data: bytes) -> None:
        far.later(0.001, b"\x00" + data)
        pdu = data[1:-2]
        if not self.alive:
            return
        if pdu[0] == 6:
            self.written.append(pdu)
            far.later(0.05, rtu_frame(data[0], b"\x86\x03" if self.refuses else pdu))
            return
        code, address, count = struct.unpack_from(">BHH", pdu)
        values = range(address, address + count)
        far.later(0.05, rtu_frame(data[0], struct.pack(f">BB{count}H", code, 2 * count, *values)))


def test_the_echo_of_a_converter_is_no_answer_to_a_write() -> None:
    box = EchoBox()

    async def talk() -> None:
        async with box.client(LINE) as driver:
            await read(driver)
            await write(driver, 5)
            box.refuses = True
            with pytest.raises(DriverError, match="exception 3"):
                await write(driver, 6)
            await read(driver)
            box.alive = False
            with pytest.raises(DeviceTimeoutError, match="no answer in time"):
                await write(driver, 7)

    run_virtually(talk())


@pytest.mark.parametrize("kind", [TCP, LINE])
def test_a_device_that_takes_another_value_than_was_written_has_taken_one(kind: Port) -> None:
    def clamping(far: Far, data: bytes) -> None:
        if kind is TCP:
            far.later(0.01, data[:-2] + b"\x00\x63")
        else:
            far.later(0.01, rtu_frame(data[0], data[1:-4] + b"\x00\x63"))

    async def talk() -> None:
        async with Box(clamping).client(kind) as driver:
            await write(driver, 5000)

    run_virtually(talk())
