"""Channels that cannot tell a repetition: what the provider says became of a message."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from server.notifications.channels.aliyun_sms import AliyunSmsChannel
from server.notifications.channels.base import (
    Channel,
    Delivered,
    DeliveryStatus,
    Refused,
    Sent,
    Traceable,
    Unknown,
    Unsent,
)
from tests.contract.channels.rigs import HTTP_CASES, NOW, PHONE, message
from tests.fakes.phone_providers import AliyunServer, TencentServer
from tests.fakes.providers import ProviderServer
from tests.fakes.webhook_receiver import reply

SMS = ("aliyun_sms", "tencent_sms")


@asynccontextmanager
async def opened(name: str) -> AsyncGenerator[tuple[Channel, ProviderServer]]:
    case = next(one for one in HTTP_CASES if one.name == name)
    async with (
        case.server() as server,
        case.make(server.origin, server.clock, 5, True) as channel,  # noqa: FBT003
    ):
        yield channel, server


async def ask(channel: Channel, **changes: object) -> DeliveryStatus:
    assert isinstance(channel, Traceable)
    return await channel.ask(message(address=PHONE, **changes))


@pytest.mark.parametrize("name", SMS)
async def test_a_message_that_arrived_is_delivered(name: str) -> None:
    async with opened(name) as (channel, server):
        sent = await channel.send(message(address=PHONE))
        assert isinstance(sent, Sent)
        if isinstance(server, AliyunServer):
            assert await ask(channel, receipt=sent.receipt) == Sent()
            server.status = 3
        assert await ask(channel, receipt=sent.receipt) == Delivered()


@pytest.mark.parametrize("name", SMS)
async def test_an_unknown_outcome_is_found_by_our_own_number(name: str) -> None:
    """The answer was lost on the way: no receipt, but the provider has the message."""
    async with opened(name) as (channel, server):
        server.answers = []
        await channel.send(message(address=PHONE))
        status = await ask(channel, outcome_unknown=True, receipt=None)
        assert status == (Sent() if isinstance(server, AliyunServer) else Delivered())
        assert len(set(server.ids)) == 1


async def test_what_aliyun_does_not_list_was_not_sent_once_it_would_be() -> None:
    async with opened("aliyun_sms") as (channel, server):
        assert isinstance(await ask(channel, outcome_unknown=True), Unknown)
        server.clock.advance(130)
        assert isinstance(await ask(channel, outcome_unknown=True), Unsent)


async def test_what_tencent_does_not_list_may_still_arrive() -> None:
    """It lists what was reported, and a telephone that is off for an hour reports nothing."""
    async with opened("tencent_sms") as (channel, server):
        for _ in range(24):
            assert isinstance(await ask(channel, outcome_unknown=True), Unknown)
            server.clock.advance(3600)


@pytest.mark.parametrize("before", [0, 49, 50, 120])
async def test_every_page_of_the_list_is_read(before: int) -> None:
    async with opened("aliyun_sms") as (channel, server):
        assert isinstance(server, AliyunServer)
        server.foreign = before
        sent = await channel.send(message(address=PHONE))
        assert isinstance(sent, Sent)
        assert await ask(channel, outcome_unknown=True) == Sent()
        server.clock.advance(130)
        assert isinstance(await ask(channel, outcome_unknown=True, key="another"), Unsent)


async def test_a_list_without_end_is_no_proof() -> None:
    async with opened("aliyun_sms") as (channel, server):
        assert isinstance(server, AliyunServer)
        await channel.send(message(address=PHONE))
        server.foreign = 2000
        server.clock.advance(130)
        assert isinstance(await ask(channel, outcome_unknown=True), Unknown)


@pytest.mark.parametrize("name", SMS)
async def test_what_could_not_be_delivered_is_refused(name: str) -> None:
    async with opened(name) as (channel, server):
        if isinstance(server, AliyunServer):
            server.status = 2
        if isinstance(server, TencentServer):
            server.report = "FAIL"
        await channel.send(message(address=PHONE))
        status = await ask(channel)
        assert isinstance(status, Refused)
        assert "could not deliver" in status.error


@pytest.mark.parametrize("name", [*SMS, "aliyun_voice"])
@pytest.mark.parametrize("answer", [None, reply(503, "busy"), b"garbage\r\n\r\n"])
async def test_trouble_with_the_request_is_unknown(name: str, answer: bytes | None) -> None:
    case = next(one for one in HTTP_CASES if one.name == name)
    async with case.server() as server:
        server.answers = [answer]
        async with case.make(server.origin, server.clock, 0.3, True) as channel:  # noqa: FBT003
            assert isinstance(await ask(channel, receipt="7^0"), Unknown)


@pytest.mark.parametrize("name", SMS)
async def test_every_attempt_carries_the_same_number(name: str) -> None:
    async with opened(name) as (channel, server):
        for changes in ({}, {"attempts": 2}, {"key": "another"}):
            await channel.send(message(address=PHONE, **changes))
            server.clock.advance(31)
        assert server.ids[0] == server.ids[1] != server.ids[2]


async def test_a_call_that_was_answered_is_delivered_and_others_are_not() -> None:
    async with opened("aliyun_voice") as (channel, server):
        assert isinstance(server, AliyunServer)
        sent = await channel.send(message(address=PHONE))
        assert isinstance(sent, Sent)
        assert await ask(channel, receipt=sent.receipt) == Delivered()
        server.call_state = "200002"
        assert isinstance(await ask(channel, receipt=sent.receipt), Refused)


async def test_a_call_of_which_nobody_knows_is_left_for_the_next_channel() -> None:
    async with opened("aliyun_voice") as (channel, _server):
        assert isinstance(await ask(channel, receipt=None, others=1), Refused)


async def test_a_call_of_which_nobody_knows_is_repeated_only_when_it_is_over() -> None:
    async with opened("aliyun_voice") as (channel, server):
        assert isinstance(await ask(channel, receipt=None), Unknown)
        server.clock.advance(60.5)
        assert isinstance(await ask(channel, receipt=None), Unknown)
        server.clock.advance(1)
        assert isinstance(await ask(channel, receipt=None), Unsent)


async def test_around_midnight_both_days_are_asked() -> None:
    async with opened("aliyun_sms") as (channel, server):
        assert isinstance(channel, AliyunSmsChannel)
        midnight = (NOW // 86_400_000 + 1) * 86_400_000 - 8 * 3_600_000
        await ask(channel, tried_at=midnight - 5_000)
        days = [one.path.partition("SendDate=")[2][:8] for one in server.requests]
        assert len(days) == 2
        assert int(days[1]) - int(days[0]) == 1


async def test_a_template_gets_short_values_and_a_number_without_a_prefix() -> None:
    async with opened("aliyun_sms") as (channel, server):
        await channel.send(message(address="+86 138-0013-8000"))
        assert server.texts == ["翠湖苑 1号循环泵 故障"]
        assert server.addressed == [PHONE]
