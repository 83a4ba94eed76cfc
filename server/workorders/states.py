"""Which way a work order may go; pure.

The full walk is open, dispatched, accepted, on_site, in_progress, completed, verified, called_back,
closed. Shorter walks, and what they may leave out:

- dispatched: whoever sees an open order may accept it for himself;
- on_site: a fault cleared from afar, unless the order is urgent or of life safety, whose
  30 minutes end with somebody's arrival and with nothing else;
- in_progress: whoever arrives and finds it done completes it on the spot;
- called_back: the order came from an alarm, so there is no resident to ask.

accepted, completed and verified are never left out: somebody took it, somebody says that it is
done, somebody looked. What a resident asked for is never closed without the return call (回访), and
no call is written down without what the resident said of the work. Waiting and cancelling need a
reason. Who is on it may hand it over: it is dispatched to somebody else then, who accepts it.

What is completed, or closed since, is opened again when its fault comes back; only the alarm chain
does that (``reopened_state``).
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.core.errors import ArgumentError, ConflictError, InvalidError


class OrderState(StrEnum):
    """Where a work order stands."""

    OPEN = "open"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SITE = "on_site"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    COMPLETED = "completed"
    VERIFIED = "verified"
    CALLED_BACK = "called_back"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class WaitReason(StrEnum):
    """Why the clock pauses."""

    PARTS = "parts"
    VENDOR = "vendor"
    RESIDENT = "resident"


FALSE_ALARM = "false_alarm"
"""Reason of a cancelled order that had nothing to repair: its alarms count against their rules."""

_S = OrderState
_NEXT: Final = MappingProxyType(
    {
        _S.OPEN: (_S.DISPATCHED, _S.ACCEPTED, _S.CANCELLED),
        _S.DISPATCHED: (_S.ACCEPTED, _S.DISPATCHED, _S.OPEN, _S.CANCELLED),
        _S.ACCEPTED: (_S.ON_SITE, _S.IN_PROGRESS, _S.WAITING, _S.DISPATCHED, _S.CANCELLED),
        _S.ON_SITE: (_S.IN_PROGRESS, _S.WAITING, _S.COMPLETED, _S.DISPATCHED, _S.CANCELLED),
        _S.IN_PROGRESS: (_S.WAITING, _S.COMPLETED, _S.DISPATCHED, _S.CANCELLED),
        _S.WAITING: (_S.ACCEPTED, _S.ON_SITE, _S.IN_PROGRESS, _S.DISPATCHED, _S.CANCELLED),
        _S.COMPLETED: (_S.VERIFIED, _S.IN_PROGRESS),
        _S.VERIFIED: (_S.CALLED_BACK, _S.CLOSED, _S.IN_PROGRESS),
        _S.CALLED_BACK: (_S.CLOSED, _S.IN_PROGRESS),
        _S.CLOSED: (),
        _S.CANCELLED: (),
    }
)


_DONE = frozenset({_S.COMPLETED, _S.VERIFIED, _S.CALLED_BACK, _S.CLOSED})
_UNDER_WAY = frozenset({_S.ON_SITE, _S.IN_PROGRESS, _S.WAITING})


def is_done(state: OrderState) -> bool:
    """Return whether somebody said that the work is done."""
    return state in _DONE


def is_hand_over(state: OrderState, to: OrderState) -> bool:
    """Return whether a step takes begun work from one and gives it to another."""
    return to is _S.DISPATCHED and state in _UNDER_WAY


def reopened_state(*, assigned: bool) -> OrderState:
    """Return where an order goes whose fault came back: to whom repaired it, if anybody."""
    return _S.DISPATCHED if assigned else _S.OPEN


def waits_from() -> tuple[OrderState, ...]:
    """Return the states in which an order may begin to wait."""
    return tuple(state for state, to in _NEXT.items() if _S.WAITING in to)


def next_states(
    state: OrderState, *, needs_arrival: bool, arrived: bool, of_resident: bool = False
) -> tuple[OrderState, ...]:
    """Return where the order may go from here.

    Args:
        state: Where it is.
        needs_arrival: Urgent or of life safety.
        arrived: Somebody has been on site.
        of_resident: A resident asked for it, who is called before it is closed.
    """
    states = _NEXT[state]
    if of_resident and state is _S.VERIFIED:
        states = tuple(one for one in states if one is not _S.CLOSED)
    if needs_arrival and not arrived:
        states = tuple(one for one in states if one is not _S.IN_PROGRESS)
    return states


def check_transition(
    state: OrderState,
    to: OrderState,
    *,
    reason: str | None,
    note: str | None,
    needs_arrival: bool,
    arrived: bool,
    of_resident: bool = False,
    answered: bool = False,
) -> None:
    """Refuse a step that is not allowed, in words that say what is.

    Args:
        state: Where it is.
        to: Where it shall go.
        reason: Why.
        note: In the words of whoever takes the step.
        needs_arrival: Urgent or of life safety.
        arrived: Somebody has been on site.
        of_resident: A resident asked for it.
        answered: The step says how satisfied the resident is.

    Raises:
        ConflictError: Not from this state.
        InvalidError: The reason is missing or unknown.
    """
    allowed = next_states(
        state, needs_arrival=needs_arrival, arrived=arrived, of_resident=of_resident
    )
    if to not in allowed:
        raise ConflictError(
            f"a work order that is {state} cannot become {to}; "
            f"allowed: {', '.join(allowed) or 'nothing, it is over'}"
        )
    if to is OrderState.WAITING and reason not in set(WaitReason):
        raise ArgumentError("reason", f"waiting needs one of {', '.join(WaitReason)}")
    if to is OrderState.CANCELLED and not (reason or note or "").strip():
        raise ArgumentError("reason", "say why it is cancelled")
    if to is OrderState.CALLED_BACK and of_resident and not answered:
        raise ArgumentError("satisfaction", "write down what the resident said of the work")


def parse_state(text: str) -> OrderState:
    """Return the state of that name.

    Raises:
        InvalidError: There is none.
    """
    if text not in set(OrderState):
        raise InvalidError(f"state {text!r}: use one of {', '.join(OrderState)}")
    return OrderState(text)
