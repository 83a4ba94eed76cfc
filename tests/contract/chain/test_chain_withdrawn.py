"""Once somebody has taken care nobody else is called, by whatever was still under way."""

from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.messages.attempts import (
    mark_delivered,
    mark_failed,
    mark_sent,
    mark_undelivered,
    mark_unknown,
)
from server.messages.claims import claim_due, claim_receipts, release_claims
from server.messages.model import Message
from server.messages.queue import Outgoing
from tests.contract.chain.test_chain_shelving import take_out
from tests.contract.chain.test_chain_unreached import copy_of
from tests.fakes.duty_house import MINUTE_S, load, messages, pass_time, person, staff, take
from tests.fakes.house import House

TWO_WAYS = [{"channel": "duty"}, {"channel": "chief"}]


@pytest.fixture
def called(house: House) -> House:
    """Wang's message is written; he could be called by a second channel."""
    content = staff()
    content["persons"]["wang"] = person("Wang", channels=TWO_WAYS)
    load(house, content)
    house.see("fault", value=True, at=0)
    return house


def claim(house: House) -> list[Outgoing]:
    work = partial(claim_due, now=house.clock.now_ms(), lease_ms=15_000, limit=50, worker="w")
    return house.records.write(work)


def to_persons(house: House) -> list[str]:
    return [one.key for one in claim(house) if one.key.startswith("incident-step/")]


def states(house: House) -> list[str]:
    return [one.state for one in messages(house)]


def test_what_waits_is_cancelled_and_what_informs_the_house_is_not(called: House) -> None:
    take(called)
    assert states(called) == ["cancelled"]
    assert called.kinds().count("message.cancelled") == 1
    assert [one.key for one in claim(called)] == [
        "incident-opened/1/duty",
        "incident-opened/1/chief",
    ]
    called.clock.advance(3600)
    assert to_persons(called) == []


@pytest.mark.parametrize("answer", ["order", "alarm", "link", "over", "aside"])
def test_every_answer_counts(called: House, answer: str) -> None:
    match answer:
        case "order":
            called.walk("accepted")
        case "alarm":
            called.acknowledge()
        case "over":
            called.see("fault", value=False, at=10)
            called.acknowledge()
        case "aside":
            take_out(called)
            pass_time(called, 10 * MINUTE_S)
        case _:
            take(called, by="Wang")
    assert states(called) == ["cancelled"]


@pytest.mark.parametrize("retry", [True, False])
def test_what_is_on_its_way_has_no_repetition_and_no_other_channel(
    called: House, *, retry: bool
) -> None:
    (message,) = [one for one in claim(called) if one.receiver == "Wang"]
    take(called)
    assert states(called) == ["sending"]
    now = called.clock.now_ms()
    called.records.write(
        partial(
            mark_failed,
            message_id=message.id,
            error="no",
            retry_at=now + 5000 if retry else None,
            now=now,
        )
    )
    assert states(called) == ["cancelled"]
    called.clock.advance(60)
    assert to_persons(called) == []


def test_what_is_on_its_way_and_arrives_has_arrived(called: House) -> None:
    (message,) = [one for one in claim(called) if one.receiver == "Wang"]
    take(called)
    called.records.write(partial(mark_sent, message_id=message.id, now=called.clock.now_ms()))
    assert states(called) == ["sent"]


def test_what_nobody_knows_of_is_not_asked_for_any_more(called: House) -> None:
    (message,) = [one for one in claim(called) if one.receiver == "Wang"]
    take(called)
    now = called.clock.now_ms()
    called.records.write(
        partial(mark_unknown, message_id=message.id, error="?", ask_at=now + 5000, now=now)
    )
    assert states(called) == ["cancelled"]


def test_what_was_on_its_way_at_a_crash_is_not_sent_after_the_answer(called: House) -> None:
    claim(called)
    take(called)
    called.records.write(partial(release_claims, now=called.clock.now_ms() + 1, worker="w"))
    called.clock.advance(1)
    assert to_persons(called) == []
    assert states(called) == ["cancelled"]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_receipt_that_comes_after_the_answer_calls_nobody(
    called: House, *, arrived: bool
) -> None:
    (message,) = [one for one in claim(called) if one.receiver == "Wang"]
    now = called.clock.now_ms()
    called.records.write(
        partial(mark_sent, message_id=message.id, now=now, receipt="7", ask_at=now + 1)
    )
    take(called)
    called.clock.advance(30)
    now = called.clock.now_ms()
    asked = called.records.write(partial(claim_receipts, now=now, lease_ms=9, limit=9))
    assert [one.id for one in asked] == [message.id]
    if arrived:
        called.records.write(partial(mark_delivered, message_id=message.id, now=now))
    else:
        called.records.write(partial(mark_undelivered, message_id=message.id, error="off", now=now))
    assert states(called) == ["delivered" if arrived else "cancelled"]
    assert to_persons(called) == []


@pytest.mark.parametrize("alone", [True, False])
def test_a_digest_goes_with_the_last_message_that_it_carries(called: House, *, alone: bool) -> None:
    other = "incident-step/1/9/wang" if alone else "incident-step/2/1/wang"
    copy_of(called, messages(called)[0], key=other)

    def wait(session: Session) -> None:
        for row in session.scalars(select(Message).where(Message.receiver == "Wang")):
            row.severity, row.waiting = "high", True
            row.incident_id = int(row.key.split("/")[1])

    called.records.write(wait)
    (digest,) = [one for one in claim(called) if one.receiver == "Wang"]
    now = called.clock.now_ms()
    failed = partial(mark_failed, message_id=digest.id, error="no", retry_at=now, now=now)
    called.records.write(partial(failed, hold=True))
    take(called)
    assert [one.kind for one in claim(called) if one.receiver == "Wang"] == (
        [] if alone else ["digest"]
    )


def test_a_graver_alarm_calls_anew_and_the_first_message_does_not_come_behind(
    house: House,
) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    house.see("fault", value=True, at=1)
    assert [(one.severity, one.state) for one in messages(house)] == [
        ("high", "cancelled"),
        ("urgent", "pending"),
    ]
