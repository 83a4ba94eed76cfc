"""Gaps are found before they arrive and told in words that a person can act on."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from config.channels import EmailChannel, TencentSmsChannel
from config.people import PeopleFile, PolicySettings
from config.server import MessageSettings, WebhookSettings
from server.people.channels import Channels, channel_names
from server.people.coverage import duty_gaps
from server.people.coverage_gaps import new_gaps, policy_gaps
from server.people.directory import Directory
from server.people.duty import Change

NOW = int(datetime(2026, 11, 25, 10, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
HOUR = 3_600_000
FILE = Path("unused")
MESSAGES = MessageSettings(
    webhooks=(WebhookSettings(name="hook", url="https://x", secret_file=FILE),),
    channels={
        "mail": EmailChannel(kind="email", host="localhost", sender="a@example.org"),
        "sms": TencentSmsChannel(
            kind="tencent_sms",
            secret_id="a",
            secret_key_file=FILE,
            app_id="1",
            sign_name="a",
            template="1",
        ),
    },
)
CHANNELS = [{"channel": "email", "address": "x@example.org"}]


def person(name: str, role: str = "engineer", **more: Any) -> dict[str, Any]:
    return {"name": name, "role": role, "channels": CHANNELS, **more}


def directory(
    *shifts: dict[str, Any],
    persons: dict[str, Any] | None = None,
    changes: list[Change] | None = None,
    channels: Channels = None,
    **more: Any,
) -> Directory:
    everybody = {
        "wang": person("Wang"),
        "sun": person("Sun"),
        "li": person("Li", "lead"),
        "zhao": person("Zhao", "manager"),
        **(persons or {}),
    }
    lifts = {"name": "Lifts", "trades": ["lift"], "shifts": shifts, **more}
    people = PeopleFile.model_validate(
        {"persons": everybody, "rosters": {"lifts": lifts} if shifts else {}}
    )
    return Directory(people, {"lifts": changes or []}, channels)


def texts(of: Directory, site: str | None = None, trade: str | None = "lift") -> list[str]:
    return [gap.text_en for gap in duty_gaps(of, site, trade, now=NOW)]


WEEK = {"start": "08:00", "end": "20:00", "persons": ["wang"]}
NIGHTS = {
    "start": "20:00",
    "end": "08:00",
    "persons": ["sun"],
    "days": ["mon", "tue", "wed", "thu", "fri", "sun"],
}


def test_a_night_without_anybody_is_named_once_by_its_weekday() -> None:
    of = directory(WEEK, NIGHTS)
    assert texts(of) == ["Nobody is on duty for lifts from Sat 20:00 to Sun 08:00"]
    (gap,) = duty_gaps(of, None, "lift", now=NOW)
    assert gap.text_zh == "周六 20:00 至周日 08:00 电梯无人值班"
    assert gap.start is not None
    assert gap.start - NOW == (3 * 24 + 10) * HOUR


def test_the_same_hours_of_every_day_are_one_gap() -> None:
    assert texts(directory(WEEK)) == ["Nobody is on duty for lifts every day from 20:00 to 08:00"]


def test_round_the_clock_leaves_nothing() -> None:
    assert texts(directory({"start": "00:00", "end": "00:00", "persons": ["wang"]})) == []


def test_no_roster_is_nobody_at_any_time() -> None:
    assert texts(directory(), "garden", "fire") == [
        "Nobody is on duty for fire protection at garden at any time"
    ]


def test_a_single_day_is_named_by_its_date() -> None:
    off = Change(NOW + 48 * HOUR, NOW + 50 * HOUR, off="wang", on=None)
    of = directory({"start": "00:00", "end": "00:00", "persons": ["wang"]}, changes=[off])
    assert texts(of) == [
        "Nobody is on duty for lifts from Fri 2026-11-27 10:00 to Fri 2026-11-27 12:00"
    ]


def test_who_has_no_channel_covers_nothing() -> None:
    mute = {"sun": person("Sun", channels=[])}
    of = directory(WEEK, {**NIGHTS, "days": []}, persons=mute)
    assert texts(of) == [
        "Nobody on duty for lifts has a channel every day from 20:00 to 08:00 (Sun)"
    ]


def test_a_channel_that_the_server_does_not_have_covers_nothing() -> None:
    of = directory({**WEEK, "end": "08:00"}, channels=channel_names(MessageSettings()))
    assert texts(of) == ["Nobody on duty for lifts has a channel at any time (Wang)"]


@pytest.mark.parametrize(
    ("way", "reached"),
    [
        ({"channel": "mail", "address": "wang@example.org"}, True),
        ({"channel": "email", "address": "wang@example.org"}, True),
        ({"channel": "mail"}, False),  # it has only the phone's number
        ({"channel": "mail", "address": "wang"}, False),
        ({"channel": "sms"}, True),
        ({"channel": "sms", "address": "wang@example.org"}, False),
        ({"channel": "hook"}, True),
        ({"channel": "webhook"}, False),  # which one?
        ({"channel": "webhook", "address": "hook"}, True),
        ({"channel": "pigeon"}, False),
    ],
)
def test_only_an_address_that_fits_its_channel_reaches_somebody(
    way: dict[str, str],
    reached: bool,  # noqa: FBT001
) -> None:
    wang = {"wang": person("Wang", phone="138 0013 8000", channels=[way])}
    of = directory({**WEEK, "end": "08:00"}, persons=wang, channels=channel_names(MESSAGES))
    missing = ["Nobody on duty for lifts has a channel at any time (Wang)"]
    assert texts(of) == ([] if reached else missing)


def test_a_roster_of_the_trade_whose_people_cannot_be_reached_precedes_the_house_roster() -> None:
    mute = {"wang": person("Wang", channels=[])}
    of = _with_house(directory(WEEK, persons=mute))
    assert of.on_duty(None, "lift", NOW) == ["wang"]
    assert texts(of) == [
        "Nobody on duty for lifts has a channel every day from 08:00 to 20:00 (Wang)"
    ]
    assert texts(of, trade="fire") == []


def _with_house(of: Directory) -> Directory:
    """The same with Sun always on duty for everything."""
    house = {"name": "House", "shifts": [{"start": "00:00", "end": "00:00", "persons": ["sun"]}]}
    rosters = {**of.people.rosters, **_rosters({"house": house}, of.people)}
    return Directory(of.people.model_copy(update={"rosters": rosters}), of.changes, of.channels)


def test_only_what_was_no_gap_before_is_a_new_one() -> None:
    nights = {**NIGHTS, "days": []}
    before, after = directory(WEEK, nights), directory(WEEK, NIGHTS)
    text = "Nobody is on duty for lifts from Sat 20:00 to Sun 08:00"
    assert [one.text_en for one in new_gaps(before, after, now=NOW)] == [text]
    assert new_gaps(after, before, now=NOW) == []
    assert new_gaps(after, after, now=NOW) == []
    # Half a gap is filled: what is left is not new, however it would be grouped.
    some = directory(WEEK, {**NIGHTS, "days": ["mon"]})
    assert new_gaps(directory(WEEK), some, now=NOW) == []


def test_a_roster_of_all_trades_fills_the_gaps_of_one() -> None:
    of = _with_house(directory(WEEK))
    assert texts(of) == []
    assert of.on_duty(None, "lift", NOW) == ["wang"]
    assert of.on_duty(None, "lift", NOW + 12 * HOUR) == ["sun"]
    assert of.on_duty(None, "fire", NOW) == ["sun"]


def _rosters(rosters: dict[str, Any], people: PeopleFile) -> dict[str, Any]:
    whole = PeopleFile.model_validate({"persons": people.persons, "rosters": rosters})
    return whole.rosters


@pytest.mark.parametrize(
    ("who", "persons"),
    [
        ("on_duty", ["wang"]),
        ("on_duty:fire", []),
        ("leader", ["li"]),
        ("manager", ["zhao"]),
        ("contractor", ["up"]),
        ("person:sun", ["sun"]),
        ("person:nobody", []),
        ("team:none", []),
    ],
)
def test_the_words_of_a_policy_mean_people(who: str, persons: list[str]) -> None:
    of = directory(
        WEEK,
        persons={
            "up": person("Up Ltd", "contractor", trades=["lift"]),
            "warm": person("Warm Ltd", "contractor", trades=["heating"]),
        },
    )
    assert of.resolve(who, site="garden", trade="lift", at=NOW) == persons


def test_the_leader_of_the_shift_goes_before_the_role() -> None:
    of = directory({**WEEK, "leader": "sun"}, manager="wang")
    assert of.leaders(None, "lift", NOW) == ["sun"]
    assert of.leaders(None, "lift", NOW + 12 * HOUR) == ["li"]
    assert of.managers(None, "lift") == ["wang"]


def policy(*who: str, **more: Any) -> PolicySettings:
    return PolicySettings.model_validate({"steps": [{"after_s": 0, "who": who, **more}]})


def test_the_step_of_a_policy_that_reaches_nobody_is_named() -> None:
    of = directory(WEEK, NIGHTS)
    assert policy_gaps(of, policy("manager"), now=NOW) == []
    assert [one.text_en for one in policy_gaps(of, policy("contractor"), now=NOW)] == [
        "Step 1 (contractor) reaches nobody who has a channel"
    ]
    assert [one.text_en for one in policy_gaps(of, policy("on_duty"), now=NOW)] == [
        "Nobody is on duty for lifts from Sat 20:00 to Sun 08:00"
    ]
    assert policy_gaps(of, policy("on_duty", "person:li"), now=NOW) == []
    by_sms = policy_gaps(of, policy("manager", channels=["sms"]), now=NOW)
    assert [one.kind for one in by_sms] == ["nobody_has_a_channel"]


def test_a_file_says_where_it_names_somebody_who_is_not_there() -> None:
    with pytest.raises(ValidationError, match=r"rosters\.r\.shifts\.0\.persons\.0: no person 'x'"):
        PeopleFile.model_validate(
            {"rosters": {"r": {"name": "r", "shifts": [{**WEEK, "persons": ["x"]}]}}}
        )
