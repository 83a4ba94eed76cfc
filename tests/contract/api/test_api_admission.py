"""Admission before the gate: lanes, turns, refusals, shared answers."""

import asyncio
from collections import Counter
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from config.server import HttpSettings
from server.access.principal import Principal
from server.access.roles import Role
from server.api.admission import Admission, Lanes, lane_of


class Behind:
    """The application: lets a request wait until it may answer."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.began: Counter[str] = Counter()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.began[scope["path"]] += 1
        user = dict(scope["headers"]).get(b"authorization", b"").decode()
        if user:
            number = sum(user.encode())
            scope["state"]["principal"] = Principal(number, user, Role.VIEWER)
        if scope["path"] == "/api/v1/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.open.wait()
        if scope["path"] != "/api/v1/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


class Door:
    def __init__(self, **settings: Any) -> None:
        self.behind = Behind()
        self.metrics = CollectorRegistry()
        self.lanes = Lanes(HttpSettings(**settings), self.metrics)
        self.app = Admission(cast("ASGIApp", self.behind), self.lanes)

    async def ask(
        self, path: str, who: str = "", *, method: str = "GET", address: str = "10.0.0.1"
    ) -> tuple[int, dict[str, str]]:
        headers = [(b"authorization", who.encode())] if who else []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": headers,
            "client": (address, 1),
            "state": {},
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers

    def begin(self, *asked: Any, **named: Any) -> asyncio.Task[tuple[int, dict[str, str]]]:
        return asyncio.create_task(self.ask(*asked, **named))


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/api/v1/alarms", "pages"),
        ("GET", "/", "pages"),
        ("GET", "/api/v1/readings", "history"),
        ("GET", "/api/v1/trends", "history"),
        ("GET", "/api/v1/trends/export", "history"),
        ("GET", "/api/v1/trends/workbook", "history"),
        ("GET", "/api/v1/trendsetters", "pages"),
        ("GET", "/metrics", "metrics"),
        ("POST", "/api/v1/alarms/7/acknowledge", "urgent"),
        ("POST", "/api/v1/incidents/7/acknowledge", "urgent"),
        ("POST", "/a/1.abc", "urgent"),
        ("POST", "/api/v1/alarm-rules/try", "trials"),
        ("POST", "/api/v1/session", "logins"),
        ("POST", "/api/v1/session/password", "logins"),
        ("POST", "/api/v1/points/7/commands", "changes"),
        ("PUT", "/api/v1/sites/x", "changes"),
    ],
)
def test_what_a_request_is_tells_its_lane(method: str, path: str, lane: str) -> None:
    assert lane_of(method, path) == lane


async def test_a_greedy_user_is_refused_and_another_is_served() -> None:
    door = Door()
    first = door.begin("/api/v1/alarms/0", "greedy")
    door.behind.open.set()
    await first
    await door.ask("/api/v1/alarms/0", "duty")
    door.behind.open.clear()
    greedy = [door.begin(f"/api/v1/alarms/{number}", "greedy") for number in range(200)]
    await settle()
    refused = [task.result() for task in greedy if task.done()]
    assert {status for status, _ in refused} == {429}
    assert {headers["retry-after"] for _, headers in refused} == {"1"}
    assert {headers["content-type"] for _, headers in refused} == {"application/problem+json"}
    assert len(refused) == 200 - 4 - 64
    duty = door.begin("/api/v1/alarms/9999", "duty")
    await settle()
    assert not duty.done()
    door.behind.open.set()
    assert (await duty)[0] == 200
    assert sum(not task.done() for task in greedy) > 40
    await asyncio.gather(*greedy)
    assert b'plantroom_http_refused_total{lane="pages",reason="client"} 132.0' in generate_latest(
        door.metrics
    )


async def test_acknowledging_passes_while_pages_and_changes_are_full() -> None:
    door = Door()
    pages = [door.begin(f"/api/v1/alarms/{number}", "greedy") for number in range(100)]
    changes = [
        door.begin(f"/api/v1/sites/{number}", "greedy", method="PUT") for number in range(100)
    ]
    await settle()
    urgent = door.begin("/api/v1/alarms/7/acknowledge", "greedy", method="POST")
    await settle()
    assert door.behind.began["/api/v1/alarms/7/acknowledge"] == 1
    door.behind.open.set()
    assert (await urgent)[0] == 200
    await asyncio.gather(*pages, *changes)


async def test_credentials_that_were_never_good_share_their_address() -> None:
    door = Door()
    made_up = [door.begin(f"/api/v1/alarms/{n}", f"made-up-{n}") for n in range(100)]
    await settle()
    assert sum(task.done() for task in made_up) == 100 - 4 - 64
    other = door.begin("/api/v1/alarms/1", "other", address="10.0.0.2")
    await settle()
    assert not other.done()
    door.behind.open.set()
    assert (await other)[0] == 200
    await asyncio.gather(*made_up)


async def test_one_answer_serves_all_who_waited_for_it() -> None:
    door = Door()
    busy = [door.begin(f"/api/v1/sites/{number}", "a") for number in range(4)]
    await settle()
    same = [door.begin("/api/v1/alarms", "a") for _ in range(50)]
    others = [door.begin("/api/v1/alarms", "b"), door.begin("/api/v1/alarms")]
    await settle()
    door.behind.open.set()
    answers = await asyncio.gather(*busy, *same, *others)
    assert {status for status, _ in answers} == {200}
    assert door.behind.began["/api/v1/alarms"] == 3
    # What begins later is answered from later.
    await door.ask("/api/v1/alarms", "a")
    assert door.behind.began["/api/v1/alarms"] == 4


async def test_streams_are_counted_by_client_and_in_all_and_hold_no_turn() -> None:
    door = Door(max_streams=5, max_streams_per_client=3)
    for user in ("a", "b"):
        door.behind.open.set()
        await door.ask("/api/v1/alarms", user)
    door.behind.open.clear()
    streams = [door.begin("/api/v1/stream", "a") for _ in range(3)]
    await settle()
    assert (await door.ask("/api/v1/stream", "a"))[0] == 429
    streams += [door.begin("/api/v1/stream", "b") for _ in range(2)]
    await settle()
    assert (await door.ask("/api/v1/stream", "b"))[0] == 503
    page = door.begin("/api/v1/alarms", "a")
    await settle()
    assert door.behind.began["/api/v1/alarms"] == 3
    door.behind.open.set()
    await asyncio.gather(page, *streams)
    assert (await door.ask("/api/v1/stream", "a"))[0] == 200
