"""The walk of a work order: every step from every state."""

import pytest

from server.core.errors import ConflictError, InvalidError
from server.workorders.states import OrderState, check_transition, next_states, parse_state

ALLOWED = {
    "open": "dispatched accepted cancelled",
    "dispatched": "accepted dispatched open cancelled",
    "accepted": "on_site in_progress waiting dispatched cancelled",
    "on_site": "in_progress waiting completed dispatched cancelled",
    "in_progress": "waiting completed dispatched cancelled",
    "waiting": "accepted on_site in_progress dispatched cancelled",
    "completed": "verified in_progress",
    "verified": "called_back closed in_progress",
    "called_back": "closed in_progress",
    "closed": "",
    "cancelled": "",
}


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("to", OrderState)
def test_every_step_from_every_state(state: OrderState, to: OrderState) -> None:
    def step() -> None:
        check_transition(state, to, reason="parts", note=None, needs_arrival=False, arrived=False)

    if to in ALLOWED[state].split():
        step()
    else:
        with pytest.raises(ConflictError, match=f"{state} cannot become {to}"):
            step()


def test_urgent_work_begins_on_site() -> None:
    states = next_states(OrderState.ACCEPTED, needs_arrival=True, arrived=False)
    assert OrderState.IN_PROGRESS not in states
    assert OrderState.ON_SITE in states
    waiting = next_states(OrderState.WAITING, needs_arrival=True, arrived=False)
    assert OrderState.IN_PROGRESS not in waiting


def test_work_that_was_refused_goes_on_without_a_second_arrival() -> None:
    states = next_states(OrderState.COMPLETED, needs_arrival=True, arrived=True)
    assert OrderState.IN_PROGRESS in states


def test_a_resident_may_be_called_before_the_order_is_closed() -> None:
    states = next_states(OrderState.VERIFIED, needs_arrival=False, arrived=True)
    assert {OrderState.CALLED_BACK, OrderState.CLOSED} <= set(states)


@pytest.mark.parametrize("reason", [None, "", "lunch"])
def test_waiting_needs_a_known_reason(reason: str | None) -> None:
    with pytest.raises(InvalidError, match="parts, vendor, resident"):
        check_transition(
            OrderState.IN_PROGRESS,
            OrderState.WAITING,
            reason=reason,
            note="n",
            needs_arrival=False,
            arrived=True,
        )


def test_cancelling_needs_a_reason() -> None:
    with pytest.raises(InvalidError, match="why"):
        check_transition(
            OrderState.OPEN,
            OrderState.CANCELLED,
            reason=None,
            note=" ",
            needs_arrival=False,
            arrived=False,
        )


def test_every_state_but_the_last_two_leads_to_the_end() -> None:
    for state in OrderState:
        seen, todo = {state}, [state]
        while todo:
            for one in next_states(todo.pop(), needs_arrival=True, arrived=False):
                if one not in seen:
                    seen.add(one)
                    todo.append(one)
        if state is not OrderState.CANCELLED:
            assert OrderState.CLOSED in seen


def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidError, match="called_back"):
        parse_state("done")
