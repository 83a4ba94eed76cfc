"""What the duty room reads of an event, in both languages."""

import pytest

from protocols.fire.model import (
    TRANSMITTER,
    FireEvent,
    Kind,
    MeasurementEvent,
    OperationEvent,
    Place,
    ResetEvent,
    State,
    StateEvent,
)
from protocols.fire.panel_state import PanelState
from protocols.fire.words import OPERATIONS, STATES, words_of
from protocols.gb26875.tables import OPERATIONS as BITS
from protocols.gb26875.tables import TRANSMITTER_OPERATIONS

SMOKE = Place(Kind.COMPONENT, 1, 1, zone=10, point=2)
PANEL = Place(Kind.SYSTEM, 1, 1)


def words(*events: FireEvent) -> list[tuple[str, str]]:
    state = PanelState()
    return [(one.zh, one.en) for event in events for one in words_of(event, state.fold(event))]


def test_changes_are_told_with_their_place_and_repetitions_are_not() -> None:
    fire = StateEvent(SMOKE, State.FIRE | State.FAULT, component_type=40, text="大堂")
    assert words(fire, fire, StateEvent(SMOKE, off=State.FAULT)) == [
        (
            "大堂 感烟火灾探测器 1号主机10区2号 火警、故障",
            "大堂 smoke detector, panel 1 zone 10 point 2: fire, fault",
        ),
        (
            "大堂 感烟火灾探测器 1号主机10区2号 故障恢复",
            "大堂 smoke detector, panel 1 zone 10 point 2: fault over",
        ),
    ]


def test_a_reset_is_one_line_whatever_it_ends() -> None:
    fires = [StateEvent(SMOKE._replace(point=one), State.FIRE) for one in range(3)]
    assert words(*fires, ResetEvent(PANEL))[3:] == [
        ("火灾报警系统 1号主机 复位", "fire alarm system, panel 1: reset")
    ]


@pytest.mark.parametrize("name", sorted({*BITS, *TRANSMITTER_OPERATIONS}))
def test_each_operation_of_the_standard_has_words_but_the_reset(name: str) -> None:
    found = words(OperationEvent(TRANSMITTER, (name,)))
    if name == "reset":
        assert found == []
    else:
        assert found == [
            (
                f"用户信息传输装置 {OPERATIONS[name].zh}",
                f"transmission device: {OPERATIONS[name].en}",
            )
        ]


def test_each_state_has_words_and_a_measurement_has_none() -> None:
    assert set(STATES) == set(State)
    assert words(MeasurementEvent(SMOKE, 40, "temperature", 21.5, "degC")) == []
