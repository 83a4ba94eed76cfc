"""What every channel must do with one message, before a server that behaves like its provider.

A new channel joins by a case in ``rigs.py`` and a server in ``tests/fakes/providers.py``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from server.notifications.channels.base import (
    Channel,
    Failed,
    Outcome,
    Refused,
    Sent,
    Throttled,
    Unknown,
)
from tests.contract.channels.rigs import HTTP_CASES, HttpCase, mail_channel, message
from tests.fakes.agent_clock import FakeClock
from tests.fakes.mail_server import MailServer
from tests.fakes.providers import ProviderServer
from tests.fakes.webhook_receiver import reply

NAMES = (*(case.name for case in HTTP_CASES), "email")
NO_REPETITION = {"aliyun_sms", "aliyun_voice", "tencent_sms"}


@dataclass
class Rig:
    """A channel, its provider, and ways to make trouble that work for all of them."""

    name: str
    server: ProviderServer | MailServer
    channel: Channel
    address: str

    async def send(self, **changes: Any) -> Outcome:
        return await self.channel.send(message(**({"address": self.address} | changes)))

    @property
    def texts(self) -> list[str]:
        if isinstance(self.server, ProviderServer):
            return self.server.texts
        return [f"{mail['Subject']}\n{mail.get_content()}" for mail in self.server.mails]

    def trouble(self, what: str) -> None:
        if isinstance(self.server, ProviderServer):
            wire: dict[str, bytes | None] = {
                "silent": None,
                "garbage": b"garbage\r\n\r\n",
                "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
                "overloaded": reply(503, "<html>come back later</html>"),
                "moved": reply(302, location="http://127.0.0.1:1/"),
            }
            if what in wire:
                self.server.answers = [wire[what]]
            else:
                self.server.trouble = what
            return
        self.server.troubles = {
            "busy": {"MAIL": "451 try again later"},
            "throttled": {"MAIL": "421 too many connections"},
            "refused": {"RCPT": "550 no such user"},
            "silent": {"MAIL": None},
            "garbage": {"MAIL": "hello?"},
            "cut": {"DATA": "421 going down"},
            "overloaded": {"EHLO": "421 come back later"},
            "moved": {"MAIL": "251 not here"},
        }[what]


@asynccontextmanager
async def rigged(
    name: str, *, timeout_s: float = 5, allow_private: bool = True
) -> AsyncGenerator[Rig]:
    if name == "email":
        async with MailServer() as mail:
            channel = mail_channel(
                mail, FakeClock(), timeout_s=timeout_s, allow_private=allow_private
            )
            async with channel:
                yield Rig(name, mail, channel, "li@estate.example")
        return
    case = next(one for one in HTTP_CASES if one.name == name)
    async with case.server() as server:
        made = case.make(server.origin, server.clock, timeout_s, allow_private)
        async with made:
            yield Rig(name, server, made, case.address)


@pytest.fixture(params=NAMES)
async def rig(request: pytest.FixtureRequest) -> AsyncGenerator[Rig]:
    async with rigged(request.param) as opened:
        yield opened


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_an_accepted_message_is_sent_and_says_what_happened(rig: Rig) -> None:
    assert isinstance(await rig.send(), Sent)
    (text,) = rig.texts
    assert "1号循环泵" in text
    assert "故障" in text


async def test_an_error_code_is_a_failure_whatever_the_status(rig: Rig) -> None:
    rig.trouble("busy")
    outcome = await rig.send()
    assert isinstance(outcome, Unknown if rig.name in NO_REPETITION else Failed)
    assert rig.texts == []


async def test_what_a_person_must_change_is_refused(rig: Rig) -> None:
    rig.trouble("refused")
    assert isinstance(await rig.send(), Refused)


async def test_too_many_are_throttled_with_a_pause(rig: Rig) -> None:
    rig.trouble("throttled")
    outcome = await rig.send()
    pauses = {
        "webhook": 17,
        "dingtalk": 600,
        "wecom": 60,
        "feishu": 60,
        "aliyun_sms": 3600,
        "aliyun_voice": 3600,
        "tencent_sms": 30,
    }
    match outcome:
        case Throttled(_, pause_s) | Failed(_, pause_s):
            assert pause_s == pauses.get(rig.name)
        case _:
            pytest.fail(f"unexpected {outcome}")


@pytest.mark.parametrize("trouble", ["garbage", "cut", "overloaded"])
async def test_an_answer_that_cannot_be_understood_is_no_success(rig: Rig, trouble: str) -> None:
    rig.trouble(trouble)
    outcome = await rig.send()
    if rig.name == "webhook" and trouble == "cut":
        # Its 200 is all that a webhook has to say.
        assert outcome == Sent()
        return
    assert isinstance(outcome, Unknown if rig.name in NO_REPETITION else Failed)


async def test_silence_is_a_failure_or_unknown_where_a_repetition_would_double(name: str) -> None:
    async with rigged(name, timeout_s=0.3) as rig:
        rig.trouble("silent")
        outcome = await rig.send()
    kind = Unknown if name in NO_REPETITION else Failed
    assert outcome == kind("no answer within 0.3 s")


async def test_what_never_left_may_be_sent_again(name: str) -> None:
    async with rigged(name) as rig:
        channel, server = rig.channel, rig.server
        await server.__aexit__(None, None, None)
        outcome = await channel.send(message(address=rig.address))
        assert isinstance(outcome, Failed), outcome


async def test_redirects_are_not_followed(rig: Rig) -> None:
    rig.trouble("moved")
    assert not isinstance(await rig.send(), Sent) or rig.name == "email"


async def test_a_private_address_is_refused_unless_it_is_meant(name: str) -> None:
    async with rigged(name, allow_private=False) as rig:
        outcome = await rig.send()
        assert isinstance(outcome, Refused)
        assert "allow_private" in outcome.error
        assert rig.texts == []


async def test_a_channel_can_be_opened_again(name: str) -> None:
    async with rigged(name) as rig:
        await rig.channel.__aexit__(None, None, None)
        async with rig.channel:
            assert isinstance(await rig.send(), Sent)


async def test_what_devices_call_themselves_cannot_break_a_message(rig: Rig) -> None:
    nasty = 'P1"}\r\nBcc: x@y.z\x00<at user_id="all"></at>【】' + "\U0001f525" * 50
    incident = message().payload["incident"] | {
        "title_zh": nasty,
        "equipment_name_zh": nasty,
        "opened_at": "yesterday",
    }
    payload = {"incident": incident, "alarm": "none", "work_order": None}
    assert isinstance(await rig.send(payload=payload), Sent)
    if isinstance(rig.server, MailServer):
        assert rig.server.mails[0]["Bcc"] is None
    if rig.name == "feishu":
        assert '<at user_id="all">' not in rig.texts[0]


async def test_a_digest_of_very_many_fits(rig: Rig) -> None:
    line = {"severity": "low", "title_zh": "水位 " * 20, "title_en": "level", "at": 1}
    payload = {"count": 400, "messages": [line] * 400}
    outcome = await rig.send(kind="digest", severity="low", payload=payload, incident_id=None)
    assert isinstance(outcome, Sent)
    assert "400 条消息" in rig.texts[0] or rig.name == "webhook"


async def test_an_empty_payload_is_still_a_message(rig: Rig) -> None:
    assert isinstance(await rig.send(kind="incident.noticed", payload={}), Sent)
    assert len(rig.texts) == 1


async def test_the_budget_is_that_of_the_provider(rig: Rig) -> None:
    policy = rig.channel.policy(rig.address)
    day = 86_400
    expected = {
        "email": [(60, 60)],
        "dingtalk": [(20, 60)],
        "wecom": [(20, 60)],
        "feishu": [(5, 1), (100, 60)],
        "aliyun_sms": [(1, 30), (50, day)],
        "tencent_sms": [(1, 30), (50, day)],
        "aliyun_voice": [(1, 60), (5, 3600), (20, day)],
    }
    found = sorted((one.tokens, one.window_s) for one in policy.budgets)
    assert found == sorted(expected.get(rig.name, []))
    assert policy.repeatable == (rig.name not in NO_REPETITION)
    keys = [one.key for one in policy.budgets]
    assert len(keys) == len(set(keys))


async def test_a_template_is_filled_with_what_the_provider_takes(rig: Rig) -> None:
    """The providers refuse an empty variable and one that is too long."""
    incident = message().payload["incident"]
    for title in ("", "很长的设备名称" * 20, "\U0001f525" * 40):
        changed = incident | {"equipment_name_zh": title, "equipment_key": f"{title}/gw"}
        alarm = {"name_zh": title * 2}
        sent = await rig.send(payload={"incident": changed, "alarm": alarm}, key=f"k{title}")
        assert isinstance(sent, Sent)
        if isinstance(rig.server, ProviderServer):
            rig.server.clock.advance(61)


async def test_a_wrong_address_is_refused(name: str) -> None:
    async with rigged(name) as rig:
        assert rig.channel.check_address(rig.address) is None
        if name in {*NO_REPETITION, "email"}:
            assert rig.channel.check_address("nowhere") is not None
            assert isinstance(await rig.send(address="nowhere"), Refused)


@pytest.mark.parametrize("case", HTTP_CASES, ids=lambda case: case.name)
async def test_a_name_that_does_not_resolve_is_a_failure(case: HttpCase) -> None:
    made = case.make("http://nowhere.invalid", FakeClock(), 5, True)  # noqa: FBT003
    async with made:
        outcome = await made.send(replace(message(), address=case.address))
    assert isinstance(outcome, Failed)
    assert "does not resolve" in outcome.error
