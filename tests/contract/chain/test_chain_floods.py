"""Many alarms at once are one digest and the urgent ones; chattering is flagged."""

from collections.abc import Generator

import pytest

from protocols.reading import Quality
from server.alarms.model import Alarm, AlarmFlood
from server.assets.series import Sample
from server.incidents.model import Incident
from server.messages.model import Message
from tests.fakes.house import House


class Estate(House):
    number = 25

    def trip(self, *numbers: int, point: str = "temperature", value: float = 85.0) -> None:
        at = self.clock.now_ms()
        self.pipeline.on_samples(
            [Sample(self.pumps[number][point], value, Quality.GOOD, at) for number in numbers]
        )

    def live(self, seconds: float, *, step: float = 5) -> None:
        for _ in range(round(seconds / step)):
            self.advance(step)
            self.handling_timers.sweep()


@pytest.fixture
def estate(url: str) -> Generator[Estate]:
    estate = Estate(url)
    yield estate
    estate.records.close()


def kinds(estate: Estate) -> list[tuple[str, str]]:
    return [(row.kind, row.severity) for row in estate.all(Message) if row.receiver == "duty"]


@pytest.mark.long
@pytest.mark.size(20, 100)
def test_200_alarms_in_a_minute_are_one_digest_and_the_urgent_ones(url: str, size: int) -> None:
    estate = Estate(url, number=size)
    for first in range(0, size, 10):
        estate.trip(*range(first, first + 10))
        estate.trip(*range(first, first + 10), point="mode", value=2)
        estate.advance(5)
    estate.trip(15, point="fault", value=True)
    estate.live(70)
    alarms = 2 * size + 1
    assert estate.count(Alarm) == alarms
    told = kinds(estate)
    assert told[:10] == [("incident.opened", "high")] * 10
    assert told[10:] == [("incident.opened", "urgent"), ("alarms.flood", "high")]
    digest = estate.all(Message)[-1].payload
    assert digest["alarms"] == alarms
    assert digest["title_en"] == f"Alarm flood at estate: {alarms} new alarms"
    assert [one["count"] for one in digest["top"]] == [size, size, 1]
    estate.live(1200, step=60)
    assert kinds(estate) == told
    (flood,) = estate.all(AlarmFlood)
    assert flood.ended_at is not None
    assert (estate.kinds().count("alarms.flood_started"), flood.digests) == (1, 1)
    estate.records.close()


@pytest.mark.long
@pytest.mark.size(40, 100)
def test_a_flood_that_goes_on_has_a_digest_every_ten_minutes(url: str, size: int) -> None:
    estate = Estate(url, number=size)
    for first in range(0, size, 2):
        estate.trip(first, first + 1)
        estate.live(60, step=60)
    estate.live(1200, step=60)
    digests = [row for row in estate.all(Message) if row.kind == "alarms.flood"]
    duty = [row.payload["alarms"] for row in digests if row.receiver == "duty"]
    assert len(duty) == size // 20 + 1
    assert sum(duty) == estate.count(Incident) == size
    estate.records.close()


@pytest.mark.long
def test_a_flood_outlives_a_restart(estate: Estate) -> None:
    estate.trip(*range(15))
    estate.restart()
    estate.trip(*range(15, 20))
    estate.live(70)
    assert [kind for kind, _ in kinds(estate)] == ["incident.opened"] * 10 + ["alarms.flood"]


@pytest.mark.long
def test_ten_alarms_are_no_flood(estate: Estate) -> None:
    estate.trip(*range(10))
    estate.live(605)
    estate.trip(*range(10, 20))
    assert estate.count(AlarmFlood) == 0
    assert len(kinds(estate)) == 20


def test_chattering_is_flagged_with_the_off_delay_that_would_hold_it(house: House) -> None:
    for at in (0, 25):
        house.see("temperature", 85.0, at + 1)
        house.see("temperature", 20.0, at + 13)
    assert house.alarm().chattering
    assert house.alarm().proposed_off_delay_s == 20
    assert house.kinds().count("alarm.chattering") == 1
    house.see("temperature", 85.0, 51)
    assert house.kinds().count("alarm.chattering") == 1


def test_a_slow_alarm_does_not_chatter(house: House) -> None:
    for at in range(0, 600, 60):
        house.see("temperature", 85.0, at + 1)
        house.see("temperature", 20.0, at + 31)
    assert not house.alarm().chattering
