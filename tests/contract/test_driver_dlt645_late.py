"""Meters that answer late, damaged, as another or not at all; a lost line."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle

import pytest

from edge_agent.drivers.frame_outstanding import OutstandingRequests
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from protocols.dlt645.codes import Edition
from protocols.dlt645.commands import RelayCommand
from protocols.dlt645.frames import Frame
from protocols.dlt645.requests import read
from protocols.errors import FrameError
from protocols.reading import Value
from simulators.faults import Fault, FaultKind
from simulators.line import Reply, Responder
from tests.fakes.memory_line import MemoryLink, Silent
from tests.fakes.meter_line import (
    ENERGY,
    OLD,
    TIMEOUT_S,
    VOLTAGES,
    A,
    B,
    faulty,
    link_to,
    meter,
    meter_client,
    trip,
    values_of,
)
from tests.fakes.virtual_loop import run_virtually


class Late:
    """Answers each request after the next of these times."""

    def __init__(self, inner: Responder, delays_s: list[float]) -> None:
        self._inner = inner
        self._delays = cycle(delays_s)

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        return self._inner.respond(pdu, now_s)._replace(delay_s=next(self._delays))


def test_a_late_answer_goes_to_no_other_question_and_is_reported() -> None:
    async def work() -> list[tuple[object, float]]:
        late: list[tuple[object, float]] = []
        units = {A: Late(meter(A), [1.5, 0.0]), B: meter(B)}
        async with meter_client(
            link_to(units),
            on_late_response=lambda address, after_s: late.append((address, after_s)),
        ) as client:
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
        async with meter_client(
            link_to({A: Late(one, [4.5, 0.0])}),
            on_late_response=lambda _, after_s: late.append(after_s),
        ) as client:
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
                0.3, link.hear, Frame(B, 0x91, bytes.fromhex("0000010026000000")).encode()
            )
            with pytest.raises(DeviceGarbageError, match=B):
                await client.read(A, ENERGY, timeout_s=TIMEOUT_S)

    run_virtually(work())


@pytest.mark.parametrize(
    ("heard", "error", "message"),
    [
        (b"", DeviceTimeoutError, "no answer in time"),
        (b"\x00\xff\x12", DeviceTimeoutError, "no answer in time"),
        (Frame(A, 0x11, b"\x00\x00\x01\x00").encode(), DeviceTimeoutError, "no answer in time"),
        (
            bytes.fromhex("6812000000102068910A33323435895532323232 2216"),
            DeviceGarbageError,
            "damaged",
        ),
        (bytes.fromhex("6812000000102068910A3332"), DeviceGarbageError, "part of a frame"),
        (bytes(12), DeviceGarbageError, "12 bytes, no answer"),
        (
            bytes.fromhex("FEFE6A12000000102068910A33323435895532323232 2116"),
            DeviceGarbageError,
            "a damaged frame",
        ),
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


def test_parts_of_two_readings_are_not_put_together() -> None:
    async def work() -> None:
        one = meter(A, part_bytes=7)
        async with meter_client(link_to({A: Late(one, [1.6, 0.0])})) as client:
            with pytest.raises(DeviceTimeoutError):
                await client.read(A, 0x0001FF00, timeout_s=TIMEOUT_S)
            # The answer that comes now is that to the first question.
            with pytest.raises(DeviceGarbageError, match="older than the rest"):
                await client.read(A, 0x0001FF00, timeout_s=TIMEOUT_S)

    run_virtually(work())


def test_an_adapter_that_hands_back_what_is_sent_is_no_obstacle() -> None:
    async def work() -> None:
        link = link_to({A: meter(A)})
        send = link.send

        def send_and_hear(data: bytes) -> None:
            send(data)
            link.hear(data)

        link.send = send_and_hear  # type: ignore[method-assign]
        async with meter_client(link) as client:
            assert await values_of(client, A, 0x04000401) == (A,)
            assert (await client.read(A, ENERGY, timeout_s=TIMEOUT_S)).took_s < 0.5

    run_virtually(work())


def test_who_uses_the_line_next_knows_what_is_outstanding() -> None:
    async def work() -> None:
        one = meter(A)
        link = link_to({A: Late(one, [2.5, 0.0])})
        known = OutstandingRequests[Frame]()
        async with meter_client(link, outstanding=known) as client:
            with pytest.raises(DeviceTimeoutError):
                await client.command(trip(RelayCommand.TRIP), timeout_s=TIMEOUT_S)
        link.lost = ""
        late: list[object] = []
        async with meter_client(
            link, outstanding=known, on_late_response=lambda address, _: late.append(address)
        ) as client:
            await client.command(trip(RelayCommand.CLOSE), timeout_s=TIMEOUT_S)
        assert late == [A]
        assert one.commands == [RelayCommand.TRIP, RelayCommand.CLOSE]

    run_virtually(work())


@pytest.mark.seeds(2, 200)
def test_no_bytes_end_in_another_error(seed: int) -> None:
    async def work() -> None:
        rng = random.Random(seed)  # noqa: S311 (repeatable)
        link = MemoryLink(Silent)
        async with meter_client(link) as client:
            for _ in range(20):
                control = rng.choice([0x91, 0xB1, 0xD1, 0x92, 0x93, 0x94, rng.randrange(256)])
                head = rng.choice([b"\x00\x00\x01\x00", b"\x11\xb6", b""])
                frame = Frame(rng.choice([A, B, OLD]), control, head + rng.randbytes(7)).encode()
                heard = rng.choice([frame, frame * 2, frame[:-3], rng.randbytes(40), frame[3:]])
                asyncio.get_running_loop().call_later(0.2, link.hear, heard)
                with suppress(DriverError, FrameError):
                    if rng.random() < 0.5:
                        await client.read(A, ENERGY, timeout_s=TIMEOUT_S)
                    else:
                        await values_of(client, OLD, 0xB611, Edition.E1997)

    run_virtually(work())
