"""Many alarms in a minute before providers that enforce their limits."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event

from config.channels import DingTalkChannel as DingTalkSettings
from config.server import MessageSettings
from server.core.db import Base
from server.core.records import Records
from server.messages.claims import claim_due
from server.messages.receivers import Receiver
from server.notifications.channels.base import Channel, Sent
from server.notifications.outcomes import OutcomeHandler
from server.notifications.registry import Channels
from tests.contract.channels.rigs import HTTP_CASES, PHONE, mail_channel
from tests.fakes.agent_clock import FakeClock
from tests.fakes.mail_server import MailServer
from tests.fakes.message_house import rows, write_message
from tests.fakes.providers import Window

SETTINGS = MessageSettings(
    channels={"way": DingTalkSettings(kind="dingtalk", token_file=Path("unused"))}
)


class Flood:
    """Messages to one receiver, at most two hundred in a minute, each fiftieth of them urgent."""

    def __init__(
        self, records: Records, clock: FakeClock, channel: Channel, address: str, size: int
    ) -> None:
        self.records = records
        self.clock = clock
        self.channel = channel
        self.address = address
        self.size = size
        self.channels = Channels(SETTINGS, {"way": channel})
        self.outcomes = OutcomeHandler(SETTINGS, self.channels, Random(1))  # noqa: S311
        self.sent: list[tuple[Any, object]] = []

    async def pour(self) -> None:
        for number in range(self.size):
            write_message(
                self.records,
                f"m{number}",
                Receiver("group", "way", self.address),
                now=self.clock.now_ms(),
                severity="urgent" if number % 50 == 49 else "high",
            )
            if number % 4 == 3:
                await self.deliver(1.2)

    async def deliver(self, after_s: float) -> None:
        self.clock.advance(after_s)
        claim = partial(
            claim_due,
            now=self.clock.now_ms(),
            lease_ms=15_000,
            limit=20,
            policy=self.channels.policy,
        )
        for message in self.records.write(claim):
            outcome = await self.channel.send(message)
            self.sent.append((message, outcome))
            write = self.outcomes.of_attempt(message, outcome, now=self.clock.now_ms())
            self.records.write(write)

    async def drain(self, step_s: float) -> None:
        """Go on until nothing waits any more."""
        for _ in range(400):
            if not {"pending", "sending"} & {row.state for row in rows(self.records).values()}:
                return
            await self.deliver(step_s)


@asynccontextmanager
async def before(name: str) -> AsyncGenerator[tuple[FakeClock, Channel, str]]:
    if name == "email":
        clock = FakeClock()
        limit = Window(60, 60)
        async with (
            MailServer(takes=lambda: limit.take(clock.now_ms() / 1000)) as server,
            mail_channel(server, clock) as mail,
        ):
            yield clock, mail, "li@estate.example"
        return
    case = next(one for one in HTTP_CASES if one.name == name)
    async with (
        case.server() as server,
        case.make(server.origin, server.clock, 5, True) as channel,  # noqa: FBT003
    ):
        yield server.clock, channel, PHONE


@pytest.mark.sampled(4)
@pytest.mark.size(50, 200)
@pytest.mark.parametrize(
    ("name", "step_s", "most"),
    [
        ("dingtalk", 1.2, 60),
        ("wecom", 1.2, 60),
        ("feishu", 1.2, 200),
        ("email", 1.2, 110),
        ("aliyun_sms", 5, 12),
        ("tencent_sms", 5, 12),
        ("aliyun_voice", 20, 9),
    ],
)
async def test_a_flood_stays_within_the_budget_and_loses_nothing(
    name: str, step_s: float, most: int, tmp_path: Path, size: int
) -> None:
    with Records.open(f"sqlite:///{tmp_path}/records") as records:
        # Nothing is killed here, and a thousand syncs of a busy disk take their time.
        event.listen(
            records.engine,
            "connect",
            lambda connection, _: connection.execute("PRAGMA synchronous=OFF"),
        )
        Base.metadata.create_all(records.engine)
        async with before(name) as (clock, channel, address):
            flood = Flood(records, clock, channel, address, size)
            await flood.pour()
            await flood.drain(step_s)
        found = rows(records)
    outcomes = flood.sent
    assert all(isinstance(outcome, Sent) for _, outcome in outcomes)
    urgent_keys = [message.key for message, _ in outcomes if message.severity == "urgent"]
    assert urgent_keys == [f"m{number}" for number in range(49, size, 50)]
    assert {found[f"m{number}"].state for number in range(size)} <= {"sent", "merged"}
    alone = [message.key for message, _ in outcomes if message.kind != "digest"]
    lines = [
        line["title_en"]
        for message, _ in outcomes
        if message.kind == "digest"
        for line in message.payload["messages"]
    ]
    assert sorted(alone + lines) == sorted(f"m{number}" for number in range(size))
    assert len(outcomes) <= most
