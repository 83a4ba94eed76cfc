"""Hours without anybody are reported to the manager, once a day."""

from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.people import PeopleFile
from config.server import MessageSettings
from server.core.model import Event, Timer
from server.core.records import Records
from server.core.timer_sweep import TimerSweep
from server.jobs.coverage import KIND, CoverageCheck
from server.messages.model import Message
from server.people.service import import_people
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.pump_room import CLASSES, install

DAY_S = 86_400
ZONE = ZoneInfo("Asia/Shanghai")
HOOK = {"name": "duty", "url": "http://127.0.0.1:9/", "secret_file": "s", "severities": []}
MESSAGES = MessageSettings.model_validate({"webhooks": [HOOK]})


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        install(opened)
        yield opened


def staff(records: Records, clock: FakeClock, end: str, **more: Any) -> None:
    """Wang is on duty from eight o'clock; Zhao manages."""
    ways = [{"channel": "duty"}]
    shift = {"start": "08:00", "end": end, "persons": ["wang"]}
    roster = {
        "name": "Heating",
        "trades": ["heating"],
        "shifts": [shift],
        "manager": "zhao",
        "accept_gaps": True,
    }
    content: dict[str, Any] = {
        "persons": {
            "wang": {"name": "Wang", "channels": ways},
            "zhao": {"name": "Zhao", "channels": ways, "languages": ["en"]},
        },
        "rosters": {"heating": roster},
    }
    for key, one in more.items():
        content["persons"][key] = content["persons"].get(key, {}) | one
    people = PeopleFile.model_validate(content)
    records.write(lambda session: import_people(session, people, by="t", now=clock.now_ms()))


def started(records: Records, clock: FakeClock) -> TimerSweep:
    check = CoverageCheck(records, CLASSES, MESSAGES, clock)
    check.start()
    sweep = TimerSweep(records, {KIND: check.on_timer}, clock)
    sweep.sweep()
    return sweep


def rows(records: Records, table: type[Any]) -> list[Any]:
    def read(session: Session) -> list[Any]:
        return list(session.scalars(select(table)))

    return records.read(read)


def missing(records: Records) -> list[Event]:
    return [event for event in rows(records, Event) if event.kind == "coverage.missing"]


def test_the_manager_hears_which_hours_of_what_the_estate_has_are_empty(records: Records) -> None:
    clock = FakeClock()
    staff(records, clock, "20:00")
    started(records, clock)
    (event,) = missing(records)
    (gap,) = event.payload["gaps"]
    assert event.payload["holes"] == event.payload["gaps"]  # the earlier name
    text = "Nobody is on duty for heating at estate every day from 20:00 to 08:00"
    assert gap["text_en"] == text
    (message,) = rows(records, Message)
    assert (message.receiver, message.channel, message.language) == ("Zhao", "duty", "en")
    assert message.payload["title_en"] == text


def at(text: str) -> FakeClock:
    """A clock that shows this local time."""
    return FakeClock(round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000))


def test_it_is_reported_again_at_nine_the_next_day_and_not_before(records: Records) -> None:
    clock = at("2026-11-25 15:00")
    staff(records, clock, "20:00")
    sweep = started(records, clock)
    started(records, clock)
    clock.advance(18 * 3600 - 1)
    sweep.sweep()
    assert len(rows(records, Message)) == 1
    clock.advance(1)
    sweep.sweep()
    assert len(rows(records, Message)) == 2
    assert [row.key for row in rows(records, Timer)] == [KIND]


def test_a_restart_at_night_disturbs_nobody(records: Records) -> None:
    clock = at("2026-11-25 09:00")
    staff(records, clock, "20:00")
    started(records, clock)
    clock.advance(18 * 3600)
    started(records, clock)
    assert len(rows(records, Message)) == 1


def test_quiet_hours_hold_it_back(records: Records) -> None:
    clock = at("2026-11-25 07:00")
    staff(records, clock, "20:00", zhao={"quiet_hours": {"start": "20:00", "end": "10:00"}})
    started(records, clock)
    (message,) = rows(records, Message)
    assert message.next_attempt_at == clock.now_ms() + 3 * 3_600_000


def test_a_day_on_which_the_server_was_down_is_made_up_for(records: Records) -> None:
    clock = FakeClock()
    staff(records, clock, "20:00")
    sweep = started(records, clock)
    clock.advance(3 * DAY_S)
    sweep.sweep()
    sweep.sweep()
    assert len(rows(records, Message)) == 2


@pytest.mark.parametrize(
    ("persons", "notified"),
    [
        ({"zhao": {"channels": []}, "li": {"name": "Li", "role": "lead"}}, "Li"),
        ({"zhao": {"channels": []}}, "Wang"),
    ],
)
def test_without_a_manager_leads_hear_of_it_and_without_them_those_on_duty(
    records: Records, persons: dict[str, Any], notified: str
) -> None:
    clock = at("2026-11-25 15:00")
    if "li" in persons:
        persons["li"]["channels"] = [{"channel": "duty"}]
    staff(records, clock, "20:00", **persons)
    started(records, clock)
    assert [row.receiver for row in rows(records, Message)] == [notified]


def test_a_packaged_policy_that_climbs_to_nobody_is_missing_something(records: Records) -> None:
    clock = FakeClock()
    staff(records, clock, "08:00", zhao={"channels": []})
    started(records, clock)
    (event,) = missing(records)
    (gap,) = event.payload["gaps"]
    assert event.payload["holes"] == event.payload["gaps"]  # the earlier name
    assert gap["text_en"] == (
        "Nobody is called after those on duty for heating at estate: "
        "no leader and no manager has a channel"
    )


def test_a_whole_roster_is_no_news(records: Records) -> None:
    clock = FakeClock()
    staff(records, clock, "08:00")
    started(records, clock)
    assert missing(records) == []


def test_a_house_without_people_misses_nobody(records: Records) -> None:
    started(records, FakeClock())
    assert missing(records) == []
    assert rows(records, Message) == []
