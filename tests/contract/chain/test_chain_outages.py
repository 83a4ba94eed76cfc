"""A gateway, a line or a feeder that fails is one announced cause; its children are counted."""

from collections.abc import Generator

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from protocols.reading import Quality
from server.alarms.model import Alarm, AlarmChange
from server.assets.model import Equipment, PowerLink
from server.assets.series import Sample
from server.incidents.model import Incident
from server.messages.model import Message
from tests.fakes.estate import GATEWAY, Estate


@pytest.fixture
def estate(url: str) -> Generator[Estate]:
    estate = Estate(url)
    estate.report(estate.every)
    yield estate
    estate.records.close()


@pytest.mark.long
@pytest.mark.size(8, 72)
def test_an_outage_over_500_points_is_one_announced_incident(url: str, size: int) -> None:
    estate = Estate(url, number=size)  # seven points each
    estate.report(estate.every)
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
    estate.records.close()


@pytest.mark.long
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


@pytest.mark.long
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


def test_one_device_that_fails_is_itself_after_the_suppression_delay(estate: Estate) -> None:
    estate.live(70)
    estate.report(estate.every)
    estate.connect(range(5, 6), online=False)
    estate.live(9)
    assert estate.told() == []
    estate.live(3)
    assert estate.told() == ["estate/gw/pump5"]


@pytest.mark.long
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
    estate.pipeline.on_samples(
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
    assert (hidden.rule, hidden.suppressed_by) == ("pump.hot", "power:estate/gw/pump1:mode")
    estate.see("mode", 1, 100)
    estate.live(200)
    assert estate.alarm(hidden.id).announced_at is not None


def line_messages(estate: Estate) -> int:
    """How often the duty was told that the line is dead."""
    return sum(
        row.payload["alarm"]["rule"] == "gateway.line/a" and row.receiver == "duty"
        for row in estate.all(Message)
    )


HALF = range(1, 5)


@pytest.mark.long
def test_a_line_that_fails_again_before_it_was_acknowledged_is_told_again(estate: Estate) -> None:
    estate.connect(HALF, online=False)
    estate.live(60)
    estate.connect(HALF, online=True)
    estate.live(120)
    estate.connect(HALF, online=False)
    estate.live(60)
    (line,) = [row for row in estate.all(Alarm) if row.rule == "gateway.line/a"]
    assert line.active
    assert line.activations == 2
    assert line_messages(estate) == 2
    changes = [row.kind for row in estate.all(AlarmChange) if row.alarm_id == line.id]
    assert changes == ["raised", "returned", "raised_again"]
    estate.acknowledge(line.id)
    assert estate.alarm(line.id).closed_at is None
    assert [row.closed_at for row in estate.all(Incident)][-1] is None


@pytest.mark.long
def test_a_line_that_comes_and_goes_within_the_recovery_is_the_same_outage(
    estate: Estate,
) -> None:
    estate.connect(HALF, online=False)
    estate.live(60)
    for _ in range(3):
        estate.connect(HALF, online=True)
        estate.live(10)
        estate.connect(HALF, online=False)
        estate.live(20)
    (line,) = [row for row in estate.all(Alarm) if row.rule == "gateway.line/a"]
    assert (line.active, line.activations) == (True, 4)
    assert line_messages(estate) == 1
    assert line.chattering


@pytest.mark.long
def test_a_silent_line_whose_alarm_was_closed_under_it_gets_a_new_one(estate: Estate) -> None:
    """Whatever happened to the alarm, a line that hides alarms has one that is active."""
    estate.connect(HALF, online=False)
    estate.live(60)

    def close(session: Session) -> None:
        session.execute(
            update(Alarm)
            .where(Alarm.rule == "gateway.line/a")
            .values(active=False, inactive_since_at=estate.clock.now_ms() - 90_000, closed_at=1)
        )

    estate.do(close)
    estate.live(4)
    active = [row for row in estate.all(Alarm) if row.rule == "gateway.line/a" and row.active]
    assert len(active) == 1


@pytest.mark.long
def test_the_line_of_a_gateway_out_of_service_is_told_to_nobody_until_it_is_back(
    estate: Estate,
) -> None:
    until = estate.clock.now_ms() + 90_000

    def take_out(session: Session) -> None:
        estate.actions.take_out(
            session,
            session.get_one(Equipment, GATEWAY),
            until=until,
            reason="moved",
            by="li",
            now=estate.clock.now_ms(),
        )

    estate.do(take_out)
    estate.connect(HALF, online=False)
    estate.live(60)
    assert estate.told() == []
    (line,) = [row for row in estate.all(Alarm) if row.rule == "gateway.line/a"]
    assert estate.state(line.id) == "out_of_service"
    estate.live(90)
    assert line_messages(estate) == 1


@pytest.mark.long
@pytest.mark.parametrize("change", [{"mode": "monitor"}, {"enabled": False}], ids=str)
def test_a_gateway_of_which_nobody_is_told_explains_nothing(
    estate: Estate, change: dict[str, object]
) -> None:
    gateway = estate.classes["gateway"]
    rules = {"unreachable": gateway.rules["unreachable"].model_copy(update=change)}
    gateway = gateway.model_copy(update={"rules": rules})
    estate.classes = {**estate.classes, "gateway": gateway}
    estate.restart()
    estate.connect(estate.every, online=False, gateway=True)
    estate.live(60)
    assert line_messages(estate) == 1


@pytest.mark.long
def test_a_rule_that_is_switched_off_in_an_outage_lets_its_children_speak(estate: Estate) -> None:
    estate.connect(estate.every, online=False, gateway=True)
    estate.live(60)
    assert estate.told() == ["estate/gw"]
    estate.change_rule("unreachable", {"enabled": False}, kind="gateway")
    estate.live(60)
    assert line_messages(estate) == 1


def test_what_is_hidden_from_the_start_says_so_in_its_history(estate: Estate) -> None:
    estate.live(70)
    estate.report(estate.every)
    estate.connect(estate.every, online=False, gateway=True)
    estate.live(60)
    (child,) = [
        row for row in estate.all(Alarm) if (row.equipment_id, row.rule) == (1, "pump.gone")
    ]
    changes = [
        (row.kind, row.comment) for row in estate.all(AlarmChange) if row.alarm_id == child.id
    ]
    assert changes == [("raised", None), ("suppressed", "gateway:estate/gw")]
