"""What a flood holds back is held back for a while, and life safety never is."""

from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.load import load_classes
from server.alarms.model import Alarm, AlarmFlood
from server.incidents.model import Incident, IncidentStep
from server.incidents.service import acknowledge_incident
from server.messages.model import Message
from server.people.directory import Directory
from server.people.service import load_directory
from tests.contract.chain.test_chain_floods import Estate, kinds
from tests.contract.chain.test_chain_shelving import variant
from tests.fakes.duty_house import load, person, staff

FLOOD = range(15)
"""Pumps that make the flood; the others are well."""
OTHER = 18
LIFE_SAFETY = [
    (f"{name}.{rule}", body)
    for name, one in load_classes().items()
    for rule, body in one.rules.items()
    if body.life_safety
]


@pytest.fixture
def estate(url: str) -> Generator[Estate]:
    estate = Estate(url)
    yield estate
    estate.records.close()


def called(estate: Estate, pump: int) -> list[str]:
    """Names of the persons whom the steps of a pump's incidents called, in order."""

    def read(session: Session) -> list[str]:
        query = select(IncidentStep).join(Incident, Incident.id == IncidentStep.incident_id)
        rows = session.scalars(
            query.where(Incident.equipment_id == pump + 1).order_by(IncidentStep.id)
        )
        return [one["name"] for row in rows for one in row.notified.values()]

    return estate.records.read(read)


def digests(estate: Estate, receiver: str = "duty") -> list[int]:
    return [
        row.payload["alarms"]
        for row in estate.all(Message)
        if row.kind == "alarms.flood" and row.receiver == receiver
    ]


def deferred(estate: Estate) -> int:
    return estate.records.read(
        lambda session: session.scalar(select(func.count(Incident.deferred_call_at))) or 0
    )


@pytest.mark.long
@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "rule"), LIFE_SAFETY, ids=[name for name, _ in LIFE_SAFETY])
def test_an_alarm_of_life_safety_has_messages_of_its_own_in_a_flood(
    estate: Estate, name: str, rule: Any
) -> None:
    assert name
    estate.classes = variant("manual", severity=rule.severity.value, life_safety=True, cause="fire")
    estate.restart()
    load(estate, staff())
    estate.trip(*FLOOD)
    before = len(kinds(estate))
    estate.trip(OTHER, point="mode", value=2)
    assert kinds(estate)[before:] == [("incident.opened", rule.severity)]
    assert called(estate, OTHER) == ["Wang"]


@pytest.mark.long
def test_life_safety_calls_for_an_incident_whose_call_a_flood_deferred(estate: Estate) -> None:
    estate.classes = variant("manual", severity="high", life_safety=True, cause="motor")
    estate.restart()
    load(estate, staff())
    estate.trip(*FLOOD, OTHER)
    assert called(estate, OTHER) == []
    estate.trip(OTHER, point="mode", value=2)
    assert called(estate, OTHER) == ["Wang"]
    assert deferred(estate) == len(FLOOD) - 10


@pytest.mark.long
def test_who_was_not_called_in_a_flood_is_called_when_it_is_over(estate: Estate) -> None:
    load(estate, staff())
    estate.trip(*FLOOD)
    assert [called(estate, pump) for pump in (9, 10)] == [["Wang"], []]
    estate.live(590, step=59)
    assert called(estate, 10) == []
    estate.live(60, step=30)
    assert estate.all(AlarmFlood)[0].ended_at is not None
    assert [called(estate, pump) for pump in FLOOD if pump >= 10] == [["Wang"]] * 5
    assert deferred(estate) == 0


@pytest.mark.long
def test_what_comes_back_in_a_flood_is_called_when_it_is_over(estate: Estate) -> None:
    load(estate, staff())
    estate.trip(OTHER)
    estate.shelve(minutes=2)
    estate.trip(*FLOOD)
    estate.live(150, step=30)
    assert called(estate, OTHER) == ["Wang"]
    assert estate.all(Incident)[0].acknowledged_at is None
    estate.live(900, step=60)
    assert called(estate, OTHER) == ["Wang", "Wang"]


