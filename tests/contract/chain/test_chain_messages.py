"""Over budget nothing is dropped: it waits, leaves in a digest, or takes another way."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time, tzinfo
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from server.core.records import Records
from server.messages.attempts import mark_failed, mark_sent, mark_unknown
from server.messages.claims import claim_due, release_claims
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.messages.receivers import (
    CHINA,
    QuietHours,
    Receiver,
    hold_until,
    quiet_of,
    quiet_row,
)
from tests.fakes.message_house import rows, states, write_message

NOW = 1_795_000_000_000
DING = Receiver("group", "ding")
SMS = Receiver("li", "sms", "13800138000")
TERMS = {
    "ding": DeliveryPolicy((Budget("ding", 4, 60),)),
    "sms": DeliveryPolicy((Budget("sms", 1, 86_400),), repeatable=False),
}


@pytest.fixture
def records(url: str) -> Generator[Records]:
    with Records.open(url) as opened:
        yield opened


def claim(records: Records, now: int = NOW, worker: str = "w") -> list[Outgoing]:
    work = partial(
        claim_due,
        now=now,
        lease_ms=15_000,
        limit=50,
        worker=worker,
        policy=lambda channel, _receiver, _address: TERMS.get(channel, DeliveryPolicy()),
    )
    return records.write(work)


def send_all(records: Records, now: int) -> list[str]:
    claimed = claim(records, now)
    for one in claimed:
        records.write(partial(mark_sent, message_id=one.id, now=now))
    return [one.key for one in claimed]


def test_a_digest_carries_everything_that_waited_once(records: Records) -> None:
    for number in range(6):
        write_message(records, f"m{number}", DING, now=NOW)
    for one in claim(records):
        records.write(partial(mark_sent, message_id=one.id, now=NOW))
    (digest,) = claim(records, NOW + 61_000)
    assert (digest.kind, digest.key, digest.severity) == ("digest", "digest/4", "high")
    assert [line["title_en"] for line in digest.payload["messages"]] == ["m3", "m4", "m5"]
    assert digest.payload["count"] == 3
    found = rows(records)
    assert {found[key].merged_into for key in ("m3", "m4", "m5")} == {digest.id}
    assert {found[key].state for key in ("m3", "m4", "m5")} == {"merged"}
    assert claim(records, NOW + 61_000) == []


def test_a_digest_that_waits_itself_joins_the_next(records: Records) -> None:
    for number in range(5):
        write_message(records, f"m{number}", DING, now=NOW)
    for one in claim(records):
        records.write(partial(mark_sent, message_id=one.id, now=NOW))
    (first,) = claim(records, NOW + 61_000)
    late = NOW + 62_000
    records.write(
        partial(
            mark_failed, message_id=first.id, error="HTTP 500", retry_at=late, now=late, hold=True
        )
    )
    write_message(records, "m9", DING, now=late)
    claim(records, late)
    records.write(partial(release_claims, now=late, worker="w"))
    lines = [
        line["title_en"]
        for one in claim(records, late + 61_000)
        for line in one.payload.get("messages", ())
    ]
    assert lines[:2] == ["m3", "m4"]


def test_urgent_ones_leave_first_alone_and_from_what_is_kept(records: Records) -> None:
    for number in range(5):
        write_message(records, f"m{number}", DING, now=NOW)
    write_message(records, "fire", DING, now=NOW, severity="urgent")
    assert [one.key for one in claim(records)] == ["fire", "m0", "m1"]
    write_message(records, "flood", DING, now=NOW, severity="urgent")
    assert [one.key for one in claim(records, NOW + 1)] == ["flood"]
    write_message(records, "third", DING, now=NOW, severity="urgent")
    assert claim(records, NOW + 2) == []
    assert rows(records)["third"].waiting is False


def test_what_is_over_budget_hides_nothing_behind_it(records: Records) -> None:
    for number in range(120):
        write_message(records, f"m{number}", DING, now=NOW)
    write_message(records, "z", Receiver("wu", "mail", "wu@x.example"), now=NOW)
    assert [one.key for one in claim(records)] == ["m0", "m1", "m2", "z"]


def test_receivers_do_not_share_a_digest(records: Records) -> None:
    night = QuietHours(time(22), time(7))
    li = Receiver("li", "mail", "li@x.example", "zh", night)
    wu = Receiver("wu", "mail", "wu@x.example", "zh", night)
    evening = NOW + 4 * 3_600_000  # 23:06 in China
    for key, who in (("a", li), ("b", wu), ("c", li)):
        write_message(records, key, who, now=evening)
    write_message(records, "fire", li, now=evening, severity="urgent")
    assert [one.key for one in claim(records, evening)] == ["fire"]
    morning = rows(records)["a"].next_attempt_at
    found = {one.receiver: one for one in claim(records, morning)}
    assert found["li"].kind == "digest"
    assert found["wu"].key == "b"


def test_who_would_wait_for_a_day_is_reached_by_the_next_channel(records: Records) -> None:
    mail = Receiver("li", "mail", "li@x.example")
    write_message(records, "a", SMS, mail, now=NOW)
    write_message(records, "b", SMS, mail, now=NOW)
    first, passed = claim(records)
    assert first.key == "a"
    assert states(records) == {"a": "sending", "b": "passed_on", "b/mail-0": "sending"}
    assert (passed.channel, passed.address, passed.receiver) == ("mail", "li@x.example", "li")


def test_without_another_channel_it_waits_however_long(records: Records) -> None:
    write_message(records, "a", SMS, now=NOW)
    write_message(records, "b", SMS, now=NOW)
    claim(records)
    assert rows(records)["b"].next_attempt_at == NOW + 86_401_000
    assert states(records)["b"] == "pending"


def test_sending_is_written_before_the_call_and_known_after_a_crash(records: Records) -> None:
    write_message(records, "a", SMS, now=NOW)
    (first,) = claim(records)
    assert (first.outcome_unknown, states(records)["a"]) == (False, "sending")
    records.write(partial(release_claims, now=NOW + 100, worker="w"))
    (again,) = claim(records, NOW + 100)
    assert (again.outcome_unknown, again.tried_at) == (True, NOW)


def test_another_workers_claims_are_left_alone(records: Records) -> None:
    write_message(records, "a", SMS, now=NOW)
    claim(records, worker="one")
    records.write(partial(release_claims, now=NOW + 100, worker="two"))
    assert claim(records, NOW + 100, worker="two") == []


def test_asking_costs_no_token_and_a_late_word_changes_nothing(records: Records) -> None:
    write_message(records, "a", SMS, now=NOW)
    (one,) = claim(records)
    unknown = partial(
        mark_unknown, message_id=one.id, error="no answer", ask_at=NOW + 5000, now=NOW
    )
    records.write(unknown)
    (asked,) = claim(records, NOW + 5000)
    assert asked.outcome_unknown
    records.write(partial(mark_sent, message_id=one.id, now=NOW + 5001))
    records.write(unknown)
    records.write(
        partial(mark_failed, message_id=one.id, error="late", retry_at=None, now=NOW + 6000)
    )
    assert states(records) == {"a": "sent"}


def test_two_workers_share_the_budget_and_no_message_leaves_twice(
    url: str, records: Records
) -> None:
    for number in range(30):
        to_mail = Receiver("wu", "mail", "wu@x.example")
        write_message(records, f"m{number}", DING if number % 2 else to_mail, now=NOW)
    with Records.open(url) as other, ThreadPoolExecutor(8) as threads:
        claims = [
            threads.submit(claim, one, NOW + turn, worker=str(turn % 2))
            for turn, one in enumerate([records, other] * 8)
        ]
        keys = [message.key for one in claims for message in one.result()]
    assert len(keys) == len(set(keys)) == 15 + 3
    assert sum(int(key[1:]) % 2 for key in keys) == 3


NIGHT = QuietHours(time(22), time(7))
EVENING = round(datetime(2026, 11, 18, 21, 59, 30, tzinfo=CHINA).timestamp() * 1000)
MORNING = round(datetime(2026, 11, 19, 7, tzinfo=CHINA).timestamp() * 1000)
TO_LI = Receiver("li", "mail", "li@x.example", "zh", NIGHT)
CALL = Receiver("li", "call", "13800138000", "zh", NIGHT)


@pytest.mark.parametrize("severity", ["high", "urgent"])
def test_the_next_channel_keeps_the_quiet_hours_too(records: Records, severity: str) -> None:
    write_message(records, "a", TO_LI, CALL, now=EVENING, severity=severity)
    (first,) = claim(records, EVENING)
    late = EVENING + 45_000
    records.write(partial(mark_failed, message_id=first.id, error="no", retry_at=None, now=late))
    called = [one.channel for one in claim(records, late)]
    assert called == ([] if severity == "high" else ["call"])
    if severity == "high":
        assert rows(records)["a/call-0"].next_attempt_at == MORNING
        assert [one.channel for one in claim(records, MORNING)] == ["call"]


@pytest.mark.parametrize("severity", ["low", "urgent"])
def test_a_repetition_keeps_the_quiet_hours_too(records: Records, severity: str) -> None:
    write_message(records, "a", TO_LI, now=EVENING, severity=severity)
    (first,) = claim(records, EVENING)
    late = EVENING + 60_000
    records.write(partial(mark_failed, message_id=first.id, error="no", retry_at=late, now=EVENING))
    assert len(claim(records, late)) == (0 if severity == "low" else 1)
    if severity == "low":
        assert len(claim(records, MORNING - 1)) == 0
        assert len(claim(records, MORNING)) == 1


def test_what_waited_for_a_budget_keeps_the_quiet_hours_too(records: Records) -> None:
    li = replace(TO_LI, channel="ding", address="")
    for number in range(4):
        write_message(records, f"m{number}", li, now=EVENING)
    assert send_all(records, EVENING) == ["m0", "m1", "m2"]
    assert claim(records, EVENING + 61_000) == []
    assert [one.key for one in claim(records, MORNING)] == ["m3"]


def test_what_was_due_while_the_server_was_away_keeps_the_quiet_hours(records: Records) -> None:
    write_message(records, "a", TO_LI, now=EVENING)
    assert claim(records, EVENING + 3_600_000) == []
    assert len(claim(records, MORNING)) == 1


@pytest.mark.parametrize("zone", [CHINA, UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")])
def test_quiet_hours_survive_their_row(zone: tzinfo) -> None:
    quiet = QuietHours(time(22, 30), time(6, 15), zone)
    again = quiet_of(quiet_row(quiet))
    for hour in range(48):
        now = EVENING + hour * 3_600_000
        assert hold_until(again, "low", now) == hold_until(quiet, "low", now)
    assert quiet_of(None) is None


def test_a_digest_of_one_incident_keeps_its_link(records: Records) -> None:
    li = Receiver("li", "ding", "13800138000")
    for number, incident in enumerate([1, 1, 1, 7, 7]):
        write_message(records, f"m{number}", li, now=NOW, incident_id=incident)
    send_all(records, NOW)
    (digest,) = claim(records, NOW + 61_000)
    records.write(partial(mark_sent, message_id=digest.id, now=NOW + 61_000))
    assert (digest.kind, digest.incident_id, digest.payload["count"]) == ("digest", 7, 2)
    for number, incident in enumerate([7, 8, 9, 7, 8]):
        write_message(records, f"n{number}", li, now=NOW + 130_000, incident_id=incident)
    send_all(records, NOW + 130_000)
    (mixed,) = claim(records, NOW + 192_000)
    assert (mixed.kind, mixed.incident_id) == ("digest", None)
