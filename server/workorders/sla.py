"""The clock of a work order, computed from its events and never from running totals; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server.workorders.states import OrderState

ON_SITE_MS = 30 * 60_000
"""Urgent repair: somebody is on site within 30 minutes."""


class Step(NamedTuple):
    """One event of the order."""

    at: int
    to: OrderState


@dataclass(frozen=True, slots=True)
class Sla:
    """What the events say about time, ms."""

    on_site_due_at: int | None
    """None when nobody must be there by a certain time."""
    on_site_at: int | None
    paused_ms: int
    """Waiting for parts, vendor or resident."""
    running_ms: int
    """From opening to completion, or to now, without the pauses."""
    on_site_late: bool


def sla_of(opened_at: int, steps: Sequence[Step], *, urgent_since: int | None, now: int) -> Sla:
    """Return the clock at ``now``; ``steps`` in order.

    Args:
        urgent_since: When it was opened as urgent or became so; None when it is not.
    """
    on_site_at = next((step.at for step in steps if step.to is OrderState.ON_SITE), None)
    done_at = _done_at(steps)
    end = now if done_at is None else done_at
    paused = _paused(steps, since=opened_at, until=end)
    arrival = end if on_site_at is None else on_site_at
    due = None
    if urgent_since is not None:
        due = urgent_since + ON_SITE_MS + _paused(steps, since=urgent_since, until=arrival)
    return Sla(
        on_site_due_at=due,
        on_site_at=on_site_at,
        paused_ms=paused,
        running_ms=max(end - opened_at - paused, 0),
        on_site_late=due is not None and arrival > due,
    )


def _done_at(steps: Sequence[Step]) -> int | None:
    """Return when it was completed or given up for good; work that was refused reopens it."""
    at = None
    for step in steps:
        if step.to in {OrderState.COMPLETED, OrderState.CANCELLED}:
            at = step.at
        elif step.to in {OrderState.IN_PROGRESS, OrderState.WAITING}:
            at = None
    return at


def _paused(steps: Sequence[Step], *, since: int, until: int) -> int:
    """Return how much of the span was spent waiting, ms."""
    total = 0
    ends = [step.at for step in steps[1:]] + [until]
    for step, end in zip(steps, ends, strict=False):
        if step.to is OrderState.WAITING:
            total += max(min(end, until) - max(step.at, since), 0)
    return total
