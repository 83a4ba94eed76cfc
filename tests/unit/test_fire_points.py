"""What a panel's open components are as points of its class, and in words."""

import pytest

from config.listening import heard_points
from config.load import load_classes
from protocols.fire.model import (
    NO_STATE,
    TRANSMITTER,
    Component,
    Kind,
    Place,
    ResetEvent,
    State,
    StateEvent,
)
from protocols.fire.panel_state import PanelState
from protocols.fire.points import name_of, places_of, points_of

SYSTEM = Place(Kind.SYSTEM, 1, 1)
SMOKE = Place(Kind.COMPONENT, 1, 1, zone=10, point=2)


OTHERS = {"address"}
"""Points of panels that are polled."""


def test_points_are_those_of_the_class() -> None:
    points = load_classes()["fire_panel"].points
    told = {*points_of(PanelState()), *places_of(PanelState()), "event", "sentry_missed"}
    assert told == set(points) - OTHERS
    assert set(heard_points()) == set(points) - OTHERS


def test_points_follow_the_events() -> None:
    state = PanelState()
    quiet = points_of(state)
    assert not quiet["fire"]
    assert (quiet["mains"], quiet["bus"], quiet["automatic"]) == (True, True, True)
    state.fold(StateEvent(SMOKE, State.FIRE | State.MAINS_FAULT))
    state.fold(StateEvent(SYSTEM, State.BACKUP_FAULT | State.MANUAL | State.FIRE))
    points = points_of(state)
    assert (points["fire"], points["fire_count"]) == (True, 1)
    assert points["fault"], "a component without supply is a fault"
    assert points["mains"], "the supply of a component is not the panel's"
    assert (points["backup"], points["automatic"]) == (False, False)
    state.fold(ResetEvent(SYSTEM))
    assert not points_of(state)["fire"]


def test_places_are_those_of_components_or_else_of_systems() -> None:
    state = PanelState()
    state.fold(StateEvent(SYSTEM, State.FAULT | State.MAINS_FAULT))
    assert [one.place for one in places_of(state)["fault_places"]] == [SYSTEM]
    state.fold(StateEvent(SYSTEM, NO_STATE, State.FAULT))
    assert not places_of(state)["fault_places"], "the panel's supply has a point of its own"
    state.fold(StateEvent(SYSTEM, State.SHIELDED | State.FAULT))
    state.fold(StateEvent(SMOKE, State.MAINS_FAULT | State.SHIELDED))
    found = places_of(state)
    for name in ("fault_places", "shielded_places"):
        assert [one.place for one in found[name]] == [SMOKE]
    assert not found["fire_places"]


@pytest.mark.parametrize(
    ("component", "zh", "en"),
    [
        (
            Component(SMOKE, State.FIRE, 40, "1层走廊"),
            "1层走廊 感烟火灾探测器 1号主机10区2号",
            "1层走廊 smoke detector, panel 1 zone 10 point 2",
        ),
        (
            Component(SMOKE._replace(zone=0, loop=3), State.FIRE, 200),
            "类型200 1号主机3回路2号",
            "type 200, panel 1 loop 3 point 2",
        ),
        (Component(SYSTEM, State.FIRE), "火灾报警系统 1号主机", "fire alarm system, panel 1"),
        (Component(TRANSMITTER, State.FAULT), "用户信息传输装置", "transmission device"),
    ],
)
def test_a_component_is_named_in_both_languages(component: Component, zh: str, en: str) -> None:
    assert name_of(component) == (zh, en)
