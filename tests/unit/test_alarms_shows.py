"""An alarm shows the value of another point: where it burns, not that it does."""

from config.classes import EquipmentClass
from config.load import load_classes
from protocols.reading import Quality, Value
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.assets.series import Series
from tests.fakes.agent_clock import FakeClock
from tests.fakes.pump_room import pump_series, sample

PANEL: dict[str, EquipmentClass] = {"fire_panel": load_classes()["fire_panel"]}


class Panel:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.engine = AlarmEngine(RuleBook(PANEL), self.clock)
        kind = type(next(iter(pump_series().values())))
        assert kind is Series
        self.series = dict(
            zip(
                ("fire", "fire_count", "fire_places"), list(pump_series().values())[:3], strict=True
            )
        )
        for name, one in self.series.items():
            one.name = name
            self.engine.attach(one, equipment_class="fire_panel")

    def see(self, quality: Quality = Quality.GOOD, **values: Value) -> dict[str, Value]:
        self.clock.advance(1)
        at = self.clock.now_ms()
        samples = [
            sample(self.series[name], value, at, quality=quality) for name, value in values.items()
        ]
        step = self.engine.evaluate(samples)
        self.engine.commit(step)
        return {one.rule.id: one.value for one in step.transitions}


def test_a_fire_shows_its_places_whatever_the_order_of_the_message() -> None:
    assert Panel().see(fire_places="hall", fire=True) == {"fire_panel.fire": "hall"}
    assert Panel().see(fire=True, fire_places="hall") == {"fire_panel.fire": "hall"}


def test_a_panel_that_says_no_places_shows_the_value_itself() -> None:
    assert Panel().see(fire=True) == {"fire_panel.fire": True}
    assert Panel().see(fire=True, fire_places="") == {"fire_panel.fire": True}


def test_two_fires_show_both_places_in_either_alarm() -> None:
    found = Panel().see(fire_places="hall; stairs", fire=True, fire_count=2)
    assert found == {
        "fire_panel.fire": "hall; stairs",
        "fire_panel.several_fires": "hall; stairs",
    }


def test_a_fire_that_grows_is_an_alarm_at_each_stage_and_shows_all_places() -> None:
    panel = Panel()
    panel.see(fire_places="hall", fire=True, fire_count=1)
    found = {
        count: panel.see(fire_places=f"{count} places", fire_count=count)
        for count in (2, 3, 4, 5, 6, 9, 30)
    }
    rules = {
        count: [name.removeprefix("fire_panel.") for name in one] for count, one in found.items()
    }
    assert rules == {
        2: ["several_fires"],
        3: ["more_fires_2"],
        4: ["more_fires_3"],
        5: [],
        6: ["more_fires_5"],
        9: [],
        30: ["more_fires_10", "more_fires_20"],
    }
    assert set(found[30].values()) == {"30 places"}


def test_places_that_come_in_the_moment_of_a_birth_without_values_are_shown() -> None:
    panel = Panel()
    places = panel.series["fire_places"]
    places.last_at, places.last_quality = panel.clock.now_ms() + 1000, Quality.STALE
    assert panel.see(fire_places="hall", fire=True) == {"fire_panel.fire": "hall"}
