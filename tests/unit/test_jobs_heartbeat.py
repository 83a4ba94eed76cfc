"""The sign of life stays away when the server cannot help anybody."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from config.channels import HeartbeatSettings
from server.core.errors import StoreError
from server.core.records import Records
from server.jobs.heartbeat import Heartbeat
from server.notifications.channels.outbound import Outbound
from tests.fakes.agent_clock import FakeClock
from tests.fakes.webhook_receiver import WebhookReceiver, reply


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with Records.open(f"sqlite:///{tmp_path}/records") as opened:
        yield opened


def heart(
    records: Records, url: str, *, works: bool = True, allow_private: bool = True
) -> tuple[Heartbeat, Outbound, FakeClock]:
    settings = HeartbeatSettings(url=url, interval_s=30, allow_private=allow_private)
    clock = FakeClock()
    out = Outbound(timeout_s=5, allow_private=allow_private)
    return Heartbeat(settings, records, {"broker": lambda: works}, clock), out, clock


async def test_it_beats_each_interval(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        beat, _, clock = heart(records, receiver.url)
        task = asyncio.create_task(beat.run())
        await receiver.wait_for(1)
        async with asyncio.timeout(5):
            while len(receiver.requests) < 3:
                clock.advance(30)
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert receiver.requests[0].path == "/hook?to=duty"


async def test_it_is_silent_while_a_part_does_not_work(records: Records) -> None:
    async with WebhookReceiver() as receiver:
        beat, out, _ = heart(records, receiver.url, works=False)
        async with out:
            assert await beat.beat(out) == "not well: broker"
        assert receiver.requests == []


async def test_it_is_silent_while_the_records_are_away(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_work: object) -> None:
        message = "away"
        raise StoreError(message)

    monkeypatch.setattr(records, "read", away)
    async with WebhookReceiver() as receiver:
        beat, out, _ = heart(records, receiver.url)
        async with out:
            assert await beat.beat(out) == "away"
        assert receiver.requests == []


async def test_a_listener_that_refuses_is_told(records: Records) -> None:
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
