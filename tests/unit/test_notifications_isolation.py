"""One message that meets a bug is told and given up; everything else goes out."""

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from config.channels import EmailChannel
from server.core.records import Records
from server.messages.addresses import mail_problem
from server.messages.attempts import mark_sent
from server.messages.claims import claim_receipts
from server.messages.model import Message
from server.messages.queue import Outgoing
from server.messages.receivers import Receiver
from server.notifications.channels.base import DeliveryStatus, Outcome
from server.notifications.channels.mail import MailChannel
from server.notifications.receipts import ReceiptSweep
from server.notifications.registry import Channels
from server.notifications.worker import OutboxWorker
from tests.contract.channels.rigs import message
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.message_house import AnsweringChannel, rows, states, write_message
from tests.patience import PATIENCE_S
from tests.unit.test_notifications_delivery import ONCE, SETTINGS, SMS, TO_MAIL

BEFORE = Receiver("wu", "mail", "wu@x.example")


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


class BuggyChannel(AnsweringChannel):
    """Meets a bug with the messages whose key begins with buggy."""

    async def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        if message.key.startswith("buggy"):
            raise AttributeError(message.key)
        return await super().send(message)

    async def ask(self, message: Outgoing) -> DeliveryStatus:
        self.asked.append(message)
        raise AttributeError(message.key)


async def run_until(
    records: Records,
    channels: Channels,
    clock: FakeClock,
    reached: Callable[[dict[str, str]], bool],
) -> None:
    task = asyncio.create_task(OutboxWorker(records, channels, SETTINGS, clock).run())
    async with asyncio.timeout(PATIENCE_S):
        while not reached(await asyncio.to_thread(states, records)):
            assert not task.done()
            clock.advance(1)
            await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_message_that_meets_a_bug_harms_no_other_and_becomes_a_dead_letter(
    records: Records,
) -> None:
    mail, clock = BuggyChannel(), FakeClock()
    channels = Channels(SETTINGS, {"mail": mail})
    for key in ("a", "buggy", "z"):
        write_message(records, key, BEFORE, now=clock.now_ms())
    with structlog.testing.capture_logs() as logs:
        await run_until(records, channels, clock, lambda now: now["buggy"] == "dead")
    assert states(records) == {"a": "sent", "buggy": "dead", "z": "sent"}
    assert rows(records)["buggy"].attempts == SETTINGS.max_attempts
    assert rows(records)["buggy"].last_error == "AttributeError: buggy"
    bugs = [line for line in logs if line["event"] == "row_met_a_bug"]
    assert len(bugs) == SETTINGS.max_attempts
    assert all(line["exc_info"] for line in bugs)


@pytest.mark.long
async def test_a_bug_is_an_unknown_outcome_where_a_repetition_would_double(
    records: Records,
) -> None:
    sms, mail, clock = BuggyChannel(of=ONCE), AnsweringChannel(), FakeClock()
    channels = Channels(SETTINGS, {"sms": sms, "mail": mail})
    write_message(records, "buggy", SMS, TO_MAIL, now=clock.now_ms())
    await run_until(records, channels, clock, lambda now: now.get("buggy/mail-0") == "sent")
    assert (len(sms.sent), len(sms.asked)) == (1, 1)


async def test_a_message_whose_attempts_never_end_is_given_up(records: Records) -> None:
    """Each attempt took the process with it, or its outcome could not be written."""
    mail, clock = AnsweringChannel(), FakeClock()
    write_message(records, "a", BEFORE, now=clock.now_ms())

    def tried(session: Session) -> None:
        row = session.get_one(Message, 1)
        row.state, row.attempts = "sending", SETTINGS.max_attempts

    records.write(tried)
    channels = Channels(SETTINGS, {"mail": mail})
    await run_until(records, channels, clock, lambda now: now["a"] == "dead")
    assert mail.sent == []
    assert rows(records)["a"].last_error == "none of 4 attempts came to an end"


@pytest.mark.long
async def test_a_request_that_meets_a_bug_is_repeated_seldom_and_not_for_ever(
    records: Records,
) -> None:
    sms, clock = BuggyChannel(of=ONCE), FakeClock()
    channels = Channels(SETTINGS, {"sms": sms})
    write_message(records, "a", SMS, now=clock.now_ms())
    sent = partial(mark_sent, message_id=1, now=clock.now_ms(), receipt="7", ask_at=clock.now_ms())
    records.write(sent)
    sweep = ReceiptSweep(records, channels, SETTINGS, clock)
    for _ in range(67):
        await sweep.sweep()
        clock.advance(180)
    assert len(sms.asked) == 8
    assert states(records) == {"a": "sent"}


def test_a_receipt_that_can_never_be_noted_is_not_asked_for_ever(records: Records) -> None:
    write_message(records, "a", SMS, now=0)
    records.write(partial(mark_sent, message_id=1, now=0, receipt="7", ask_at=0))
    claim = partial(claim_receipts, lease_ms=10, limit=9, most_asks=3)
    found = [len(records.write(partial(claim, now=at))) for at in range(0, 100, 10)]
    assert found == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "address",
    ["a@[", "a@b@c", "g:a@x.y", '"a b"@x.y', "a(b)@x.y", "=?utf-8?q?a?=@x.y", "a@x.y:", "a@(", "@"],
)
def test_an_address_that_breaks_a_mail_is_refused_before(address: str) -> None:
    assert mail_problem(address) is not None


# One for all examples: reading the trusted certificates takes longer than they do.
MAIL = MailChannel(
    EmailChannel(kind="email", host="m", sender="a@b.example"), password=None, clock=FakeClock()
)


@given(st.text(alphabet='ab1@.[]()<>":;,\\=?_-é李\r\n\x00', max_size=12))
@example("().@1")  # the library raises a TypeError on it
def test_whatever_passes_as_an_address_can_be_written(address: str) -> None:
    if mail_problem(address) is None:
        mail = MAIL._compose(message(address=address))
        assert [one.addr_spec for one in mail["To"].addresses] == [address]
