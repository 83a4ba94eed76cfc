"""Rules changed while the plant runs: at once, and without touching what is open."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from config.base import ConflictingSettingsError
from config.errors import ConfigError
from server.alarms.model import Alarm, AlarmRuleVersion
from server.alarms.overrides import (
    Place,
    StaleRuleError,
    delete_override,
    newest_change,
    put_override,
    version_of,
)
from server.alarms.rulebook import Override, RuleBook, merged
from server.core.errors import NotFoundError, StoreError
from server.core.records import Records
from server.messages.model import Message
from tests.fakes.house import House
from tests.fakes.pump_room import CLASSES, PUMP

HIGHER = {"condition": {"limit": 90}}


def test_another_limit_holds_at_once_and_an_open_alarm_stays_open(house: House) -> None:
    house.see("temperature", 92.0, 1)
    house.change_rule("hot", HIGHER)
    assert house.alarm().active
    assert house.kinds() == [
        "alarm.raised",
        "incident.opened",
        "work-order.opened",
        "alarm-rule.changed",
    ]
    house.see("temperature", 86.0, 2)
    assert house.alarm().active
    house.see("temperature", 84.0, 3)
    assert not house.alarm().active
    house.see("temperature", 89.0, 4)
    assert not house.alarm().active


def test_a_limit_that_the_newest_value_breaks_raises_at_once(house: House) -> None:
    house.see("temperature", 70.0, 1)
    house.change_rule("hot", {"condition": {"limit": 60}})
    assert house.alarm().active_since_at == house.start + 1000
    assert house.count(Message) == 1
    house.change_rule("hot", {"condition": {"limit": 80}})
    assert not house.alarm().active


def test_a_disabled_rule_claims_nothing_and_comes_back(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.change_rule("hot", {"enabled": False})
    assert not house.alarm().active
    house.acknowledge()
    house.see("temperature", 87.0, 2)
    assert house.count(Alarm) == 1
    house.change_rule("hot", {})
    assert [row.active for row in house.all(Alarm)] == [False, True]


def test_a_rule_that_was_disabled_while_the_server_was_away_returns_its_alarm(
    house: House,
) -> None:
    house.see("temperature", 85.0, 1)
    house.do(
        lambda session: put_override(
            session,
            Place("pump.hot", "class", ""),
            changes={"enabled": False},
            reason="",
            by="li",
            expected=None,
            now=house.clock.now_ms(),
        )
    )
    house.restart()
    assert not house.alarm().active


def test_a_running_delay_gets_its_new_length(house: House) -> None:
    house.see("level", 0.5, 0)
    house.change_rule("low_level", {"on_delay_s": 60})
    house.advance(30)
    assert house.count(Alarm) == 0
    house.advance(31)
    assert house.alarm().active_since_at == house.start


def test_a_trial_that_ends_announces_what_is_on(house: House) -> None:
    house.change_rule("hot", {"mode": "monitor"})
    house.see("temperature", 85.0, 1)
    assert house.count(Message) == 0
    house.change_rule("hot", {"mode": "announce"})
    assert house.count(Message) == 1
    assert not house.alarm().monitored


def test_a_new_rule_and_a_rule_of_one_pump(house: House) -> None:
    new = {
        "name": {"en": "cold", "zh": "冷"},
        "severity": "low",
        "cause": "cold",
        "condition": {"kind": "limit", "point": "temperature", "level": "lo", "limit": 5},
    }
    house.see("temperature", 3.0, 1)
    house.change_rule("cold", new, scope="equipment", target="2")
    assert house.count(Alarm) == 0
    house.change_rule("cold", new, scope="equipment", target="1")
    assert house.alarm().rule == "pump.cold"


def test_a_change_that_could_not_be_written_is_made_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.see("temperature", 85.0, 1)

    def fail(_transition: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(house.pipeline, "_record", lambda *_a, **_k: fail(None))
        with pytest.raises(StoreError):
            house.change_rule("hot", {"enabled": False})
    assert house.alarm().active
    assert house.rules.apply()
    assert not house.alarm().active


def test_the_nearest_scope_wins() -> None:
    book = RuleBook(
        CLASSES,
        [
            Override("pump.hot", "class", "", {"severity": "low", "condition": {"limit": 70}}),
            Override("pump.hot", "site", "estate", {"condition": {"limit": 60}}),
            Override("pump.hot", "equipment", "7", {"condition": {"limit": 50}}),
        ],
    )

    def limit(site: str, equipment: int) -> tuple[str, float]:
        rules = book.rules_of("pump", site=site, equipment_id=equipment)
        (hot,) = [rule.settings for rule in rules if rule.id == "pump.hot"]
        return hot.severity, getattr(hot.condition, "limit", 0)

    assert limit("other", 1) == ("low", 70)
    assert limit("estate", 1) == ("low", 60)
    assert limit("estate", 7) == ("low", 50)
    assert book.rules_of("pump", site="a", equipment_id=1) is book.rules_of(
        "pump", site="b", equipment_id=2
    )


def test_an_override_that_does_not_fit_the_class_any_more_is_left_out() -> None:
    book = RuleBook(CLASSES, [Override("pump.hot", "class", "", {"condition": {"point": "gone"}})])
    (hot,) = [
        rule for rule in book.rules_of("pump", site="", equipment_id=1) if rule.id == "pump.hot"
    ]
    assert hot.settings == PUMP.rules["hot"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"severity": "awful"}, ("severity",)),
        ({"condition": {"limit": "high"}}, ("condition", "limit", "limit")),
        ({"condition": {"point": "nothing"}}, ("condition", "point")),
        ({"while": "run =="}, ("while",)),
        ({"colour": "red"}, ("colour",)),
    ],
)
def test_a_change_that_makes_no_rule_says_where(
    changes: dict[str, object], where: tuple[str, ...]
) -> None:
    with pytest.raises(ConflictingSettingsError) as refused:
        merged(PUMP, "hot", PUMP.rules["hot"], changes)
    assert refused.value.conflicts[0].path == where


SAFETY = PUMP.rules["fault"].model_copy(update={"life_safety": True, "latching": True})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"enabled": False}, "stays on"),
        ({"life_safety": False}, "stays one"),
        ({"mode": "monitor"}, "stays on"),
        ({"on_delay_s": 86400}, "60 s at most"),
        ({"on_delay_s": 61}, "60 s at most"),
        ({"while": "run == false"}, "class file only"),
        ({"condition": {"equals": False}}, "class file only"),
        ({"condition": {"point": "mode", "equals": 9}}, "class file only"),
        ({"severity": "low"}, "not less than urgent"),
        ({"latching": False}, "latching"),
    ],
)
def test_life_safety_is_not_switched_off_or_weakened(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        merged(PUMP, "fault", SAFETY, changes)


def test_a_rule_of_life_safety_may_still_be_told_otherwise() -> None:
    changes = {"on_delay_s": 60, "off_delay_s": 30, "cause": "fire", "work_order": False}
    assert merged(PUMP, "fault", SAFETY, changes).cause == "fire"
    new = PUMP.rules["hot"].model_dump(mode="json", by_alias=True) | {"life_safety": True}
    assert merged(PUMP, "hot2", None, new).life_safety
    with pytest.raises(ConfigError, match="60 s at most"):
        merged(PUMP, "hot2", None, new | {"on_delay_s": 90})


def test_a_narrow_change_that_does_not_fit_leaves_the_wider_ones_in_force() -> None:
    book = RuleBook(
        CLASSES,
        [
            Override("pump.fault", "class", "", {"life_safety": True}),
            Override("pump.fault", "site", "estate", {"condition": {"point": "gone"}}),
            Override("pump.fault", "equipment", "1", {"cause": "trip"}),
        ],
    )
    fault = book.standing(PUMP, "fault", site="estate", equipment="1")
    assert fault is not None
    assert (fault.life_safety, fault.cause) == (True, "trip")
    assert list(book.broken_layers(PUMP, "fault", site="estate")) == [("site", "estate")]


def test_versions_count_on_after_a_deletion(house: House) -> None:
    place = Place("pump.hot", "site", "estate")
    put = partial(put_override, place=place, reason="", by="li", now=1)
    assert house.do(lambda s: put(s, changes=HIGHER, expected=0)) == 1
    with pytest.raises(StaleRuleError, match="version 1 here, not 0"):
        house.do(lambda s: put(s, changes=HIGHER, expected=0))
    remove = partial(delete_override, place=place, reason="", by="li", now=2)
    assert house.do(lambda s: remove(s, expected=1)) == 2
    with pytest.raises(NotFoundError):
        house.do(lambda s: remove(s, expected=2))
    assert house.records.read(lambda s: version_of(s, place)) == 2
    assert house.do(lambda s: put(s, changes=HIGHER, expected=2)) == 3
    assert [row.changes for row in house.all(AlarmRuleVersion)] == [HIGHER, None, HIGHER]


def test_two_who_change_a_rule_at_once_do_not_overwrite_each_other(house: House) -> None:
    """The second waits for the first one's commit and is told that it came too late."""
    place, both_there = Place("pump.hot", "class", ""), Barrier(2, timeout=10)

    def change(number: int) -> str:
        with Records.open(house.url) as records:

            def work(session: Session) -> int:
                return put_override(
                    session, place, changes=HIGHER, reason="", by="li", expected=0, now=number
                )

            both_there.wait()
            try:
                return f"version {records.write(work)}"
            except StaleRuleError:
                return "too late"

    with ThreadPoolExecutor(2) as people:
        assert sorted(people.map(change, (1, 2))) == ["too late", "version 1"]
    assert house.records.read(newest_change) == 1


def test_a_change_that_is_committed_late_is_not_missed(house: House) -> None:
    """Whatever ids the rows of two changes have, the number grows with each commit."""
    put = partial(put_override, changes=HIGHER, reason="", by="li", expected=0, now=1)
    house.do(lambda session: put(session, Place("pump.hot", "site", "estate")))
    seen = house.records.read(newest_change)
    # As if this one had taken its id first.
    house.do(lambda session: session.execute(update(AlarmRuleVersion).values(id=100)) and None)
    house.do(lambda session: put(session, Place("pump.hot", "site", "other")))
    house.do(
        lambda session: (
            session.execute(update(AlarmRuleVersion).where(AlarmRuleVersion.id > 100).values(id=7))
            and None
        )
    )
    assert house.records.read(newest_change) > seen
