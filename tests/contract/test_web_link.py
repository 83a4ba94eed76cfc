"""The server and its web process: calls, news, forwarded requests, and the end of either."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from protocols.reading import Quality
from server.core.clock import SystemClock
from server.core.errors import ConflictError, ServerError, StoreError
from server.live.values import LastValue, MirroredValues
from server.web.asgi import request_frame, response_messages, run_request
from server.web.desk import Window
from server.web.link import Frame, Link


async def no_answer(frame: Frame) -> Frame:
    raise ConflictError(f"not asked for {frame.name}")


def ignored(_frame: Frame) -> None:
    return


@asynccontextmanager
async def pair(
    answer: Any = no_answer, hear: Callable[[Frame], None] = ignored
) -> AsyncGenerator[tuple[Link, Link]]:
    """A link that asks and one that answers."""
    one, other = socket.socketpair()
    asking = await Link(answer=no_answer, hear=ignored).open(one)
    answering = await Link(answer=answer, hear=hear).open(other)
    reading = [asyncio.create_task(end.run()) for end in (asking, answering)]
    try:
        yield asking, answering
    finally:
        for end in (asking, answering):
            end.close()
        await asyncio.gather(*reading)


async def test_answers_find_their_calls_in_whatever_order_they_come() -> None:
    async def answer(frame: Frame) -> Frame:
        await asyncio.sleep(0.02 if frame.head["n"] == 0 else 0)
        return Frame("echo", frame.head, frame.body * 2)

    async with pair(answer) as (link, _):
        calls = [link.call(Frame("echo", {"n": n}, bytes([n])), timeout_s=5) for n in range(3)]
        answers = await asyncio.gather(*calls)
    assert [one.head["n"] for one in answers] == [0, 1, 2]
    assert [one.body for one in answers] == [b"\0\0", b"\1\1", b"\2\2"]


async def test_news_is_heard_in_order() -> None:
    heard: list[Any] = []
    async with pair(hear=lambda frame: heard.append(frame.head["n"])) as (link, _):
        for n in range(100):
            link.push(Frame("news", {"n": n}, b"x" * 10_000))
        while len(heard) < 100:
            await asyncio.sleep(0.001)
    assert heard == list(range(100))


async def test_an_error_arrives_as_what_it_was() -> None:
    async with pair() as (link, _):
        with pytest.raises(ConflictError, match="not asked for tea"):
            await link.call(Frame("tea", {}), timeout_s=5)


async def test_a_bug_behind_a_call_is_an_answer_too() -> None:
    async def broken(_frame: Frame) -> Frame:
        raise ZeroDivisionError

    async with pair(broken) as (link, _):
        with pytest.raises(ServerError, match="has logged why"):
            await link.call(Frame("divide", {}), timeout_s=5)


async def test_a_request_that_meets_a_bug_is_answered() -> None:
    app = FastAPI()
    app.get("/bug")(lambda: 1 // 0)
    scope = {"type": "http", "method": "GET", "path": "/bug", "raw_path": b"/bug"}
    scope |= {"query_string": b"", "headers": [], "client": None, "server": None, "scheme": "http"}
    answer = await run_request(app, request_frame(scope, b""))
    assert answer.head["status"] == 500


async def test_a_call_ends_when_the_other_side_is_gone() -> None:
    async def never(_frame: Frame) -> Frame:
        await asyncio.sleep(60)
        raise AssertionError

    async with pair(never) as (link, other):
        call = asyncio.create_task(link.call(Frame("wait", {}), timeout_s=30))
        await asyncio.sleep(0.02)
        other.close()
        with pytest.raises(StoreError, match="gone"):
            await asyncio.wait_for(call, 5)


async def test_a_call_ends_when_there_is_no_answer() -> None:
    async def never(_frame: Frame) -> Frame:
        await asyncio.sleep(60)
        raise AssertionError

    async with pair(never) as (link, _):
        with pytest.raises(StoreError, match=r"within 0\.05 s"):
            await link.call(Frame("wait", {}), timeout_s=0.05)


async def test_a_request_arrives_with_everything_and_so_does_its_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        told = {
            "method": request.method,
            "url": str(request.url),
            "client": list(request.client or ()),
            "header": request.headers["x-name"],
            "body": (await request.body()).decode(),
        }
        await JSONResponse(told, 201, headers={"ETag": '"3"'})(scope, receive, send)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/a b",
        "raw_path": b"/api/v1/a%20b",
        "query_string": b"x=1&y=%C3%BC",
        "headers": [(b"host", b"plant:8080"), (b"x-name", "z\xfc".encode("latin-1"))],
        "client": ("10.0.0.7", 1234),
        "server": ("127.0.0.1", 8080),
        "scheme": "http",
    }

    async def carry(frame: Frame) -> Frame:
        return await run_request(app, frame)

    async with pair(carry) as (link, _):
        answer = await link.call(request_frame(scope, b'{"a": 1}'), timeout_s=5)
    start, body = response_messages(answer)
    assert start["status"] == 201
    assert (b"etag", b'"3"') in start["headers"]
    assert b'"client":["10.0.0.7",1234]' in body["body"]
    assert b'"url":"http://plant:8080/api/v1/a b?x=1&y=%C3%BC"' in body["body"]
    assert b'"body":"{\\"a\\": 1}"' in body["body"]
    assert '"header":"zü"'.encode() in body["body"]


async def test_values_of_before_the_web_process_is_there_are_told_when_it_is() -> None:
    values = MirroredValues()
    values.take([LastValue(7, 21.5, Quality.GOOD, "", 1, 1)], [None])
    told: list[Frame] = []
    window = Window(no_answer, ignored)
    window.changed([7])
    await window.push_values(values, SystemClock())  # it is being started
    one, other = socket.socketpair()
    web = await Link(answer=no_answer, hear=told.append).open(other)
    await window.link.open(one)
    reading = [asyncio.create_task(end.run()) for end in (window.link, web)]
    await window.push_values(values, SystemClock())
    while not told:
        await asyncio.sleep(0.001)
    assert json.loads(told[0].body)[0][0][:2] == [7, 21.5]
    window.link.close()
    await asyncio.gather(*reading)
