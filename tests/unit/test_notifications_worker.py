"""Messages leave at once, again when they failed, and once more after a crash."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import MessageSettings, WebhookSettings
from server.core.errors import ConflictError, NotFoundError, StoreError
from server.core.model import Event
from server.core.records import Records, record_event
from server.messages.claims import claim_due, release_claims
from server.messages.model import Message
from server.messages.queue import enqueue, send_again
from server.notifications.channels.base import Failed, Refused
from server.notifications.registry import Channels
from server.notifications.worker import OutboxWorker
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.scripted_channel import ScriptedChannel
from tests.patience import PATIENCE_S

SETTINGS = MessageSettings(
    webhooks=tuple(
        WebhookSettings(name=name, url="http://x/", secret_file=Path("unused"))
        for name in ("duty", "slow")
    ),
    first_retry_s=10,
    max_retry_s=100,
    max_attempts=3,
)


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@asynccontextmanager
async def working(
    records: Records, channel: ScriptedChannel, clock: FakeClock
) -> AsyncGenerator[None]:
    worker = OutboxWorker(records, Channels(SETTINGS, {"duty": channel}), SETTINGS, clock)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(records: Records, *kinds: str) -> None:
    """Wait until the last events of messages are these."""
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()

    def listener(_events: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(heard.set)

    records.listen(listener)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            heard.clear()
            query = select(Event.kind).where(Event.topic == "messages").order_by(Event.id)
            found = await records.read_async(partial(_column, query=query))
            if found[-len(kinds) :] == list(kinds):
                return
            await heard.wait()


def _column(session: Session, *, query: Any) -> list[Any]:
    return list(session.scalars(query))


def write(
    records: Records, key: str, clock: FakeClock, receiver: str = "duty", *, source: str = ""
) -> None:
    def work(session: Session) -> None:
        enqueue(
            session,
            key=key,
            channel="webhook",
            receiver=receiver,
            kind="incident.opened",
            severity="high",
            incident_id=1,
            payload={"n": 1},
            now=clock.now_ms(),
            source=source,
        )
        record_event(session, at=clock.now_ms(), topic="incidents", kind="incident.opened")

    records.write(work)


def row(records: Records, key: str = "a") -> Message:
    return records.read(lambda session: session.scalars(select(Message).filter_by(key=key)).one())


async def test_a_commit_wakes_the_outbox_at_once(records: Records, clock: FakeClock) -> None:
    channel = ScriptedChannel()
    async with working(records, channel, clock):
        write(records, "a", clock)
        await until(records, "message.sent")
    assert [message.key for message in channel.sent] == ["a"]
    assert (row(records).state, row(records).sent_at) == ("sent", clock.now_ms())


async def test_one_key_is_one_message(records: Records, clock: FakeClock) -> None:
    channel = ScriptedChannel()
    write(records, "a", clock)
    write(records, "a", clock)
    async with working(records, channel, clock):
        await until(records, "message.sent")
    assert len(channel.sent) == 1


async def test_a_failure_is_tried_again_later_and_then_is_a_dead_letter(
    records: Records, clock: FakeClock
) -> None:
    channel = ScriptedChannel([Failed("HTTP 500"), Failed("HTTP 502"), Failed("HTTP 503")])
    write(records, "a", clock)
    async with working(records, channel, clock):
        await until(records, "message.failed")
        waiting = row(records)
        assert (waiting.state, waiting.last_error) == ("pending", "HTTP 500")
        assert 5_000 <= waiting.next_attempt_at - clock.now_ms() <= 10_000
        clock.advance(10)
        await until(records, "message.failed", "message.failed")
        clock.advance(20)
        await until(records, "message.failed", "message.failed", "message.dead")
    assert [message.attempts for message in channel.sent] == [1, 2, 3]
    assert (row(records).state, row(records).last_error) == ("dead", "HTTP 503")


async def test_a_dead_letter_is_sent_again_under_its_key(
    records: Records, clock: FakeClock
) -> None:
    channel = ScriptedChannel([Refused("HTTP 410")])
    write(records, "a", clock)
    async with working(records, channel, clock):
        await until(records, "message.dead")
        records.write(partial(send_again, message_id=1, by="li", now=clock.now_ms()))
        await until(records, "message.queued", "message.sent")
    assert [message.key for message in channel.sent] == ["a", "a"]
    with pytest.raises(ConflictError, match="is sent"):
        records.write(partial(send_again, message_id=1, by="li", now=0))
    with pytest.raises(NotFoundError):
        records.write(partial(send_again, message_id=9, by="li", now=0))


async def test_a_receiver_that_was_removed_is_a_dead_letter(
    records: Records, clock: FakeClock
) -> None:
    write(records, "a", clock, receiver="nobody")
    async with working(records, ScriptedChannel(), clock):
        await until(records, "message.dead")
    assert row(records).last_error == "no receiver webhook/nobody"


async def test_the_receivers_wish_is_respected(records: Records, clock: FakeClock) -> None:
    channel = ScriptedChannel([Failed("HTTP 429", retry_after_s=60)])
    write(records, "a", clock)
    async with working(records, channel, clock):
        await until(records, "message.failed")
    assert row(records).next_attempt_at == clock.now_ms() + 60_000


async def test_what_was_on_its_way_at_a_crash_leaves_again_at_the_next_start(
    records: Records, clock: FakeClock
) -> None:
    stuck = ScriptedChannel()
    stuck.gate.clear()
    write(records, "a", clock)
    async with working(records, stuck, clock), asyncio.timeout(PATIENCE_S):
        await stuck.asked.wait()
    assert row(records).state == "sending"
    channel = ScriptedChannel()
    async with working(records, channel, clock):
        await until(records, "message.sent")
    assert [message.attempts for message in channel.sent] == [2]


async def test_one_slow_receiver_does_not_hold_the_others(
    records: Records, clock: FakeClock
) -> None:
    slow, fast = ScriptedChannel(), ScriptedChannel()
    slow.gate.clear()
    routes = Channels(SETTINGS, {"slow": slow, "duty": fast})
    task = asyncio.create_task(OutboxWorker(records, routes, SETTINGS, clock).run())
    write(records, "a", clock, receiver="slow")
    write(records, "b", clock)
    await until(records, "message.sent")
    assert [message.key for message in fast.sent] == ["b"]
    slow.gate.set()
    await until(records, "message.sent", "message.sent")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.long
async def test_a_burst_is_sent_completely(records: Records, clock: FakeClock) -> None:
    channel = ScriptedChannel()
    for number in range(75):
        write(records, f"m{number}", clock)
    async with working(records, channel, clock):
        await until(records, *["message.sent"] * 75)
    assert sorted(message.key for message in channel.sent) == sorted(f"m{n}" for n in range(75))


def test_a_claim_is_exclusive_until_its_lease_ends(records: Records, clock: FakeClock) -> None:
    write(records, "a", clock)
    now = clock.now_ms()

    def claim(at: int) -> list[str]:
        claimed = records.write(partial(claim_due, now=at, lease_ms=1000, limit=9))
        return [one.key for one in claimed]

    assert claim(now) == ["a"]
    assert claim(now + 999) == []
    assert claim(now + 1000) == ["a"]
    records.write(partial(release_claims, now=now + 1001))
    assert claim(now + 1001) == ["a"]


def test_a_retry_that_waits_is_no_claim(records: Records, clock: FakeClock) -> None:
    write(records, "a", clock)

    def failed(session: Session) -> None:
        message = session.scalars(select(Message)).one()
        message.attempts, message.last_error = 1, "HTTP 500"
        message.next_attempt_at = clock.now_ms() + 5000

    records.write(failed)
    records.write(partial(release_claims, now=clock.now_ms()))
    assert row(records).next_attempt_at == clock.now_ms() + 5000


async def test_the_outbox_outlives_a_database_that_is_away(
    records: Records, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ScriptedChannel()
    write_async = records.write_async
    failures = [StoreError("away")]
    asked = asyncio.Event()

    async def flaky(work: Any, **more: Any) -> Any:
        asked.set()
        if failures:
            raise failures.pop()
        return await write_async(work, **more)

    monkeypatch.setattr(records, "write_async", flaky)
    async with working(records, channel, clock):
        await asked.wait()
        write(records, "a", clock)
        write(records, "b", clock)
        write(records, "c", clock)
        await until(records, "message.sent", "message.sent", "message.sent")
    assert not failures
    assert {message.key for message in channel.sent} == {"a", "b", "c"}


def claimed(records: Records, clock: FakeClock, *, limit: int) -> list[str]:
    take = partial(claim_due, now=clock.now_ms(), lease_ms=60_000, limit=limit)
    return [one.key for one in records.write(take)]


def test_gateways_take_turns(records: Records, clock: FakeClock) -> None:
    for number in range(30):
        write(records, f"flood{number}", clock, source="site/loud")
    clock.advance(1)
    write(records, "a", clock, source="site/a")
    write(records, "b", clock, source="site/b")
    assert set(claimed(records, clock, limit=3)) == {"flood0", "a", "b"}
    assert claimed(records, clock, limit=5) == [f"flood{number}" for number in range(1, 6)]
    clock.advance(1)
    # Whoever was quiet does not make up for it: from now on one each.
    write(records, "c", clock, source="site/a")
    write(records, "d", clock, source="site/a")
    assert claimed(records, clock, limit=4) == ["flood6", "c", "flood7", "d"]


def test_what_waits_for_the_morning_keeps_nobody_back(records: Records, clock: FakeClock) -> None:
    write(records, "early", clock, source="site/a")
    records.write(
        lambda session: setattr(
            session.scalars(select(Message)).one(), "next_attempt_at", clock.now_ms() + 10**9
        )
    )
    for number in range(5):
        write(records, f"x{number}", clock, source="site/b")
    assert claimed(records, clock, limit=4) == ["x0", "x1", "x2", "x3"]
    write(records, "new", clock, source="site/c")
    assert claimed(records, clock, limit=1) == ["x4"]
    assert claimed(records, clock, limit=1) == ["new"]