@pytest.mark.long
def test_what_becomes_graver_in_a_flood_is_called_anew_when_it_is_over(estate: Estate) -> None:
    estate.classes = variant("manual", cause="motor", severity="low")
    estate.restart()
    load(estate, staff())
    estate.trip(OTHER, point="mode", value=2)
    estate.trip(*FLOOD)
    estate.trip(OTHER)
    assert called(estate, OTHER) == ["Wang"]
    estate.live(900, step=60)
    assert called(estate, OTHER) == ["Wang", "Wang"]
    (first, *_) = estate.all(Incident)
    assert (first.policy or {})["key"] == "default-heating-high"


@pytest.mark.long
def test_whoever_answers_in_the_flood_is_not_called_after_it(estate: Estate) -> None:
    load(estate, staff())
    estate.trip(*FLOOD)
    number = next(one.id for one in estate.all(Incident) if one.equipment_id == 13)
    estate.do(
        lambda session: acknowledge_incident(session, number, by="li", now=estate.clock.now_ms())
    )
    estate.live(900, step=60)
    assert called(estate, 12) == []
    assert called(estate, 13) == ["Wang"]


@pytest.mark.long
def test_the_tail_of_a_flood_is_announced_before_it_ends(estate: Estate) -> None:
    estate.trip(*FLOOD)
    estate.live(70, step=35)
    assert digests(estate) == [15]
    estate.trip(20, 21, 22)
    estate.live(660, step=60)
    assert estate.all(AlarmFlood)[0].ended_at is not None
    assert digests(estate) == [15, 3]
    estate.live(1200, step=60)
    assert digests(estate) == [15, 3]


@pytest.mark.long
def test_an_alarm_that_is_committed_late_is_in_the_next_digest(estate: Estate) -> None:
    estate.trip(*FLOOD)
    estate.live(60, step=30)
    assert digests(estate) == [15]
    # It was judged before the digest left and waited for its turn to be written.
    late = estate.clock.now_ms() - 1000
    estate.trip(20)
    estate.do(
        lambda session: setattr(
            session.scalars(select(Alarm).where(Alarm.equipment_id == 21)).one(),
            "announced_at",
            late,
        )
    )
    estate.live(900, step=60)
    assert digests(estate) == [15, 1]


def only_heating() -> dict[str, Any]:
    content = staff()
    content["rosters"]["house"]["trades"] = ["heating"]
    return content


@pytest.mark.long
def test_the_digest_reaches_who_is_on_duty_for_its_trades(estate: Estate) -> None:
    load(estate, only_heating())
    estate.trip(*FLOOD)
    estate.live(70, step=35)
    assert digests(estate, "Wang") == [15]
    assert digests(estate, "Li") == []


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(("gone", "reader"), [(0, "Li"), (1, "Zhao"), (2, None)])
def test_without_anybody_on_duty_the_digest_climbs_and_its_end_is_an_event(
    estate: Estate, gone: int, reader: str | None
) -> None:
    content = staff()
    del content["rosters"]
    for key in ["li", "zhao"][:gone]:
        content["persons"][key] = person(key, channels=[])
    load(estate, content)
    estate.trip(*FLOOD)
    estate.live(70, step=35)
    people = {row.receiver for row in estate.all(Message) if row.kind == "alarms.flood"}
    assert people - {"duty", "chief"} == ({reader} if reader else set())
    assert estate.kinds().count("alarms.flood_unheard") == (0 if reader else 1)


@pytest.mark.long
def test_the_calls_after_a_flood_leave_room_for_alarms_in_between(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = Estate(url, number=40)
    load(estate, staff())
    estate.trip(*range(40))
    estate.clock.advance(660)
    estate.do(lambda session: estate.notifier.end_floods(session, now=estate.clock.now_ms()))
    assert deferred(estate) == 30
    loads: list[Directory] = []

    def counted(*arguments: Any) -> Directory:
        loads.append(load_directory(*arguments))
        return loads[-1]

    for module in ("server.alarming.announcements", "server.incidents.escalation"):
        monkeypatch.setattr(f"{module}.load_directory", counted)

    def slice_() -> int:
        return estate.do(
            lambda session: estate.notifier.make_deferred_calls(session, now=estate.clock.now_ms())
        )

    assert [slice_() for _ in range(3)] == [20, 10, 0]
    assert len(loads) == 2
    estate.records.close()
