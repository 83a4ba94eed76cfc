"""The figures count what people were told, and the past stays as it was."""

from collections.abc import Generator

import pytest
from sqlalchemy.orm import Session

from server.alarms.figures import BIN_MS, announced, explained, figures_of, on_trial, stale
from server.alarms.figures import Flooding as Limits
from server.assets.model import Equipment, Site
from tests.fakes.estate import Estate
from tests.fakes.house import House

DAY = 86_400_000


def span(house: House) -> dict[str, int]:
    return {"start": house.start // BIN_MS * BIN_MS, "end": house.clock.now_ms() + DAY}


def test_each_announcement_counts_where_it_was_made(house: House) -> None:
    """Five onsets of an alarm that nobody acknowledged, in five bins."""
    for _ in range(5):
        now = (house.clock.now_ms() - house.start) / 1000
        house.see("temperature", 85.0, now)
        house.advance(60)
        house.see("temperature", 20.0, now + 60)
        house.advance(540)
    found = house.records.read(lambda session: announced(session, **span(house)))
    assert len(found) == 5
    made = figures_of(
        found, **span(house), operators=1, sites=1, flooding=Limits(starts=10, ends=5)
    )
    assert [one.alarms for one in made.bins[:5]] == [1] * 5
    assert made.top[0].alarms == 5
    before = house.records.read(
        lambda session: announced(session, start=0, end=house.start + BIN_MS)
    )
    house.see("temperature", 85.0, (house.clock.now_ms() - house.start) / 1000)
    after = house.records.read(
        lambda session: announced(session, start=0, end=house.start + BIN_MS)
    )
    assert before == after


@pytest.fixture
def estates(url: str) -> Generator[Estate]:
    """Pumps 7 and 8 are at another site."""
    estate = Estate(url)
    estate.report(estate.every)

    def move(session: Session) -> None:
        session.add(Site(id=2, key="other"))
        session.flush()
        for pump in (7, 8):
            session.get_one(Equipment, pump).site_id = 2

    estate.do(move)
    yield estate
    estate.records.close()


def test_each_figure_is_about_the_site_that_was_asked_for(estates: Estate) -> None:
    estates.feed(1, 2)
    estates.feed(7, 8)
    for pump in (1, 7):
        estates.read(pump, "mode", 2)
    for pump in (2, 8):
        estates.read(pump, "temperature", 85.0)
    estates.change_rule("low_level", {"mode": "monitor", "on_delay_s": 0})
    estates.read(3, "level", 0.1)
    estates.read(8, "level", 0.1)
    estates.live(20)

    def of(site: int | None) -> tuple[int, dict[str, int], dict[str, int], int]:
        def read(session: Session) -> tuple[int, dict[str, int], dict[str, int], int]:
            within = [] if site is None else [Equipment.site_id == site]
            old = stale(session, now=estates.clock.now_ms() + 2 * DAY, within=within)
            return (
                len(announced(session, **span(estates), within=within)),
                explained(session, **span(estates), within=within),
                on_trial(session, **span(estates), within=within),
                len(old),
            )

        return estates.records.read(read)

    one, other = {"power:estate/gw/pump1:mode": 1}, {"power:estate/gw/pump7:mode": 1}
    assert of(1) == (1, one, {"pump.low_level": 1}, 1)
    assert of(2) == (1, other, {"pump.low_level": 1}, 1)
    assert of(None) == (2, one | other, {"pump.low_level": 2}, 2)


def test_what_was_explained_stays_in_the_figures_after_its_release(estates: Estate) -> None:
    estates.feed(1, 2)
    estates.read(1, "mode", 2)
    estates.read(2, "temperature", 85.0)
    estates.live(20)
    estates.read(1, "mode", 1)
    estates.live(80)
    assert estates.hidden() == {}
    found = estates.records.read(lambda session: explained(session, **span(estates)))
    assert found == {"power:estate/gw/pump1:mode": 1}
