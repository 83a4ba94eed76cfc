"""Two hundred alarms in a minute before providers that enforce their limits."""

from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event

from config.channels import DingTalkChannel as DingTalkSettings
from config.server import MessageSettings
from server.core.claims import claim_due
from server.core.db import Base
from server.core.receivers import Receiver
from server.core.records import Records
from server.jobs.verdicts import Verdicts
from server.notifications.channels.base import Sent
from server.notifications.registry import Channels
from tests.contract.channels.rigs import HTTP_CASES, PHONE
from tests.fakes.message_house import rows, write_message

SETTINGS = MessageSettings(
    channels={"way": DingTalkSettings(kind="dingtalk", token_file=Path("unused"))}
)


@pytest.mark.parametrize("name", ["dingtalk", "wecom", "feishu"])
async def test_a_flood_stays_within_the_budget_and_loses_nothing(name: str, tmp_path: Path) -> None:
    case = next(one for one in HTTP_CASES if one.name == name)
    async with case.server() as server:
        clock = server.clock
        with Records.open(f"sqlite:///{tmp_path}/records") as records:
            # Nothing is killed here, and a thousand syncs of a busy disk take their time.
            event.listen(
                records.engine,
                "connect",
                lambda connection, _: connection.execute("PRAGMA synchronous=OFF"),
            )
            Base.metadata.create_all(records.engine)
            async with case.make(server.origin, clock, 5, True) as channel:  # noqa: FBT003
                channels = Channels(SETTINGS, {"way": channel})
                verdicts = Verdicts(SETTINGS, channels, Random(1))  # noqa: S311
                outcomes: list[tuple[Any, object]] = []
                for tick in range(120):
                    for number in range(4 * tick, 4 * tick + 4) if tick < 50 else ():
                        write_message(
                            records,
                            f"m{number}",
                            Receiver("group", "way", PHONE),
                            now=clock.now_ms(),
                            severity="urgent" if number % 50 == 49 else "high",
                        )
                    clock.advance(1.2)
                    claim = partial(
                        claim_due,
                        now=clock.now_ms(),
                        lease_ms=15_000,
                        limit=20,
                        terms=channels.terms,
                    )
                    for message in records.write(claim):
                        outcome = await channel.send(message)
                        outcomes.append((message, outcome))
                        records.write(verdicts.of_attempt(message, outcome, now=clock.now_ms()))
            found = rows(records)
    assert all(isinstance(outcome, Sent) for _, outcome in outcomes)
    urgent_keys = [message.key for message, _ in outcomes if message.severity == "urgent"]
    assert urgent_keys == ["m49", "m99", "m149", "m199"]
    carried = [found[f"m{tick}"].state for tick in range(200)]
    assert set(carried) <= {"sent", "merged"}
    told = [message.key for message, _ in outcomes if message.kind != "digest"]
    lines = [
        line["title_en"]
        for message, _ in outcomes
        if message.kind == "digest"
        for line in message.payload["messages"]
    ]
    assert sorted(told + lines) == sorted(f"m{tick}" for tick in range(200))
    assert len(outcomes) < (60 if name != "feishu" else 201)
