"""Signed webhooks against a real receiver, and where they may go."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.server import WebhookSettings
from server.messages.queue import Outgoing
from server.notifications.channels.base import Channel, Failed, Refused, Sent
from server.notifications.channels.webhook import (
    WebhookChannel,
    load_secret,
    message_id_of,
    sign,
)
from tests.fakes.agent_clock import FakeClock
from tests.fakes.webhook_receiver import WebhookReceiver, reply

SECRET = bytes(range(32))


def message(key: str = "incident-opened/7/duty.room", attempts: int = 1) -> Outgoing:
    return Outgoing(
        id=3,
        key=key,
        channel="webhook",
        receiver="duty.room",
        kind="incident.opened",
        severity="urgent",
        incident_id=7,
        payload={"incident": {"id": 7, "title_zh": "循环泵 故障"}},
        created_at=1_795_000_000_123,
        attempts=attempts,
    )


def settings(url: str, *, allow_private: bool = True, timeout_s: float = 5) -> WebhookSettings:
    return WebhookSettings(
        name="duty.room",
        url=url,
        secret_file=Path("unused"),
        allow_private=allow_private,
        timeout_s=timeout_s,
    )


@pytest.fixture
async def receiver() -> AsyncGenerator[WebhookReceiver]:
    async with WebhookReceiver() as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def channel(receiver: WebhookReceiver, clock: FakeClock) -> AsyncGenerator[Channel]:
    made = WebhookChannel(settings(receiver.url), secret=SECRET, clock=clock)
    async with made as opened:
        yield opened


async def test_an_accepted_message_is_sent(channel: Channel, receiver: WebhookReceiver) -> None:
    assert await channel.send(message()) == Sent()
    (request,) = receiver.requests
    assert request.path == "/hook?to=duty"
    assert json.loads(request.body) == {
        "type": "incident.opened",
        "timestamp": "2026-11-18T11:06:40.123Z",
        "data": {"incident": {"id": 7, "title_zh": "循环泵 故障"}},
    }


async def test_every_attempt_carries_the_same_id_and_body(
    channel: Channel, receiver: WebhookReceiver, clock: FakeClock
) -> None:
    receiver.answers = [reply(500)]
    await channel.send(message())
    clock.advance(60)
    await channel.send(message(attempts=2))
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


@pytest.mark.parametrize("status", [301, 400, 404, 408, 429, 500, 503])
async def test_a_failure_may_be_tried_again(
    channel: Channel, receiver: WebhookReceiver, status: int
) -> None:
    receiver.answers = [reply(status, "not today", location="http://127.0.0.1:1/")]
    assert await channel.send(message()) == Failed(f"HTTP {status} not today")
    assert len(receiver.requests) == 1


async def test_a_receiver_that_is_gone_is_not_asked_again(
    channel: Channel, receiver: WebhookReceiver
) -> None:
    receiver.answers = [reply(410)]
    assert await channel.send(message()) == Refused("HTTP 410")


async def test_the_wish_for_a_pause_is_passed_on(
    channel: Channel, receiver: WebhookReceiver, clock: FakeClock
) -> None:
    later = datetime.fromtimestamp(clock.now_ms() / 1000 + 90, UTC)
    receiver.answers = [
        reply(429, retry_after="17"),
        reply(503, retry_after=format_datetime(later, usegmt=True)),
        reply(503, retry_after="soon"),
    ]
    pauses = [await channel.send(message()) for _ in range(3)]
    assert [one.retry_after_s for one in pauses if isinstance(one, Failed)] == [17, 90, None]


@pytest.mark.parametrize(
    "wish",
    ["1 Jan 99999999999999999999 0:0:0", "1 Jan 10000 00:00:00", "-5", "1e9", "²", "", "0 0 0 0"],
)
async def test_a_wish_that_is_no_time_is_no_wish(
    channel: Channel, receiver: WebhookReceiver, wish: str
) -> None:
    receiver.answers = [reply(503, "later", retry_after=wish)]
    assert await channel.send(message()) == Failed("HTTP 503 later")


def test_different_keys_have_different_ids_without_the_separator() -> None:
    names = ["li.wei", "li_wei", "li%2Ewei", "李伟", "li wei", "li-wei"]
    ids = [message_id_of(message(f"incident-step/7/1/{name}")) for name in names]
    assert len(set(ids)) == len(names)
    assert all(one.isascii() and "." not in one and " " not in one for one in ids)


async def test_no_answer_in_time_is_a_failure(receiver: WebhookReceiver, clock: FakeClock) -> None:
    receiver.answers = [None]
    slow = WebhookChannel(settings(receiver.url, timeout_s=0.05), secret=SECRET, clock=clock)
    async with slow as channel:
        assert await channel.send(message()) == Failed("no answer within 0.05 s")


async def test_an_answer_that_is_no_http_is_a_failure(
    channel: Channel, receiver: WebhookReceiver
) -> None:
    receiver.answers = [b"garbage\r\n\r\n"]
    outcome = await channel.send(message())
    assert isinstance(outcome, Failed)
    assert "RemoteProtocolError" in outcome.error


async def test_a_long_error_is_cut(channel: Channel, receiver: WebhookReceiver) -> None:
    receiver.answers = [reply(500, "x" * 1_000_000)]
    outcome = await channel.send(message())
    assert isinstance(outcome, Failed)
    assert len(outcome.error) < 400


async def test_a_closed_port_is_a_failure(clock: FakeClock) -> None:
    async with WebhookReceiver() as gone:
        url = gone.url
    async with WebhookChannel(settings(url), secret=SECRET, clock=clock) as channel:
        outcome = await channel.send(message())
    assert isinstance(outcome, Failed)
    assert outcome.error.startswith("ConnectError")


async def test_a_channel_can_be_opened_again(receiver: WebhookReceiver, clock: FakeClock) -> None:
    made = WebhookChannel(settings(receiver.url), secret=SECRET, clock=clock)
    for _ in range(2):
        async with made as channel:
            assert await channel.send(message()) == Sent()


async def test_the_signature_is_that_of_standard_webhooks(
    channel: Channel, receiver: WebhookReceiver, clock: FakeClock
) -> None:
    await channel.send(message())
    (request,) = receiver.requests
    message_id = request.headers["webhook-id"]
    timestamp = request.headers["webhook-timestamp"]
    assert message_id == "incident-opened/7/duty%2Eroom"
    assert int(timestamp) == clock.now_ms() // 1000
    signed = f"{message_id}.{timestamp}.".encode() + request.body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"


def test_the_signature_of_the_specification() -> None:
    """The example of https://www.standardwebhooks.com: id, time, body and secret."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(
        secret,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_name_that_does_not_resolve_is_a_failure(clock: FakeClock) -> None:
    wrong = settings("http://nowhere.invalid/")
    async with WebhookChannel(wrong, secret=SECRET, clock=clock) as channel:
        outcome = await channel.send(message())
    assert isinstance(outcome, Failed)
    assert "does not resolve" in outcome.error


async def test_the_name_is_kept_for_the_receiver(
    receiver: WebhookReceiver, clock: FakeClock
) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    named = settings(f"http://localhost:{port}/")
    async with WebhookChannel(named, secret=SECRET, clock=clock) as channel:
        assert await channel.send(message()) == Sent()
    assert receiver.requests[0].headers["host"] == f"localhost:{port}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_!!!",
        "whsec_" + base64.b64encode(b"short").decode(),
        base64.b64encode(SECRET).decode(),
    ],
)
def test_a_weak_or_broken_secret_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    wrong = settings("http://x/").model_copy(update={"secret_file": path})
    with pytest.raises(ConfigError, match=r"duty\.room"):
        load_secret(wrong)


def test_a_secret_is_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
    right = settings("http://x/").model_copy(update={"secret_file": path})
    assert load_secret(right) == SECRET
