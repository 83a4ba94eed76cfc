"""Events fold into open components: counts, resets, snapshots, bounds."""

import json
from datetime import datetime, timedelta

import pytest

from protocols.errors import FrameError
from protocols.fire.model import (
    ALL_STATES,
    NO_STATE,
    TRANSMITTER,
    FireEvent,
    Kind,
    OperationEvent,
    Place,
    ResetEvent,
    State,
    StateEvent,
    names_of,
)
from protocols.fire.panel_state import FoldOptions, PanelState, ResetScope

AT = datetime(2026, 11, 29, 2, 0, 5)  # noqa: DTZ001 (a panel's own)
SYSTEM = Place(Kind.SYSTEM, 1, 1)


def place(point: int, *, system: int = 1, panel: int = 1) -> Place:
    return Place(Kind.COMPONENT, system, panel, zone=10, point=point)


def fire(point: int, **where: int) -> StateEvent:
    return StateEvent(
        place(point, **where), State.FIRE, component_type=40, text="走廊", panel_time=AT
    )


def folded(*events: FireEvent, options: FoldOptions | None = None) -> PanelState:
    state = PanelState(options)
    for event in events:
        state.fold(event)
    return state


def test_two_fires_are_two_and_each_returns_alone() -> None:
    state = folded(fire(1), fire(2), fire(1))
    assert state.count(State.FIRE) == 2
    assert [one.place.point for one in state.open(State.FIRE)] == [1, 2]
    (change,) = state.fold(StateEvent(place(1), off=State.FIRE | State.FAULT))
    assert (change.off, change.on, change.component.states) == (State.FIRE, NO_STATE, NO_STATE)
    assert state.summary()["fire"] == 1
    assert state.holds(State.FIRE)


def test_what_a_panel_repeats_changes_nothing() -> None:
    state = folded(fire(1))
    assert not any(state.fold(fire(1)) for _ in range(10_000))
    assert len(state) == 1
    assert len(json.dumps(state.snapshot())) < 200


def test_states_of_a_component_come_and_go_apart() -> None:
    state = folded(fire(1), StateEvent(place(1), State.FAULT | State.SHIELDED))
    assert (state.count(State.FAULT), state.count(State.SHIELDED)) == (1, 1)
    state.fold(StateEvent(place(1), State.STARTED, State.FIRE))
    (one,) = state.open()
    assert names_of(one.states) == ("fault", "shielded", "started")
    assert (one.component_type, one.text, one.panel_time) == (40, "走廊", AT)


def test_a_component_has_the_time_of_its_newest_state() -> None:
    state = folded(StateEvent(place(1), State.FAULT, panel_time=AT - timedelta(days=3)), fire(1))
    assert [one.panel_time for one in state.open()] == [AT]
    state.fold(StateEvent(place(1), State.FIRE, State.FAULT, panel_time=AT + timedelta(days=1)))
    assert [one.panel_time for one in state.open()] == [AT]


def test_a_text_that_comes_later_is_kept_and_is_no_change() -> None:
    state = folded(StateEvent(place(1), State.FIRE))
    assert state.fold(StateEvent(place(1), State.FIRE, text="厨房", component_type=23)) == []
    (one,) = state.open()
    assert (one.text, one.component_type) == ("厨房", 23)


def test_a_reset_returns_all_fires_of_its_panel_and_keeps_faults_and_shields() -> None:
    state = folded(
        fire(1),
        fire(2),
        fire(3, panel=2),
        fire(4, system=11),
        StateEvent(place(2), State.FAULT),
        StateEvent(place(9), State.SHIELDED),
        StateEvent(SYSTEM, State.FIRE | State.MAINS_FAULT),
    )
    changes = state.fold(ResetEvent(SYSTEM))
    assert {change.component.place.key for change in changes} == {
        place(1).key,
        place(2).key,
        place(4, system=11).key,
        SYSTEM.key,
    }
    assert [one.place for one in state.open(State.FIRE)] == [place(3, panel=2)]
    assert (state.count(State.FAULT), state.count(State.SHIELDED)) == (1, 1)
    assert state.holds(State.MAINS_FAULT)
    assert state.fold(ResetEvent(SYSTEM)) == []


def test_a_reset_of_one_system_leaves_the_others() -> None:
    state = folded(fire(1), fire(2, system=13))
    state.fold(ResetEvent(Place(Kind.SYSTEM, 13, 1)))
    assert [one.place for one in state.open()] == [place(1)]


def test_a_reset_of_the_transmission_device_is_its_own_unless_told_otherwise() -> None:
    events = (fire(1), StateEvent(TRANSMITTER, State.FIRE), ResetEvent(TRANSMITTER))
    assert [one.place for one in folded(*events).open()] == [place(1)]
    assert not len(folded(*events, options=FoldOptions(transmitter_reset_resets=True)))


