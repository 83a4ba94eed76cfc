"""The live stream: replay without gap or double, values, heartbeats, slow and gone clients."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from protocols.reading import Quality
from server.access.model import Token
from server.api.feed import MAX_QUEUED, EventFeed
from server.assets.model import Equipment
from server.core.records import record_event
from tests.contract.api.conftest import NOW, Api
from tests.fakes.assets import add_equipment
from tests.patience import PATIENCE_S


class Client:
    """Speaks ASGI to the application, so that an endless answer can be read piece by piece."""

    def __init__(self, api: Api, query: str, who: str = "operator", **headers: str) -> None:
        self.api = api
        self.status = 0
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended = asyncio.Event()
        self._gone = asyncio.Event()
        named = api.bearer(who) | {k.replace("_", "-"): v for k, v in headers.items()}
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/v1/stream",
            "raw_path": b"/api/v1/stream",
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
            "root_path": "",
        }
        self._buffer = b""
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("body"):
            self.queue.put_nowait(message["body"])

    async def run(self) -> None:
        try:
            await self.api.client.app(self._scope, self.receive, self.send)
        finally:
            self.ended.set()

    def leave(self) -> None:
        self._gone.set()

    async def event(self) -> dict[str, Any]:
        """The next event that has data; comments are skipped."""
        while True:
            while b"\n\n" in self._buffer:
                block, _, self._buffer = self._buffer.partition(b"\n\n")
                lines = [line.partition(": ") for line in block.decode().splitlines()]
                fields = {name: value for name, _, value in lines if name}
                if "data" in fields:
                    return fields | {"data": json.loads(fields["data"])}
            self._buffer += await asyncio.wait_for(self.queue.get(), 5)

    async def bytes(self) -> bytes:
        return await asyncio.wait_for(self.queue.get(), 5)


@contextlib.asynccontextmanager
async def streaming(api: Api, query: str, **headers: str) -> AsyncGenerator[Client]:
    client = Client(api, query, **headers)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.run())
        try:
            yield client
        finally:
            client.leave()
            await asyncio.wait_for(client.ended.wait(), 5)
            task.cancel()


@pytest.fixture
async def feed(api: Api) -> AsyncGenerator[EventFeed]:
    task = asyncio.create_task(api.services.feed.run())
    yield api.services.feed
    task.cancel()
    await asyncio.wait([task])


def happen(api: Api, number: int, topic: str = "alarms") -> None:
    api.records.write(
        lambda session: record_event(
            session, at=NOW, topic=topic, kind="alarm.raised", payload={"n": number}
        )
    )


async def numbers(client: Client, count: int) -> list[int]:
    return [(await client.event())["data"]["payload"]["n"] for _ in range(count)]


async def test_what_happens_is_delivered_with_growing_ids(api: Api, feed: EventFeed) -> None:
    async with streaming(api, "topics=alarms,work-orders") as client:
        assert b"connected" in await client.bytes()
        happen(api, 1)
        happen(api, 2, topic="incidents")
        happen(api, 3, topic="work-orders")
        events = [await client.event(), await client.event()]
    assert [event["event"] for event in events] == ["alarms", "work-orders"]
    assert events[0]["data"]["at"] == "2026-11-22T10:00:00.000Z"
    assert int(events[0]["id"]) + 2 == int(events[1]["id"]) == events[1]["data"]["id"]
    assert feed is api.services.feed


async def test_last_event_id_replays_what_came_after_it(api: Api, feed: EventFeed) -> None:
    for number in range(1, 6):
        happen(api, number)
    rows = api.get("/events", topic="alarms").json()["items"]
    second = str(rows[-2]["id"])
    async with streaming(api, "topics=alarms", Last_Event_ID=second) as client:
        assert await numbers(client, 3) == [3, 4, 5]
        happen(api, 6)
        assert await numbers(client, 1) == [6]
    assert feed is api.services.feed


@pytest.mark.long
async def test_nothing_is_lost_or_doubled_at_the_seam(api: Api, feed: EventFeed) -> None:
    """Events go on while streams with a Last-Event-ID begin in the middle of them."""
    happen(api, 0)
    first = str(api.get("/events", topic="alarms").json()["items"][0]["id"])

    def flood() -> None:
        for number in range(1, 201):
            happen(api, number)

    async def hear() -> list[int]:
        async with streaming(api, "topics=alarms", Last_Event_ID=first) as client:
            return await numbers(client, 200)

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(flood))
        heard = []
        for _ in range(5):
            heard.append(group.create_task(hear()))
            await asyncio.to_thread(api.records.read, lambda _: None)
    assert [task.result() for task in heard] == [list(range(1, 201))] * 5
    assert feed is api.services.feed


async def test_an_id_from_another_database_starts_at_now(api: Api, feed: EventFeed) -> None:
    async with streaming(api, "topics=alarms", Last_Event_ID="999999") as client:
        await client.bytes()
        happen(api, 1)
        assert await numbers(client, 1) == [1]
    assert feed is api.services.feed


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("topics=colours", {}, 422),
        ("topics=", {}, 422),
        ("topics=audit", {}, 403),
        ("topics=alarms", {"Last_Event_ID": "x"}, 422),
        ("topics=alarms", {"Last_Event_ID": "9" * 40}, 422),
        ("topics=values&equipment=nowhere", {}, 404),
        ("topics=alarms", {"Authorization": "Bearer wrong"}, 401),
    ],
)
async def test_a_wrong_stream_is_refused(
    api: Api, query: str, headers: dict[str, str], status: int
) -> None:
    client = Client(api, query, **headers)
    await client.run()
    assert client.status == status
    assert json.loads(await client.bytes())["status"] == status


async def test_values_come_first_all_and_then_as_they_change(
    api: Api, feed: EventFeed, pump: Equipment
) -> None:
    def say(value: float) -> None:
        series = api.registry.find(2)
        assert series is not None
        series.last_value, series.last_quality, series.last_reason = value, Quality.GOOD, ""
        series.last_at = series.seen_at = NOW
        api.hub.changed([2])
        api.hub.beat()

    say(1.5)
    async with streaming(api, f"topics=values&equipment={pump.id}") as client:
        first = await client.event()
        assert "id" not in first
        values = {v["point_id"]: v["value"] for v in first["data"]["items"]}
        assert (values[1], values[2]) == (None, 1.5)
        say(2.5)
        changed = (await client.event())["data"]["items"]
        assert [(v["point_id"], v["value"], v["quality"]) for v in changed] == [(2, 2.5, "good")]
    assert feed is api.services.feed


async def test_that_there_are_no_values_is_said_too(api: Api, feed: EventFeed) -> None:
    bare = api.records.write(lambda session: add_equipment(session, "bare/gw/bare", at=NOW).id)
    async with streaming(api, f"topics=values&equipment={bare}") as client:
        assert (await client.event())["data"] == {"items": []}
    assert feed is api.services.feed


async def test_a_heartbeat_comes_when_nothing_happens(
    api: Api, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.api.live_stream.HEARTBEAT_S", 0.0)
    async with streaming(api, "topics=alarms,clock") as client:
        assert (await client.event())["data"] == {"at": "2026-11-22T10:00:00.000Z"}
        assert b": heartbeat" in await client.bytes()
    assert feed is api.services.feed


async def test_a_revoked_token_ends_its_stream_with_the_next_heartbeat(
    api: Api, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.api.live_stream.HEARTBEAT_S", 0.0)

    def revoke(session: Session) -> None:
        session.get_one(Token, 2).revoked_at = NOW

    async with streaming(api, "topics=alarms") as client:
        await client.bytes()
        api.records.write(revoke)
        await asyncio.wait_for(client.ended.wait(), 5)
    assert feed is api.services.feed


async def test_a_client_that_leaves_is_forgotten(api: Api, feed: EventFeed) -> None:
    async with streaming(api, "topics=alarms,values") as client:
        await client.bytes()
        assert len(feed._subscriptions) == 1
    assert not feed._subscriptions
    assert not api.hub._listeners


async def test_a_slow_client_is_cut_not_buffered(api: Api, feed: EventFeed) -> None:
    subscription = feed.subscribe(frozenset({"alarms"}))

    def add(session: Session) -> None:
        for _ in range(MAX_QUEUED + 1):
            record_event(session, at=NOW, topic="alarms", kind="alarm.raised")

    api.records.write(add)
    async with asyncio.timeout(PATIENCE_S):
        while not subscription.closed:
            await subscription.news.wait()
            subscription.news.clear()
    assert subscription.take() == []


async def test_every_stream_ends_when_the_server_stops(api: Api, feed: EventFeed) -> None:
    async with streaming(api, "topics=alarms") as client:
        await client.bytes()
        feed.close()
        await asyncio.wait_for(client.ended.wait(), 5)
    assert client.status == 200
