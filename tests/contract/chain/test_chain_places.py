"""One place gets one message of an announcement, whoever is behind it."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.channels import DingTalkChannel, EmailChannel
from config.server import MessageSettings
from server.messages.attempts import give_up, is_unreached
from server.messages.model import Message
from tests.fakes.duty_house import load, pass_time, person, staff, take
from tests.fakes.house import House, receiver

OUTLETS = MessageSettings(
    webhooks=(receiver("duty"),),
    channels={
        "group": DingTalkChannel(kind="dingtalk", token_file=Path("x")),
        "mail": EmailChannel(kind="email", host="mail.example.org", sender="a@example.org"),
    },
)
GROUP = {"channel": "group"}
BY_KIND = {"channel": "dingtalk"}
WANG, LI = "13800138000", "13900139000"


def mail(address: str) -> dict[str, str]:
    return {"channel": "mail", "address": address}


@pytest.fixture
def groups(house: House) -> House:
    house.outlets = OUTLETS
    house.boot()
    return house


def people(house: House, wang: list[Any], li: list[Any], **more: Any) -> None:
    content = staff(house={"steps": [{"after_s": 0, "who": ["on_duty", "leader"]}]})
    content["persons"]["wang"] = person("Wang", channels=wang, **more)
    content["persons"]["li"] = person("Li", "lead", channels=li)
    load(house, content)


def rows(house: House) -> list[Message]:
    return house.records.read(
        lambda session: list(session.scalars(select(Message).order_by(Message.id)))
    )


def leaving(house: House) -> list[tuple[str, str]]:
    """(channel, address) of what leaves."""
    return sorted((row.channel, row.address) for row in rows(house) if row.state == "pending")


@pytest.mark.parametrize("group", [GROUP, BY_KIND])
def test_a_group_hears_once_though_a_person_uses_it(groups: House, group: dict[str, str]) -> None:
    people(groups, [group | {"address": WANG}], [mail("li@example.org")])
    groups.see("temperature", 85.0, 1)
    assert leaving(groups) == [
        (group["channel"], WANG),
        ("mail", "li@example.org"),
        ("webhook", ""),
    ]


def test_two_persons_of_one_group_are_mentioned_in_one_message(groups: House) -> None:
    people(groups, [GROUP | {"address": WANG}], [GROUP | {"address": LI}])
    groups.see("temperature", 85.0, 1)
    assert leaving(groups) == [("group", f"{WANG},{LI}"), ("webhook", "")]


@pytest.mark.parametrize("other", ["duty@example.org", "Duty@Example.org"])
def test_a_mailbox_that_two_share_gets_one(groups: House, other: str) -> None:
    people(groups, [mail("duty@example.org")], [mail(other)])
    groups.see("temperature", 85.0, 1)
    assert leaving(groups) == [("group", ""), ("mail", "duty@example.org"), ("webhook", "")]


def test_programs_behind_a_webhook_hear_of_each_person(groups: House) -> None:
    people(groups, [{"channel": "duty"}], [{"channel": "duty"}])
    groups.see("temperature", 85.0, 1)
    assert [channel for channel, _ in leaving(groups)] == ["duty", "duty", "group", "webhook"]


def test_a_later_step_reaches_the_group_again(groups: House) -> None:
    content = staff(
        house={"steps": [{"after_s": 0, "who": ["on_duty"]}, {"after_s": 60, "who": ["leader"]}]}
    )
    content["persons"]["wang"] = person("Wang", channels=[GROUP])
    content["persons"]["li"] = person("Li", "lead", channels=[GROUP])
    load(groups, content)
    groups.see("temperature", 85.0, 1)
    assert len(leaving(groups)) == 2
    pass_time(groups, 61)
    assert [channel for channel, _ in leaving(groups)] == ["group", "group", "webhook"]


def test_when_the_group_cannot_be_reached_each_goes_on_by_the_own_way(groups: House) -> None:
    people(
        groups,
        [GROUP | {"address": WANG}, mail("wang@example.org")],
        [GROUP | {"address": LI}],
    )
    groups.see("temperature", 85.0, 1)
    carrier = next(row for row in rows(groups) if row.address == f"{WANG},{LI}")
    groups.records.write(
        lambda session: give_up(
            session, session.get_one(Message, carrier.id), now=groups.clock.now_ms()
        )
    )
    states = {row.key: row.state for row in rows(groups)}
    assert ("mail", "wang@example.org") in leaving(groups)
    lead = next(key for key in states if key.endswith("/li"))
    assert states[lead] == "dead"
    assert groups.records.read(partial(is_unreached, key=lead))
    assert not groups.records.read(partial(is_unreached, key=carrier.key))


def test_an_acknowledgement_takes_the_call_back_and_the_group_still_hears(groups: House) -> None:
    people(groups, [GROUP | {"address": WANG}], [GROUP | {"address": LI}])
    groups.see("temperature", 85.0, 1)
    take(groups)
    assert leaving(groups) == [("group", ""), ("webhook", "")]


def test_a_call_that_was_taken_back_on_its_way_leaves_the_groups_own(groups: House) -> None:
    people(groups, [GROUP | {"address": WANG}], [mail("li@example.org")])
    groups.see("temperature", 85.0, 1)
    carrier = next(row for row in rows(groups) if row.address == WANG)

    def fail(session: Session) -> None:
        row = session.get_one(Message, carrier.id)
        row.state, row.cancelled_at = "sending", groups.clock.now_ms()
        give_up(session, row, now=groups.clock.now_ms())

    groups.records.write(fail)
    assert ("group", "") in leaving(groups)
    assert "dead" not in {row.state for row in rows(groups)}


def test_a_group_does_not_wait_for_a_persons_quiet_hours(groups: House) -> None:
    content = staff(house={"steps": [{"after_s": 0, "who": ["leader"]}]})
    night = {"start": "00:00", "end": "23:59"}
    content["persons"]["li"] = person(
        "Li", "lead", channels=[GROUP | {"address": LI}], quiet_hours=night
    )
    load(groups, content)
    groups.see("temperature", 85.0, 1)
    (group,) = (row for row in rows(groups) if row.state == "pending" and row.channel == "group")
    assert (group.address, group.next_attempt_at) == ("", group.created_at)
