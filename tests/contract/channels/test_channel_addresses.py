"""Where messages may go: the address of each attempt is checked, and names are looked up apart."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from config.server import MessageSettings
from server.notifications.channels.base import Failed, Refused, Sent
from server.notifications.channels.webhook import WebhookChannel
from server.notifications.registry import allowing_private
from tests.contract.channels.test_channel_webhook import SECRET, message, settings
from tests.fakes.agent_clock import FakeClock
from tests.fakes.webhook_receiver import WebhookReceiver
from tests.patience import PATIENCE_S


@pytest.fixture
async def receiver() -> AsyncGenerator[WebhookReceiver]:
    async with WebhookReceiver() as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::a00:1]",
    ],
)
async def test_private_addresses_are_refused_unless_they_are_meant(
    host: str, clock: FakeClock
) -> None:
    private = settings(f"http://{host}:9/", allow_private=False)
    async with WebhookChannel(private, secret=SECRET, clock=clock) as channel:
        outcome = await channel.send(message())
    assert isinstance(outcome, Refused)
    assert "allow_private" in outcome.error


@pytest.mark.parametrize(
    ("named", "allowed"),
    [("127.0.0.1", True), ("LOCALHOST", False), ("10.0.0.1", False), ("127.0.0.1:80", False)],
)
def test_a_host_is_allowed_by_its_name_alone(named: str, *, allowed: bool) -> None:
    one = settings("http://127.0.0.1:9/hook", allow_private=False)
    messages = MessageSettings(webhooks=(one,), allow_hosts=(named,))
    assert allowing_private(messages, one).allow_private is allowed


async def test_the_address_that_was_checked_is_the_one_that_is_used(
    receiver: WebhookReceiver, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name has another address a moment later."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def rebinding(host: str, port: int, **more: Any) -> Any:
        if host != "rebinding.example":
            return look_up(host, port, **more)
        asked.append(host)
        return look_up("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    port = receiver.url.split(":")[2].split("/")[0]
    named = settings(f"http://rebinding.example:{port}/")
    async with WebhookChannel(named, secret=SECRET, clock=clock) as channel:
        assert await channel.send(message()) == Sent()
    assert asked == ["rebinding.example"]
    assert receiver.requests[0].headers["host"] == f"rebinding.example:{port}"


async def test_a_name_with_one_private_address_among_public_ones_is_refused(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(_host: str, port: int, **_more: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", mixed)
    named = settings("http://mixed.example/", allow_private=False)
    async with WebhookChannel(named, secret=SECRET, clock=clock) as channel:
        outcome = await channel.send(message())
    assert isinstance(outcome, Refused)
    assert "10.0.0.1" in outcome.error


async def test_a_name_service_that_is_away_holds_up_nothing_else(
    receiver: WebhookReceiver, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def away(_host: str, _port: int, **_more: Any) -> Any:
        answers.wait()
        message = "no name service"
        raise OSError(message)

    monkeypatch.setattr(socket, "getaddrinfo", away)
    waiting = WebhookChannel(
        settings("http://far.example/", timeout_s=0.05), secret=SECRET, clock=clock
    )
    async with waiting as channel:
        outcomes = await asyncio.gather(*(channel.send(message()) for _ in range(90)))
        texts = {one.error for one in outcomes if isinstance(one, Failed)}
        # A look-up that never ends costs a thread; there are not endlessly many.
        assert texts == {
            "no answer within 0.05 s",
            "far.example does not resolve: the name service does not answer",
        }
        # Sweeps, reads of the records and addresses that are no names go on.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), timeout=5) == 1
        direct = WebhookChannel(settings(receiver.url), secret=SECRET, clock=clock)
        async with direct as other:
            assert await other.send(message()) == Sent()
    answers.set()
    async with asyncio.timeout(PATIENCE_S):
        while any(one.name.startswith("look-up:") for one in threading.enumerate()):
            await asyncio.sleep(0.01)
