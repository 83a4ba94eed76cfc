"""Who leaves, who comes, and who goes on with what is open when a shift changes."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.classes import Severity
from config.people import PeopleFile
from server.people.directory import Directory
from server.people.duty import Change
from server.workorders.assignees import AssigneeKind
from server.workorders.shift_change import (
    Proposal,
    Unfinished,
    Whereto,
    change_at,
    changes_near,
    nearest,
    proposals,
)

HOUR = 3_600_000
PERSON, CONTRACTOR = AssigneeKind.PERSON, AssigneeKind.CONTRACTOR
DAY_SHIFT = {"start": "08:00", "end": "20:00", "persons": ["an", "bo"], "leader": "li"}
NIGHT_SHIFT = {"start": "20:00", "end": "08:00", "persons": ["chen", "deng"]}
PEOPLE: dict[str, Any] = {
    "persons": {
        "an": {"name": "An"},
        "bo": {"name": "Bo"},
        "chen": {"name": "Chen", "trades": ["plumbing", "heating"]},
        "deng": {"name": "Deng", "trades": ["electrical", "plumbing"]},
        "li": {"name": "Li", "role": "lead"},
        "office": {"name": "Office"},
        "lifts": {"name": "Lifts", "role": "contractor"},
    },
    "rosters": {"house": {"name": "House", "shifts": [DAY_SHIFT, NIGHT_SHIFT]}},
}
HOUSE = Directory(PeopleFile.model_validate(PEOPLE))


def at(text: str) -> int:
    zone = ZoneInfo("Asia/Shanghai")
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


EVENING = at("2026-11-23 20:00")


def open_work(
    holder: str | None, trade: str = "plumbing", severity: str = "medium", **more: Any
) -> Unfinished:
    kind = None if holder is None else more.pop("kind", PERSON)
    return Unfinished(trade, Severity(severity), holder, kind, **more)


def proposed(*work: Unfinished, house: Directory = HOUSE, **load: int) -> list[Proposal]:
    return proposals(work, house, "garden", EVENING, load=load)


def test_the_shift_that_ends_goes_over_to_the_one_that_begins() -> None:
    change = change_at(HOUSE, "garden", EVENING)
    assert (change.leaving, change.present) == (("an", "bo", "li"), ("chen", "deng"))
    near = changes_near(HOUSE, "garden", at("2026-11-23 19:10"))
    assert [one.at for one in near] == [at("2026-11-23 08:00"), EVENING]
    assert nearest(near, at("2026-11-23 19:10")) == change
    assert nearest(near, at("2026-11-23 14:00")) == change  # the later of two
    assert nearest([], EVENING) is None


def test_whoever_stays_on_duty_does_not_leave() -> None:
    swap = Change(EVENING, EVENING + 12 * HOUR, off="chen", on="an")
    house = Directory(HOUSE.people, {"house": [swap]})
    change = change_at(house, "garden", EVENING)
    assert (change.leaving, change.present) == (("bo", "li"), ("an", "deng"))
    assert proposed(open_work("an"), house=house) == [Proposal(None, Whereto.ON_DUTY)]


def test_an_estate_has_the_changes_of_its_own_rosters() -> None:
    people = PEOPLE | {
        "rosters": {
            "house": PEOPLE["rosters"]["house"] | {"sites": ["harbour"]},
            "lift": {
                "name": "Lift",
                "trades": ["lift"],
                "sites": ["garden"],
                "shifts": [{"start": "06:00", "end": "18:00", "persons": ["an"]}],
            },
        }
    }
    house = Directory(PeopleFile.model_validate(people))
    near = changes_near(house, "garden", EVENING)
    assert [(one.at, one.leaving) for one in near] == [(at("2026-11-23 18:00"), ("an",))]


def test_it_goes_to_the_trade_and_to_who_has_the_fewest() -> None:
    found = proposed(
        open_work("an", "electrical"),
        open_work("an", "heating"),
        open_work("an"),
        open_work("bo"),
        chen=1,
        deng=1,
    )
    assert [one.to for one in found] == ["deng", "chen", "chen", "deng"]
    assert {one.why for one in found} == {Whereto.OFF_DUTY}


def test_what_is_more_severe_is_given_first() -> None:
    found = proposed(open_work("an"), open_work("bo", severity="urgent"), chen=0, deng=1)
    assert [one.to for one in found] == ["chen", "chen"]
    found = proposed(open_work("an"), open_work("bo", severity="urgent"), chen=0, deng=0)
    assert [one.to for one in found] == ["deng", "chen"]


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (open_work(None), Whereto.UNASSIGNED),
        (open_work("chen"), Whereto.ON_DUTY),
        (open_work("office"), Whereto.WITHOUT_SHIFT),
        (open_work("login", kind=AssigneeKind.USER), Whereto.WITHOUT_SHIFT),
        (open_work("lifts", kind=CONTRACTOR), Whereto.CONTRACTOR),
        (open_work("an", appointment_at=at("2026-11-24 09:00")), Whereto.APPOINTMENT),
        (open_work("an", appointment_at=at("2026-11-24 21:00")), Whereto.OFF_DUTY),
        (open_work("an", appointment_at=at("2026-11-23 09:00")), Whereto.OFF_DUTY),  # is past
        (open_work("gone"), Whereto.OFF_DUTY),
        (open_work("li"), Whereto.OFF_DUTY),
    ],
)
def test_what_stays_says_why(work: Unfinished, why: Whereto) -> None:
    (found,) = proposed(work)
    assert found.why is why
    assert (found.to is not None) is (why in {Whereto.OFF_DUTY, Whereto.UNASSIGNED})


def test_where_nobody_comes_nothing_goes() -> None:
    rosters = {"house": {"name": "House", "shifts": [DAY_SHIFT]}}
    house = Directory(PeopleFile.model_validate(PEOPLE | {"rosters": rosters}))
    assert proposed(open_work("an"), house=house) == [Proposal(None, Whereto.NOBODY)]
    empty = Directory(PeopleFile.model_validate({"persons": PEOPLE["persons"]}))
    assert proposed(open_work("an"), house=empty) == [Proposal(None, Whereto.WITHOUT_SHIFT)]
    assert changes_near(empty, "garden", EVENING) == []


_HOLDERS = st.sampled_from([None, "an", "bo", "chen", "deng", "li", "office", "gone"])
_WORK = st.lists(
    st.builds(
        open_work,
        _HOLDERS,
        st.sampled_from(["plumbing", "lift", "electrical"]),
        st.sampled_from(["urgent", "high", "low"]),
    ),
    max_size=12,
)


@given(work=_WORK, when=st.integers(0, 47))
def test_only_who_is_there_gets_something_and_nobody_far_more_than_another(
    work: list[Unfinished], when: int
) -> None:
    now = EVENING + when * HOUR
    found = proposals(work, HOUSE, "garden", now, load={})
    present = change_at(HOUSE, "garden", now).present
    assert len(found) == len(work)
    for one, proposal in zip(work, found, strict=True):
        if proposal.to is not None:
            assert proposal.to in present
            assert proposal.to != one.holder
            trades = HOUSE.people.persons[proposal.to].trades
            others = [HOUSE.people.persons[key].trades for key in present]
            able = [key for key in others if not key or one.trade in key]
            assert not able or not trades or one.trade in trades
    counts = [sum(one.to == key for one in found) for key in present]
    if all(one.trade == "plumbing" for one in work):
        assert max(counts) - min(counts) <= 1