def test_a_device_whose_reset_has_another_address_needs_the_wide_scope() -> None:
    events = (fire(1, panel=5), ResetEvent(SYSTEM))
    assert folded(*events).count(State.FIRE) == 1
    assert folded(*events, options=FoldOptions(reset_scope=ResetScope.ALL)).count(State.FIRE) == 0


def test_a_system_without_fire_ends_the_fires_of_its_components_only_when_asked() -> None:
    events = (fire(1), fire(2, panel=2), StateEvent(SYSTEM, off=State.FIRE))
    assert folded(*events).count(State.FIRE) == 2
    state = folded(*events, options=FoldOptions(system_normal_ends_fires=True))
    assert [one.place.panel for one in state.open(State.FIRE)] == [2]


def test_systems_are_no_components_but_their_states_hold() -> None:
    state = folded(StateEvent(SYSTEM, State.FIRE))
    assert state.count(State.FIRE) == 0
    assert state.holds(State.FIRE)


def test_operations_change_nothing() -> None:
    state = folded(fire(1))
    assert state.fold(OperationEvent(SYSTEM, ("silence",))) == ()


def test_a_snapshot_brings_all_back() -> None:
    state = folded(
        fire(1), StateEvent(SYSTEM, State.MAINS_FAULT), StateEvent(place(3), State.FAULT)
    )
    state.not_kept["fault"] = 3
    saved = json.loads(json.dumps(state.snapshot()))
    restored = PanelState.restored(saved)
    assert restored.open() == state.open()
    assert restored.summary() == state.summary()
    assert restored.snapshot() == state.snapshot()
    assert restored.fold(fire(1)) == []


@pytest.mark.parametrize(
    "saved",
    [
        None,
        [],
        {},
        {"version": 2, "places": []},
        {"version": 1},
        {"version": 1, "places": {}},
        {"version": 1, "places": [1]},
        {"version": 1, "places": [["component", 1, 1]]},
        {"version": 1, "places": [["nothing", 1, 1, 1, 1, 1, 1, 1, "", ""]]},
        {"version": 1, "places": [["component", 1, 1, 1, 1, 1, "x", 1, "", ""]]},
        {"version": 1, "places": [["component", 1, 1, 1, 1, 1, -1, 1, "", ""]]},
        {"version": 1, "places": [["component", 1, 1, 1, 1, 1, 1, 1, 5, ""]]},
        {"version": 1, "places": [["component", 1, 1, 1, 1, 1, 1, 1, "", "yesterday"]]},
        {"version": 1, "places": [], "not_kept": 5},
    ],
    ids=str,
)
def test_a_damaged_snapshot_is_refused(saved: object) -> None:
    with pytest.raises(FrameError, match="snapshot"):
        PanelState.restored(saved)


def test_a_snapshot_with_a_place_twice_counts_it_once() -> None:
    row = ["component", 1, 1, 1, 0, 1, 40, 1, "", ""]
    state = PanelState.restored({"version": 1, "places": [row, row]})
    assert state.count(State.FIRE) == 1
    state.fold(ResetEvent(SYSTEM))
    assert state.count(State.FIRE) == 0


def test_beyond_the_most_places_fires_stay_and_the_rest_is_counted() -> None:
    state = PanelState(most=100)
    for point in range(80):
        state.fold(StateEvent(place(point), State.FAULT))
    for point in range(1000, 1050):
        state.fold(fire(point))
    state.fold(StateEvent(place(5000), State.SHIELDED))
    assert len(state) == 100
    assert (state.count(State.FIRE), state.count(State.FAULT)) == (50, 50)
    assert state.not_kept == {"fault": 30, "shielded": 1}


def test_with_room_for_nothing_but_fires_one_more_is_counted() -> None:
    state = PanelState(most=3)
    for point in range(4):
        state.fold(fire(point))
    assert (state.count(State.FIRE), state.not_kept) == (3, {"fire": 1})


def test_a_component_that_makes_room_is_told_as_gone() -> None:
    state = PanelState(most=1)
    state.fold(StateEvent(place(1), State.FAULT))
    gone, new = state.fold(fire(2))
    assert (gone.component.place, gone.off, gone.component.states) == (
        place(1),
        State.FAULT,
        NO_STATE,
    )
    assert (new.component.place, new.on) == (place(2), State.FIRE)


def test_each_state_has_a_name() -> None:
    assert len(names_of(ALL_STATES)) == len(State)
    assert set(PanelState().summary()) == set(names_of(ALL_STATES))
