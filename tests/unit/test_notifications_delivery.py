"""Fail-over, unknown outcomes, throttling and receipts, through the worker itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from config.channels import EmailChannel, TencentSmsChannel
from config.server import MessageSettings
from server.core.records import Records
from server.core.timers import timers_of
from server.messages.attempts import UNREACHED
from server.messages.links import LinkKey
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.messages.receivers import Receiver
from server.notifications.channels.base import (
    Delivered,
    Failed,
    Refused,
    Sent,
    Throttled,
    Unknown,
    Unsent,
)
from server.notifications.receipts import ReceiptSweep
from server.notifications.registry import Channels
from server.notifications.worker import OutboxWorker
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.message_house import AnsweringChannel, rows, states, write_message
from tests.patience import PATIENCE_S

UNUSED = Path("unused")
MAIL = EmailChannel(kind="email", host="m", sender="a@b.example")
TEXT = TencentSmsChannel(
    kind="tencent_sms",
    secret_id="k",
    secret_key_file=UNUSED,
    app_id="1",
    sign_name="s",
    template="t",
)
SETTINGS = MessageSettings(
    channels={"mail": MAIL, "sms": TEXT},
    first_retry_s=10,
    max_retry_s=10,
    max_attempts=4,
    fail_over_attempts=2,
)
SMS = Receiver("li", "sms", "13800138000")
TO_MAIL = Receiver("li", "mail", "li@x.example")
ONCE = DeliveryPolicy((Budget("sms", 10, 60),), repeatable=False)


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


class House:
    """A worker on a clock that stands still, before two channels that do as they are told."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.clock = FakeClock()
        self.sms, self.mail = AnsweringChannel(of=ONCE), AnsweringChannel()
        self.channels = Channels(SETTINGS, {"sms": self.sms, "mail": self.mail})

    def write(self, key: str, *ways: Receiver, severity: str = "high", **more: int) -> None:
        write_message(self.records, key, *ways, now=self.clock.now_ms(), severity=severity, **more)

    @asynccontextmanager
    async def working(self, links: LinkKey | None = None) -> AsyncGenerator[None]:
        worker = OutboxWorker(self.records, self.channels, SETTINGS, self.clock, links=links)
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, reached: Callable[[dict[str, str]], bool], *, step_s: float = 1) -> None:
        """Let time pass in steps until the states are as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached(await asyncio.to_thread(states, self.records)):
                self.clock.advance(step_s)
                await asyncio.sleep(0.002)


@pytest.fixture
def house(records: Records) -> House:
    return House(records)


async def test_a_channel_that_keeps_failing_is_given_up_for_the_next(house: House) -> None:
    house.mail.outcomes = [Failed("HTTP 500")] * 9
    house.write("a", TO_MAIL, SMS)
    async with house.working():
        await house.until(lambda now: now.get("a/sms-0") == "sent")
    assert states(house.records) == {"a": "passed_on", "a/sms-0": "sent"}
    assert len(house.mail.sent) == 2
    assert rows(house.records)["a"].last_error == "HTTP 500"
    assert house.sms.sent[0].address == SMS.address


async def test_a_refusal_uses_the_next_channel_at_once(house: House) -> None:
    house.mail.outcomes = [Refused("SMTP 550")]
    house.write("a", TO_MAIL, SMS)
    async with house.working():
        await house.until(lambda now: now.get("a/sms-0") == "sent")
    assert len(house.mail.sent) == 1


async def test_without_another_channel_the_last_attempt_makes_a_dead_letter(house: House) -> None:
    house.mail.outcomes = [Failed("HTTP 500")] * 9
    house.write("a", TO_MAIL)
    async with house.working():
        await house.until(lambda now: now["a"] == "dead", step_s=5)
    assert len(house.mail.sent) == SETTINGS.max_attempts


@pytest.mark.parametrize("channel", ["mail", "sms"])
async def test_without_another_channel_it_is_unreached_when_that_one_would_have_been_used(
    house: House, channel: str
) -> None:
    house.mail.outcomes = [Failed("HTTP 500")] * 2
    house.sms.outcomes, house.sms.statuses = [Unknown("no answer")], [Unknown("not yet")] * 2
    house.write("a", TO_MAIL if channel == "mail" else SMS, incident_id=7)
    house.write("b", SMS if channel == "mail" else TO_MAIL, TO_MAIL, incident_id=7)
    async with house.working():
        await house.until(lambda now: now["a"] in {"sent", "delivered"}, step_s=5)
    found = rows(house.records)
    assert found["a"].unreached_at is not None
    assert found["b"].unreached_at is None
    timers = house.records.read(partial(timers_of, kind=UNREACHED))
    assert [one.payload for one in timers] == [{"incident": 7, "key": "a"}]


async def test_an_unknown_outcome_is_asked_and_not_repeated(house: House) -> None:
    house.sms.outcomes = [Unknown("no answer")]
    house.sms.statuses = [Unknown("not yet"), Delivered()]
    house.write("a", SMS)
    async with house.working():
        await house.until(lambda now: now["a"] == "delivered")
    assert (len(house.sms.sent), len(house.sms.asked)) == (1, 2)


async def test_what_the_provider_does_not_know_is_sent_once_more(house: House) -> None:
    house.sms.outcomes = [Unknown("no answer")]
    house.sms.statuses = [Unsent("never heard of it")]
    house.write("a", SMS)
    async with house.working():
        await house.until(lambda now: now["a"] == "sent")
    assert (len(house.sms.sent), len(house.sms.asked)) == (2, 1)
    assert house.sms.sent[0].key == house.sms.sent[1].key


async def test_who_remains_unknown_is_reached_by_the_next_channel(house: House) -> None:
    house.sms.outcomes = [Unknown("no answer")]
    house.sms.statuses = [Unknown("the provider is away")] * 9
    house.write("a", SMS, TO_MAIL)
    async with house.working():
        await house.until(lambda now: now.get("a/mail-0") == "sent")
    assert len(house.sms.sent) == 1


async def test_a_crash_while_sending_is_an_unknown_outcome(house: House) -> None:
    house.write("a", SMS)
    gate = asyncio.Event()

    async def never(_message: object) -> Sent:
        gate.set()
        await asyncio.Event().wait()
        return Sent()

    send, house.sms.send = house.sms.send, never  # type: ignore[method-assign]
    async with house.working():
        await gate.wait()
    house.sms.send = send  # type: ignore[method-assign]
    house.sms.statuses = [Sent("7^0")]
    async with house.working():
        await house.until(lambda now: now["a"] == "sent")
    assert (len(house.sms.sent), len(house.sms.asked)) == (0, 1)
    assert rows(house.records)["a"].receipt == "7^0"


async def test_a_throttled_provider_is_left_alone_and_the_rest_is_one_digest(house: House) -> None:
    house.sms.outcomes = [Throttled("130101", 50)]
    house.write("a", SMS)
    async with house.working():
        await house.until(lambda now: now["a"] == "pending" and len(house.sms.sent) == 1)
        house.write("b", SMS)
        house.write("c", SMS)
        await house.until(lambda now: now.get("digest/1") == "sent")
    assert [one.kind for one in house.sms.sent] == ["incident.opened", "digest"]
    assert house.sms.sent[1].payload["count"] == 3


async def test_an_urgent_message_does_not_wait_for_a_throttled_provider(house: House) -> None:
    house.sms.outcomes = [Throttled("130101", 600)]
    house.write("fire", SMS, TO_MAIL, severity="urgent")
    async with house.working():
        await house.until(lambda now: now.get("fire/mail-0") == "sent")
    house.write("again", SMS, TO_MAIL, severity="urgent")
    async with house.working():
        await house.until(lambda now: now.get("again/mail-0") == "sent")
    assert len(house.sms.sent) == 1


async def test_a_message_to_a_person_carries_its_link(house: House) -> None:
    house.write("a", TO_MAIL, incident_id=7)
    key = LinkKey(b"k" * 32, "https://plant.example", 1000)
    async with house.working(key):
        await house.until(lambda now: now["a"] == "sent")
    (message,) = house.mail.sent
    assert message.link == key.link_for(message)
    assert message.link.startswith("https://plant.example/a/1-")


async def receipts(house: House) -> ReceiptSweep:
    house.sms.outcomes = [Sent("7^0")]
    async with house.working():
        await house.until(lambda now: now["a"] == "sent")
    return ReceiptSweep(house.records, house.channels, SETTINGS, house.clock)


async def test_a_receipt_makes_sent_delivered(house: House) -> None:
    house.write("a", SMS)
    sweep = await receipts(house)
    assert await sweep.sweep() == 0
    house.clock.advance(30)
    house.sms.statuses = [Sent(), Delivered()]
    assert await sweep.sweep() == 1
    assert (await sweep.sweep(), states(house.records)["a"]) == (0, "sent")
    house.clock.advance(30)
    assert await sweep.sweep() == 1
    assert states(house.records)["a"] == "delivered"
    assert [one.receipt for one in house.sms.asked] == ["7^0", "7^0"]


async def test_what_was_not_delivered_goes_to_the_next_channel(house: House) -> None:
    house.write("a", SMS, TO_MAIL)
    sweep = await receipts(house)
    house.clock.advance(30)
    house.sms.statuses = [Refused("the telephone is off")]
    await sweep.sweep()
    assert states(house.records) == {"a": "passed_on", "a/mail-0": "pending"}


async def test_a_provider_that_never_says_is_not_asked_for_ever(house: House) -> None:
    house.write("a", SMS)
    sweep = await receipts(house)
    house.sms.statuses = [Unknown("away")] * 99
    asked = 0
    for _ in range(200):
        house.clock.advance(60)
        asked += await sweep.sweep()
    assert asked == 8
    assert (states(house.records)["a"], rows(house.records)["a"].receipt_due_at) == ("sent", None)
