"""The verbs of a work order: which are possible now, and the fields that each needs."""

from enum import StrEnum
from functools import cache

from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.core.errors import ConflictError
from server.workorders.history import Satisfaction
from server.workorders.model import WorkOrder
from server.workorders.service import state_before_wait
from server.workorders.states import OrderState, WaitReason, is_hand_over, next_states


class Verb(StrEnum):
    """What people do to an order."""

    DISPATCH = "dispatch"
    HAND_OVER = "hand-over"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    START = "start"
    WAIT = "wait"
    RESUME = "resume"
    COMPLETE = "complete"
    VERIFY = "verify"
    CALL_BACK = "call-back"
    CLOSE = "close"
    RECALL = "recall"
    CANCEL = "cancel"


# Resuming goes back to where the order was before it waited, so it has no state of its own.
_LEADS_TO = {
    Verb.DISPATCH: OrderState.DISPATCHED,
    Verb.HAND_OVER: OrderState.DISPATCHED,
    Verb.ACCEPT: OrderState.ACCEPTED,
    Verb.ARRIVE: OrderState.ON_SITE,
    Verb.START: OrderState.IN_PROGRESS,
    Verb.WAIT: OrderState.WAITING,
    Verb.COMPLETE: OrderState.COMPLETED,
    Verb.VERIFY: OrderState.VERIFIED,
    Verb.CALL_BACK: OrderState.CALLED_BACK,
    Verb.CLOSE: OrderState.CLOSED,
    Verb.RECALL: OrderState.OPEN,
    Verb.CANCEL: OrderState.CANCELLED,
}


class ActionField(BaseModel):
    """Something that a step asks for."""

    name: str
    required: bool
    allowed: list[str] | None = None


class Action(BaseModel):
    """A step that the order may take now: POST /work-orders/{id}/<name>."""

    name: Verb
    to: OrderState
    fields: list[ActionField]


@cache
def actions_of(
    state: OrderState,
    *,
    arrival_missing: bool,
    waited_from: OrderState,
    of_resident: bool = False,
) -> tuple[Action, ...]:
    """Return the steps that are possible now, the usual one first.

    Args:
        state: Where the order is.
        arrival_missing: Somebody has to be on site before the work begins, and nobody has been.
        waited_from: Where it goes on if it waits.
        of_resident: A resident asked for it.
    """
    states = next_states(
        state, needs_arrival=arrival_missing, arrived=False, of_resident=of_resident
    )
    allowed = set(states)
    actions: list[Action] = []
    if state is OrderState.WAITING:
        actions.append(_action(Verb.RESUME, waited_from))
        allowed -= {waited_from, OrderState.ACCEPTED, OrderState.IN_PROGRESS}
    possible = [
        (verb, to)
        for verb, to in _LEADS_TO.items()
        if to in allowed and verb is not _other_name(state, to)
    ]
    possible.sort(key=lambda step: _detour(state, step[1]))
    rest = (_action(verb, to, of_resident=of_resident) for verb, to in possible)
    return (*actions, *rest)


def _other_name(state: OrderState, to: OrderState) -> Verb:
    """Return the verb by which a step to dispatched is not called."""
    return Verb.DISPATCH if is_hand_over(state, to) else Verb.HAND_OVER


def _detour(state: OrderState, to: OrderState) -> int:
    """How far a step is from the usual walk: forward, pause, back, give up."""
    states = list(OrderState)
    if to is OrderState.CANCELLED:
        return 3
    if to is OrderState.WAITING:
        return 1
    return 0 if states.index(to) > states.index(state) else 2


def target_of(session: Session, order: WorkOrder, verb: Verb) -> OrderState:
    """Return the state that a verb leads to.

    Raises:
        ConflictError: Resuming what does not wait.
    """
    if verb is not Verb.RESUME:
        return _LEADS_TO[verb]
    if order.state != OrderState.WAITING:
        raise ConflictError(f"work order {order.id} is {order.state}; only a waiting one resumes")
    return state_before_wait(session, order)


def _action(name: Verb, to: OrderState, *, of_resident: bool = False) -> Action:
    note = ActionField(name="note", required=False)
    match to:
        case OrderState.DISPATCHED:
            needed = name is Verb.HAND_OVER
            fields = [ActionField(name="assignee", required=needed), note]
        case OrderState.WAITING:
            fields = [ActionField(name="reason", required=True, allowed=list(WaitReason)), note]
        case OrderState.CANCELLED:
            fields = [ActionField(name="reason", required=True)]
        case OrderState.CALLED_BACK if of_resident:
            said = ActionField(name="satisfaction", required=True, allowed=list(Satisfaction))
            fields = [said, note]
        case _:
            fields = [note]
    return Action(name=name, to=to, fields=fields)
