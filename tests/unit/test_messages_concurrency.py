"""A channel that hangs holds up its own messages only, and never the urgent ones of others."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.records import Records
from server.messages.queue import Outgoing
from server.messages.rate_limits import ChannelConcurrency, channel_of_message
from server.messages.receivers import Receiver
from server.notifications.channels.base import Outcome, Sent
from server.notifications.registry import Channels
from server.notifications.worker import OutboxWorker
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.message_house import AnsweringChannel, rows, states, write_message
from tests.patience import PATIENCE_S
from tests.unit.test_notifications_delivery import ONCE, SETTINGS, SMS


class GatedChannel(AnsweringChannel):
    """Answers only when the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        await self.gate.wait()
        return Sent()


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


def to_mail(number: int) -> Receiver:
    return Receiver(f"p{number}", "mail", f"p{number}@x.example")


@asynccontextmanager
async def working(
    records: Records, clock: FakeClock, **of: AnsweringChannel
) -> AsyncGenerator[Callable[[], None]]:
    """Run a worker; gives what wakes it, as a commit does, whatever it is doing."""
    worker = OutboxWorker(records, Channels(SETTINGS, of), SETTINGS, clock)
    task = asyncio.create_task(worker.run())
    yield worker._wake.set
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(records: Records, **wanted: str) -> None:
    """Wait for these states; the clock stands still."""
    async with asyncio.timeout(PATIENCE_S):
        while not wanted.items() <= (await asyncio.to_thread(states, records)).items():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("receivers", [1, 60])
async def test_a_hanging_channel_holds_up_no_other(records: Records, receivers: int) -> None:
    mail, sms, clock = GatedChannel(), AnsweringChannel(of=ONCE), FakeClock()
    for number in range(60):
        write_message(records, f"m{number}", to_mail(number % receivers), now=clock.now_ms())
    async with working(records, clock, mail=mail, sms=sms) as wake:
        await until(records, m0="sending", m6="sending")
        write_message(records, "fire", SMS, now=clock.now_ms(), severity="urgent")
        write_message(records, "leak", SMS, now=clock.now_ms())
        wake()
        await until(records, fire="sent", leak="sent")
        assert len(mail.sent) == 7
        # What has no slot was not claimed, so its lease does not run.
        assert rows(records)["m7"].state == "pending"
        assert rows(records)["m7"].attempts == 0


async def test_the_last_slots_of_a_channel_are_for_urgent_messages(records: Records) -> None:
    mail, clock = GatedChannel(), FakeClock()
    for number in range(30):
        write_message(records, f"m{number}", to_mail(number), now=clock.now_ms())
    async with working(records, clock, mail=mail) as wake:
        await until(records, m6="sending")
        for number in range(9):
            write_message(
                records, f"u{number}", to_mail(number), now=clock.now_ms(), severity="urgent"
            )
        wake()
        await until(records, u0="sending", u1="sending", u2="sending", u3="pending")
        mail.gate.set()
        await until(records, u8="sent", m29="sent")
    assert len(mail.sent) == len({one.key for one in mail.sent}) == 39
    later = [one.key for one in mail.sent[10:16]]
    assert later == [f"u{number}" for number in range(3, 9)]


async def test_what_waited_for_a_slot_is_handed_over_once(records: Records) -> None:
    mail, clock = GatedChannel(), FakeClock()
    for number in range(25):
        write_message(records, f"m{number}", to_mail(1), now=clock.now_ms())
    async with working(records, clock, mail=mail):
        await until(records, m6="sending")
        clock.advance(5)
        await asyncio.sleep(0.05)
        mail.gate.set()
        await until(records, **{f"m{number}": "sent" for number in range(25)})
    assert sorted(one.key for one in mail.sent) == sorted(f"m{number}" for number in range(25))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=60))
def test_slots_are_never_more_than_there_are(wishes: list[tuple[str, bool]]) -> None:
    slots = ChannelConcurrency(channel_of_message, Counter())
    taken: list[tuple[str, bool]] = []
    for channel, urgent in wishes:
        if slots.free((channel, "", ""), urgent=urgent):
            slots.take((channel, "", ""))
            taken.append((channel, urgent))
    for channel in "ab":
        of = [urgent for name, urgent in taken if name == channel]
        assert len(of) <= 10
        assert of.count(False) <= 7
        asked = [urgent for name, urgent in wishes if name == channel]
        assert len(of) >= min(len(asked), 7)
