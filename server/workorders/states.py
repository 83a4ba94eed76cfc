"""Which way a work order may go; pure.

The full walk is open, dispatched, accepted, on_site, in_progress, completed, verified, called_back,
closed. Shorter walks, and what they may leave out:

- dispatched: whoever sees an open order may accept it for himself;
- on_site: a fault cleared from afar, unless the order is urgent or of life safety, whose
  30 minutes end with somebody's arrival and with nothing else;
- in_progress: whoever arrives and finds it done completes it on the spot;
- called_back: the order came from an alarm, so there is no resident to ask.

accepted, completed and verified are never left out: somebody took it, somebody says that it is
done, somebody looked. Waiting and cancelling need a reason.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.core.errors import ConflictError, InvalidError


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


_S = OrderState
_NEXT: Final = MappingProxyType(
    {
        _S.OPEN: (_S.DISPATCHED, _S.ACCEPTED, _S.CANCELLED),
        _S.DISPATCHED: (_S.ACCEPTED, _S.DISPATCHED, _S.OPEN, _S.CANCELLED),
        _S.ACCEPTED: (_S.ON_SITE, _S.IN_PROGRESS, _S.WAITING, _S.DISPATCHED, _S.CANCELLED),
        _S.ON_SITE: (_S.IN_PROGRESS, _S.WAITING, _S.COMPLETED, _S.CANCELLED),
        _S.IN_PROGRESS: (_S.WAITING, _S.COMPLETED, _S.CANCELLED),
        _S.WAITING: (_S.ACCEPTED, _S.ON_SITE, _S.IN_PROGRESS, _S.CANCELLED),
        _S.COMPLETED: (_S.VERIFIED, _S.IN_PROGRESS),
        _S.VERIFIED: (_S.CALLED_BACK, _S.CLOSED, _S.IN_PROGRESS),
        _S.CALLED_BACK: (_S.CLOSED, _S.IN_PROGRESS),
        _S.CLOSED: (),
        _S.CANCELLED: (),
    }
)


def next_states(state: OrderState, *, needs_arrival: bool, arrived: bool) -> tuple[OrderState, ...]:
    """Return where the order may go from here.

    Args:
        needs_arrival: Urgent or of life safety.
        arrived: Somebody has been on site.
    """
    states = _NEXT[state]
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
) -> None:
    """Refuse a step that is not allowed, in words that say what is.

    Raises:
        ConflictError: Not from this state.
        InvalidError: The reason is missing or unknown.
    """
    allowed = next_states(state, needs_arrival=needs_arrival, arrived=arrived)
    if to not in allowed:
        raise ConflictError(
            f"a work order that is {state} cannot become {to}; "
            f"allowed: {', '.join(allowed) or 'nothing, it is over'}"
        )
    if to is OrderState.WAITING and reason not in set(WaitReason):
        raise InvalidError(f"reason: waiting needs one of {', '.join(WaitReason)}")
    if to is OrderState.CANCELLED and not (reason or note or "").strip():
        raise InvalidError("reason: say why it is cancelled")


def parse_state(text: str) -> OrderState:
    """Return the state of that name.

    Raises:
        InvalidError: There is none.
    """
    if text not in set(OrderState):
        raise InvalidError(f"state {text!r}: use one of {', '.join(OrderState)}")
    return OrderState(text)
