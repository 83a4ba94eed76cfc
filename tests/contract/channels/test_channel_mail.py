"""E-mail against a real SMTP server."""

import asyncio
from typing import Any

import pytest

from server.notifications.channels.base import Failed, Outcome, Refused, Sent
from tests.contract.channels.rigs import mail_channel, message
from tests.fakes.agent_clock import FakeClock
from tests.fakes.mail_server import MailServer

TO = "li@estate.example"


async def send(server: MailServer, **changes: Any) -> Outcome:
    async with mail_channel(server, FakeClock(), **changes) as channel:
        return await channel.send(message(address=TO, link="https://x.example/a/3-abc"))


async def test_a_mail_is_encrypted_complete_and_asks_for_no_automatic_reply() -> None:
    async with MailServer() as server:
        assert await send(server) == Sent()
        (mail,) = server.mails
        assert server.encrypted
    assert mail["Subject"] == "[紧急] 1号循环泵 故障"
    assert (mail["To"], mail["From"]) == (TO, "plantroom@estate.example")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == [
        "[紧急] 1号循环泵 故障",
        "",
        "设备: 1号循环泵 (翠湖苑/gw/pump-1)",
        "报警: 故障",
        "时间: 2026-11-22 17:53:13",
        "工单: #12",
        "确认: https://x.example/a/3-abc",
    ]


async def test_a_mail_that_comes_twice_has_one_message_id() -> None:
    async with MailServer() as server:
        await send(server)
        await send(server)
        first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_tls_from_the_first_byte() -> None:
    async with MailServer(implicit_tls=True) as server:
        assert await send(server, security="tls") == Sent()


async def test_a_server_of_ones_own_needs_no_encryption() -> None:
    async with MailServer(starttls=False) as server:
        assert await send(server, security="none") == Sent()
        assert not server.encrypted


async def test_a_server_that_forgets_encryption_gets_neither_password_nor_mail() -> None:
    async with MailServer(starttls=False) as server:
        outcome = await send(server)
        assert isinstance(outcome, Failed)
        assert "STARTTLS" in outcome.error
        assert "AUTH" not in server.commands
        assert server.mails == []


async def test_a_wrong_password_is_refused() -> None:
    async with MailServer() as server:
        outcome = await send(server, password="wrong")
    assert outcome == Refused("SMTP 535 who are you")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("450 mailbox busy", Failed), ("550 no such user", Refused), ("552 full", Refused)],
)
async def test_the_servers_reply_decides_whether_it_is_tried_again(
    answer: str, kind: type[Outcome]
) -> None:
    async with MailServer(troubles={"RCPT": answer}) as server:
        outcome = await send(server)
    assert outcome == kind(f"SMTP {answer}")


async def test_a_certificate_of_somebody_else_is_not_trusted() -> None:
    async with MailServer() as server:
        channel = mail_channel(server, FakeClock())
        channel._settings = channel._settings.model_copy(update={"host": "127.0.0.1"})
        async with channel:
            outcome = await channel.send(message(address=TO))
    assert isinstance(outcome, Failed)
    assert "certificate" in outcome.error.lower()


async def test_one_silent_server_does_not_hold_the_others() -> None:
    async with MailServer(troubles={"MAIL": None}) as silent, MailServer() as good:
        stuck = asyncio.create_task(send(silent, timeout_s=0.5))
        assert await send(good) == Sent()
        assert await stuck == Failed("no answer within 0.5 s")
