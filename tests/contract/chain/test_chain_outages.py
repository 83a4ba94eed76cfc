"""A gateway, a line or a feeder that fails is one announced cause; its children are counted."""

from collections.abc import Generator

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from config.load import load_classes
from protocols.reading import Quality
from server.alarms.model import Alarm
from server.assets.model import Equipment, Gateway, Point, PowerLink
from server.assets.series import CONNECTION, Sample, Series
from server.core.model import Message
from server.incidents.model import Incident
from tests.fakes.house import House
from tests.fakes.pump_room import CLASSES

GATEWAY = 900


class Estate(House):
    """Many pumps behind one gateway; half of them on each of two lines."""

    number = 8
    classes = {**CLASSES, "gateway": load_classes()["gateway"]}  # noqa: RUF012

    @property
    def every(self) -> range:
        """Numbers of the pumps."""
        return range(1, self.number + 1)

    def boot(self) -> None:
        self.gateway = Series(
            9000,
            key="estate/gw/connection",
            name=CONNECTION,
            equipment_id=GATEWAY,
            max_silence_ms=None,
        )
        self.do(self._add_gateway)
        super().boot()
        self.engine.attach(self.gateway, equipment_class="gateway")

    def _add_gateway(self, session: Session) -> None:
        if session.get(Equipment, GATEWAY) is not None:
            return
        row = Equipment(
            id=GATEWAY,
            key="estate/gw",
            site_id=1,
            gateway_id=1,
            equipment_class="gateway",
            profile="",
            name_en="Gateway",
            name_zh="网关",
            online=True,
            since_at=0,
            reason="",
        )
        session.add(row)
        session.flush()
        session.add(
            Point(
                id=9000,
                key="estate/gw/connection",
                equipment_id=GATEWAY,
                name=CONNECTION,
                datatype=11,
                unit="",
                name_en="c",
                name_zh="c",
                max_silence_ms=None,
            )
        )
        for number in self.every:
            session.get_one(Equipment, number).port = "a" if number <= self.number / 2 else "b"

    def connect(self, numbers: range, *, online: bool, gateway: bool = False) -> None:
        """Rows first, then the alarms, as the ingest does it."""
        now = self.clock.now_ms()
        ids = [*numbers, GATEWAY] if gateway else [*numbers]

        def write(session: Session) -> None:
            values = {"online": online, "since_at": now}
            session.execute(update(Equipment).where(Equipment.id.in_(ids)).values(**values))
            if gateway:
                session.execute(update(Gateway).values(**values))

        self.do(write)
        series = [self.pumps[number - 1][CONNECTION] for number in numbers]
        if gateway:
            series.append(self.gateway)
        for one in series:
            one.last_at, one.last_value, one.last_quality = now, online, Quality.GOOD
        self.chain.on_samples([Sample(one, online, Quality.GOOD, now) for one in series])

    def report(self, numbers: range, pressure: float = 3.0) -> None:
        now = self.clock.now_ms()
        for number in numbers:
            series = self.pumps[number - 1]["pressure"]
            series.last_at = series.seen_at = now
            series.last_value, series.last_quality = pressure, Quality.GOOD
            self.chain.on_samples([Sample(series, pressure, Quality.GOOD, now)])

    def live(self, seconds: int) -> None:
        """Time passes with all that the server does again and again."""
        step = 5 if seconds > 10 else 1
        for _ in range(seconds // step):
            self.advance(step)
            self.chain.on_silence()
            self.handling_timers.sweep()

    def told(self) -> list[str]:
        return [row.payload["incident"]["equipment_key"] for row in self.all(Message)]


class LargeEstate(Estate):
    """72 pumps with seven points each: 504."""

    number = 72


@pytest.fixture
def estate(url: str) -> Generator[Estate]:
    estate = Estate(url)
    estate.report(estate.every)
    yield estate
    estate.records.close()


@pytest.fixture
def large(url: str) -> Generator[Estate]:
    estate = LargeEstate(url)
    estate.report(estate.every)
    yield estate
    estate.records.close()


def test_an_outage_over_500_points_is_one_announced_incident(large: Estate) -> None:
    estate = large
    estate.live(70)
    estate.report(estate.every)
    estate.connect(estate.every, online=False, gateway=True)
    estate.live(200)
    assert estate.told() == ["estate/gw"]
    assert estate.count(Incident) == 1
    hidden = [row for row in estate.all(Alarm) if row.suppressed_by == "gateway:estate/gw"]
    assert len(hidden) == 2 * estate.number
    assert {row.rule for row in hidden} == {"pump.gone", "pump.silent"}
    # One pump and two sensors are still away when everything else is back.
    estate.connect(range(3, estate.number + 1), online=True, gateway=True)
    estate.report(range(3, estate.number + 1))
    estate.live(120)
    assert estate.told()[1:] == ["estate/gw/pump1", "estate/gw/pump2"]
    still = [row for row in estate.all(Alarm) if row.closed_at is None and row.active]
    assert {row.equipment_id for row in still} == {1, 2}
    assert all(row.suppressed_by is None for row in still)


def test_the_return_of_a_gateway_announces_nothing_that_is_well(estate: Estate) -> None:
    estate.live(70)
    estate.report(estate.every)
    estate.connect(estate.every, online=False, gateway=True)
    estate.live(200)
    estate.restart()
    estate.connect(estate.every, online=True, gateway=True)
    estate.report(estate.every)
    estate.live(120)
    assert estate.told() == ["estate/gw"]
    open_ = [row for row in estate.all(Alarm) if row.closed_at is None]
    assert [row.rule for row in open_] == ["gateway.unreachable"]


def test_children_that_fail_first_are_collected(estate: Estate) -> None:
    estate.connect(estate.every, online=False)
    estate.live(8)
    assert estate.told() == []
    estate.connect(range(0), online=False, gateway=True)
    estate.live(60)
    assert estate.told() == ["estate/gw"]


def test_a_line_that_fails_is_one_cause(estate: Estate) -> None:
    half = range(1, estate.number // 2 + 1)
    estate.connect(half, online=False)
    estate.live(60)
    (line,) = [row for row in estate.all(Alarm) if row.rule == "gateway.line/a"]
    assert line.announced_at is not None
    assert f"none of {estate.number // 2} devices" in line.name_en
    assert estate.told() == ["estate/gw"]
    estate.restart()
    estate.connect(half, online=True)
    estate.live(120)
    assert estate.told() == ["estate/gw"]
    assert [row.rule for row in estate.all(Alarm) if row.closed_at is None] == ["gateway.line/a"]
    assert not estate.alarm(line.id).active


def test_one_device_that_fails_is_itself_after_the_settle_time(estate: Estate) -> None:
    estate.live(70)
    estate.report(estate.every)
    estate.connect(range(5, 6), online=False)
    estate.live(9)
    assert estate.told() == []
    estate.live(3)
    assert estate.told() == ["estate/gw/pump5"]


def test_a_feeder_without_power_explains_everything_but_life_safety(estate: Estate) -> None:
    estate.do(
        lambda session: session.add(
            PowerLink(feeder_id=1, equipment_id=2, cause="mode", created_at=0, created_by="li")
        )
    )
    rules = dict(estate.classes["pump"].rules)
    rules["fault"] = rules["fault"].model_copy(update={"life_safety": True})
    pump = estate.classes["pump"].model_copy(update={"rules": rules})
    estate.classes = {**estate.classes, "pump": pump}
    estate.restart()
    estate.see("mode", 2, 1)
    second = estate.pumps[1]
    at = estate.clock.now_ms()
    estate.chain.on_samples(
        [
            Sample(second["temperature"], 85.0, Quality.GOOD, at),
            Sample(second["fault"], True, Quality.GOOD, at),  # noqa: FBT003 (a value)
        ]
    )
    estate.live(5)
    told = [(row.payload["incident"]["equipment_key"], row.severity) for row in estate.all(Message)]
    assert told == [
        ("estate/gw/pump1", "low"),
        ("estate/gw/pump2", "urgent"),
        ("estate/gw/pump2", "urgent"),
    ]
    (hidden,) = [row for row in estate.all(Alarm) if row.suppressed_by is not None]
    assert (hidden.rule, hidden.suppressed_by) == ("pump.hot", "power:estate/gw/pump1")
    estate.see("mode", 1, 100)
    estate.live(200)
    assert estate.alarm(hidden.id).announced_at is not None
