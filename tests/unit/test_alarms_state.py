"""The ISA-18.2 state machine: every state x every event, and random walks against a model."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alarms.state import (
    AlarmFacts,
    AlarmState,
    OutOfService,
    Shelf,
    acknowledge,
    activate,
    put_in_service,
    release,
    reset,
    return_to_normal,
    shelve,
    suppress,
    take_out_of_service,
    unshelve,
)
from server.core.errors import ConflictError

SHELF = Shelf(until=1, by="li", reason="test run")
OUT = OutOfService(until=1, by="li")

FACTS = {
    "normal": AlarmFacts(),
    "unacknowledged": AlarmFacts(active=True, acknowledged=False),
    "acknowledged": AlarmFacts(active=True),
    "returned_unacknowledged": AlarmFacts(acknowledged=False),
    "latched": AlarmFacts(latching=True, latched=True),
    "shelved": AlarmFacts(active=True, shelf=SHELF),
    "suppressed": AlarmFacts(active=True, suppressed_by="gateway"),
    "out_of_service": AlarmFacts(active=True, out_of_service=OUT),
}

EVENTS: dict[str, Callable[[AlarmFacts], AlarmFacts]] = {
    "activate": activate,
    "return": return_to_normal,
    "acknowledge": acknowledge,
    "reset": reset,
    "shelve": lambda facts: shelve(facts, SHELF),
    "unshelve": unshelve,
    "suppress": lambda facts: suppress(facts, "gateway"),
    "release": release,
    "take_out": lambda facts: take_out_of_service(facts, OUT),
    "put_in": put_in_service,
}

# Rows: state; columns in the order of EVENTS. The three hidden states start from an active,
# acknowledged alarm, so leaving them announces again.
TABLE = """
normal:                  unacknowledged  normal                  normal       normal                  shelved normal                  suppressed normal                  out_of_service normal
unacknowledged:          unacknowledged  returned_unacknowledged acknowledged unacknowledged          shelved unacknowledged          suppressed unacknowledged          out_of_service unacknowledged
acknowledged:            acknowledged    normal                  acknowledged acknowledged            shelved acknowledged            suppressed acknowledged            out_of_service acknowledged
returned_unacknowledged: unacknowledged  returned_unacknowledged normal       returned_unacknowledged shelved returned_unacknowledged suppressed returned_unacknowledged out_of_service returned_unacknowledged
latched:                 unacknowledged  latched                 latched      normal                  shelved latched                 suppressed latched                 out_of_service latched
shelved:                 shelved         shelved                 shelved      shelved                 shelved unacknowledged          suppressed shelved                 out_of_service shelved
suppressed:              suppressed      suppressed              suppressed   suppressed              suppressed suppressed           suppressed unacknowledged          out_of_service suppressed
out_of_service:          out_of_service  out_of_service          out_of_service out_of_service        out_of_service out_of_service   out_of_service out_of_service      out_of_service unacknowledged
"""  # noqa: E501 (a table is read by its columns)

ROWS = {line.split(":")[0]: line.split(":")[1].split() for line in TABLE.strip().splitlines()}
CASES = [
    (state, event, ROWS[state][column]) for state in FACTS for column, event in enumerate(EVENTS)
]


@pytest.mark.parametrize(("state", "event", "expected"), CASES)
def test_every_event_in_every_state(state: str, event: str, expected: str) -> None:
    assert FACTS[state].state == state
    assert EVENTS[event](FACTS[state]).state == expected


def test_the_table_is_complete() -> None:
    assert set(ROWS) == {str(state) for state in AlarmState}
    assert all(len(row) == len(EVENTS) for row in ROWS.values())


@pytest.mark.parametrize("event", ["shelve", "suppress", "take_out"])
def test_life_safety_is_never_hidden(event: str) -> None:
    facts = AlarmFacts(active=True, acknowledged=False, life_safety=True)
    with pytest.raises(ConflictError, match="life safety"):
        EVENTS[event](facts)


def test_a_latch_is_not_reset_while_the_condition_lasts() -> None:
    active = activate(AlarmFacts(latching=True))
    with pytest.raises(ConflictError, match="still active"):
        reset(active)
    assert reset(return_to_normal(acknowledge(active))).over


@given(st.lists(st.sampled_from([name for name in EVENTS if name != "reset"]), max_size=40))
def test_random_walks_never_lose_an_unseen_alarm(events: list[str]) -> None:
    """Model: an occurrence is seen only by an acknowledgement that came after its onset."""
    facts, active, unseen = AlarmFacts(), False, False
    for event in events:
        before = facts
        facts = EVENTS[event](facts)
        if event == "activate" and not active:
            active, unseen = True, True
        elif event == "return":
            active = False
        elif event == "acknowledge":
            unseen = False
        elif event in {"unshelve", "release", "put_in"} and before != facts and active:
            unseen = True
        assert facts.active is active
        assert facts.acknowledged is not unseen
        assert facts.over is (not active and not unseen)
        bare = replace(facts, shelf=None, suppressed_by=None, out_of_service=None)
        assert (bare.state is AlarmState.NORMAL) is facts.over


@given(st.sampled_from(list(FACTS)), st.sampled_from(["activate", "return", "acknowledge"]))
def test_the_same_event_again_changes_nothing(state: str, event: str) -> None:
    once = EVENTS[event](FACTS[state])
    assert EVENTS[event](once) == once
