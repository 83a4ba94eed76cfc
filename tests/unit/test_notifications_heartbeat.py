"""The sign of life stays away when the server cannot help anybody."""

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from config.channels import HeartbeatSettings
from server.core.errors import StoreError
from server.core.model import SignOfLife
from server.core.records import Records
from server.notifications.channels.outbound import Outbound
from server.notifications.heartbeat import Heartbeat
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.webhook_receiver import WebhookReceiver, reply
from tests.patience import PATIENCE_S


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


def heart(
    records: Records,
    url: str,
    *,
    works: bool = True,
    allow_private: bool = True,
    timeout_s: float = 5,
) -> tuple[Heartbeat, Outbound, FakeClock]:
    settings = HeartbeatSettings(
        url=url, interval_s=30, timeout_s=timeout_s, allow_private=allow_private
    )
    clock = FakeClock()
    out = Outbound(timeout_s=5, allow_private=allow_private)
    return Heartbeat(settings, records, {"broker": lambda: works}, clock), out, clock


async def test_it_beats_each_interval(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        beat, _, clock = heart(records, receiver.url)
        task = asyncio.create_task(beat.run())
        await receiver.wait_for(1)
        async with asyncio.timeout(PATIENCE_S):
            while len(receiver.requests) < 3:
                clock.advance(30)
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert receiver.requests[0].path == "/hook?to=duty"


async def test_a_part_that_begins_later_costs_no_beat(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        beat, _, clock = heart(records, receiver.url)
        looks = iter([False, False])
        beat._checks = {"http": lambda: next(looks, True)}
        task = asyncio.create_task(beat.run())
        async with asyncio.timeout(PATIENCE_S):
            while not receiver.requests:
                clock.advance(0.2)
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert next(looks, None) is None


async def test_it_is_silent_while_a_part_does_not_work(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        beat, out, _ = heart(records, receiver.url, works=False)
        async with out:
            assert await beat.beat(out) == "not well: broker"
        assert receiver.requests == []


async def test_it_is_silent_while_the_records_are_away(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_work: object) -> None:
        message = "away"
        raise StoreError(message)

    monkeypatch.setattr(records, "write_async", away)
    async with WebhookReceiver() as receiver:
        beat, out, _ = heart(records, receiver.url)
        async with out:
            assert await beat.beat(out) == "away"
        assert receiver.requests == []


async def test_it_leaves_a_mark_of_its_process(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        beat, out, clock = heart(records, receiver.url)
        async with out:
            assert await beat.beat(out) is None
            clock.advance(30)
            assert await beat.beat(out) is None
    marks = records.read(lambda session: session.scalars(select(SignOfLife)).all())
    assert [(one.process, one.at) for one in marks] == [("server", clock.now_ms())]


async def test_it_is_silent_while_the_records_take_no_change(records: Records) -> None:
    """Somebody else holds the lock: what is asked is still answered, but nobody is called."""
    held = threading.Event()
    blocked = asyncio.wrap_future(records._writer.submit(held.wait))
    async with WebhookReceiver() as receiver:
        beat, out, _ = heart(records, receiver.url, timeout_s=0.1)
        async with out:
            assert records.read(lambda session: session.scalar(text("SELECT 1"))) == 1
            assert await beat.beat(out) == "the records took no change within 0.1 s"
        assert receiver.requests == []
    held.set()
    await blocked


async def test_a_monitor_that_refuses_is_logged(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        receiver.answers = [reply(404), b"garbage\r\n\r\n"]
        beat, out, _ = heart(records, receiver.url)
        async with out:
            assert await beat.beat(out) == "HTTP 404"
            assert "RemoteProtocolError" in str(await beat.beat(out))
            assert await beat.beat(out) is None


async def test_it_reaches_no_private_address_unless_it_is_meant(records: Records) -> None:
    beat, out, _ = heart(records, "http://127.0.0.1:9/", allow_private=False)
    async with out:
        assert "not a public address" in str(await beat.beat(out))
