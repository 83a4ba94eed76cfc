"""Fire alarm equipment over real sockets and terminals: kept first, acknowledged then."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC

import pytest

from edge_agent.drivers.fire_server import ServerSettings, TransmissionServer
from edge_agent.errors import PortDownError
from protocols.fire.model import Component, Kind, State
from protocols.fire.panel_state import PanelState
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.requests import inspect_sentry
from simulators.control import LineServer
from simulators.transmission_device import DeviceSettings, TransmissionDevice
from tests.fakes.fire_bench import PATIENCE_S, HurriedClock, Kept, ended, serving, until

LONG_S = SessionOptions().silence_s + 1


@asynccontextmanager
async def server(
    kept: Kept, settings: ServerSettings, clock: HurriedClock | None = None
) -> AsyncIterator[TransmissionServer]:
    one = TransmissionServer(settings, hearer=kept.hearer, clock=clock or HurriedClock())
    async with serving(one):
        yield one


@asynccontextmanager
async def device(port: int, **settings: float) -> AsyncIterator[TransmissionDevice]:
    about = replace(DeviceSettings("127.0.0.1", port, reply_s=0.3), **settings)
    one = TransmissionDevice(about)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        await ended(task)


SETTINGS = ServerSettings("fire", host="127.0.0.1", zone=UTC)


def is_settled(one: TransmissionDevice) -> bool:
    return one.obey(b'{"do": "get"}')["waiting"] == 0


def components(kept: Kept) -> list[Component]:
    return [one for one in kept.state.open(State.FIRE) if one.place.kind is Kind.COMPONENT]


async def test_two_fires_in_one_frame_and_a_reset() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        one.show(3, (10, 2, "1层走廊"), (10, 3, "大堂"))
        await until(lambda: kept.state.count(State.FIRE) == 2 and is_settled(one))
        assert [fire.text for fire in components(kept)] == ["1层走廊", "大堂"]
        one.reset()
        await until(lambda: kept.state.count(State.FIRE) == 0 and is_settled(one))
        assert not kept.state.holds(State.FIRE)
        assert one.counts["denied"] == 0


async def test_fires_that_end_one_by_one_leave_no_fire_at_the_transmission_device() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        one.show(3, (10, 2, "1层走廊"))
        await until(lambda: kept.state.count(State.FIRE) == 1)
        one.show(1, (10, 2, ""))
        await until(lambda: not kept.state.holds(State.FIRE))


async def test_a_fire_is_with_the_agent_a_moment_after_its_last_byte() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        await until(lambda: one.counts["confirmed"] >= 1)
        took: list[float] = []
        for point in range(20):
            sent_s = time.monotonic()
            one.show(3, (1, point, "x"))
            await until(lambda: kept.state.count(State.FIRE) > len(took))
            took.append(kept.at_s[-1] - sent_s)
            await until(lambda: is_settled(one))
        assert max(took) < 0.5


@pytest.mark.parametrize("how", ["is_full", "raises"])
async def test_what_cannot_be_kept_is_not_confirmed_and_comes_again(how: str) -> None:
    kept = Kept()
    setattr(kept, how, True)
    async with server(kept, SETTINGS) as listening, device(listening.port, reply_s=0.05) as one:
        one.show(3, (10, 2, "1层走廊"))
        await until(lambda: one.counts["sent"] >= 2)
        assert not is_settled(one)
        setattr(kept, how, False)
        await until(lambda: is_settled(one))
        assert sum("component-1-1-10-0-2 on fire" in line for line in kept.lines) == 1


async def test_a_connection_that_is_cut_before_the_confirmation_costs_nothing() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        await until(lambda: one.counts["confirmed"] >= 1)
        for point in range(10):
            one.show(3, (10, point, "x"))
            await asyncio.sleep(0.003 * point)
            one.obey(b'{"do": "cut"}')
        await until(lambda: is_settled(one))
        fires = [line for line in kept.lines if "on fire" in line and "component" in line]
        assert kept.state.count(State.FIRE) == 10
        assert len({line.split()[0] for line in fires}) == 10


async def test_a_resend_is_confirmed_and_a_repetition_changes_nothing() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        one.show(3, (10, 2, "1层走廊"))
        await until(lambda: is_settled(one))
        before = one.counts["confirmed"]
        assert one.obey(b'{"do": "resend"}') == {"ok": True}
        await until(lambda: one.counts["confirmed"] > before)
        assert sum("component-1-1-10-0-2 on fire" in line for line in kept.lines) == 1
        assert one.obey(b'{"do": "repeat", "times": 50}') == {"ok": True}
        await until(lambda: is_settled(one))
        assert kept.state.count(State.FIRE) == 1


async def test_after_a_restart_the_open_components_are_asked_for() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening:
        port = listening.port
        async with device(port) as one:
            one.show(3, (10, 2, "1层走廊"), (10, 3, "大堂"))
            await until(lambda: is_settled(one))
    kept.state = PanelState.restored(json.loads(json.dumps(kept.state.snapshot())))
    async with server(kept, SETTINGS) as listening, device(listening.port) as other:
        await until(lambda: other.counts["asked_62"] == 1 and kept.state.count(State.FIRE) == 0)
        assert other.counts["asked_81"] == other.counts["asked_90"] == 1


async def test_garbage_is_denied_and_the_next_fire_counts() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        await until(lambda: one.counts["confirmed"] >= 1)
        bad = bytearray.fromhex("40 40 01 00 01 01") + bytes(18) + b"\x02\x00\x02\x09\x01\x00##"
        for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(bad), b"@@" * 100):
            one.obey(json.dumps({"do": "garbage", "hex": data.hex()}).encode())
        one.show(3, (10, 2, "1层走廊"))
        await until(lambda: kept.state.count(State.FIRE) == 1 and one.counts["denied"] == 1)
        assert ("889", "rejected") in kept.notices


async def test_the_sentry_is_inspected() -> None:
    kept = Kept()
    async with server(kept, SETTINGS) as listening, device(listening.port) as one:
        await until(lambda: one.counts["confirmed"] >= 1)
        assert listening.ask("889", inspect_sentry(10))
        assert not listening.ask("5", inspect_sentry(10))
        await until(lambda: ("889", "sentry_answered") in kept.notices)
        assert "transmitter-0-0-0-0-0 sentry_answer by 1" in kept.lines


async def test_silence_is_told_once_and_its_end_too() -> None:
    kept = Kept()
    options, clock = SessionOptions(sources=frozenset({889, 890})), HurriedClock()
    async with server(kept, replace(SETTINGS, session=options), clock) as listening:
        async with device(listening.port, heartbeat_s=0.05) as one:
            clock.skip(LONG_S - 30)
            before = one.counts["confirmed"]
            await until(lambda: one.counts["confirmed"] > before)
            clock.skip(30)
            await until(lambda: ("890", "link_lost") in kept.notices)
            assert ("889", "link_lost") not in kept.notices
        await until(lambda: not listening.heard_now())
        clock.skip(LONG_S)
        await until(lambda: ("889", "link_lost") in kept.notices)
        async with device(listening.port, heartbeat_s=0.05):
            await until(lambda: ("889", "link_restored") in kept.notices)
    assert kept.notices.count(("890", "link_lost")) == 1


async def test_a_connection_that_says_nothing_is_closed_and_too_many_are_refused() -> None:
    clock = HurriedClock()
    async with server(Kept(), replace(SETTINGS, most_connections=2), clock) as listening:
        ends = [await asyncio.open_connection("127.0.0.1", listening.port) for _ in range(3)]
        clock.skip(LONG_S)
        async with asyncio.timeout(PATIENCE_S):
            for reader, writer in reversed(ends):
                with suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()


async def test_an_address_that_is_taken_is_an_error_of_the_port() -> None:
    async with server(Kept(), SETTINGS) as listening:
        taken = replace(SETTINGS, port=listening.port)
        other = TransmissionServer(taken, hearer=Kept().hearer, clock=HurriedClock())
        with pytest.raises(PortDownError, match=f"127.0.0.1:{listening.port}"):
            await other.serve(lambda: pytest.fail("listens"))


async def test_the_control_of_a_simulated_device_answers_lines() -> None:
    one = TransmissionDevice(DeviceSettings("127.0.0.1", 1))
    async with LineServer(one.obey) as control:
        reader, writer = await asyncio.open_connection(control.host, control.port)
        for order, said in (
            ({"do": "fire", "at": [[1, 2, "x"]]}, {"ok": True}),
            ({"do": "get"}, {"ok": True, "counts": {}, "waiting": 1}),
        ):
            writer.write(json.dumps(order).encode() + b"\n")
            assert json.loads(await reader.readline()) == said
        writer.write(b'{"do": "explode"}\n')
        assert "allowed: fire" in json.loads(await reader.readline())["error"]
        writer.close()
