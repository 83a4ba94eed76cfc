"""The clock of an order as its lines say it, and the timers that run by it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from config.work_orders import TargetsOfLevel, WorkOrderSettings
from server.core.timers import cancel_timer, set_timer
from server.workorders.history import REOPENS, EventKind, events_of
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.sla import (
    Forecast,
    Level,
    RiskSettings,
    Sla,
    Step,
    Target,
    sla_of,
)
from server.workorders.states import OrderState

DUE = "work-order-due"
"""Kind of the timers of clocks."""
_LEVELS = frozenset({EventKind.OPENED, EventKind.SEVERITY, *REOPENS})
PRESETS = WorkOrderSettings()
"""What holds without a server file, and for orders from before presets were kept with them."""
_RUNS = frozenset({Forecast.ON_TRACK, Forecast.AT_RISK})


class Repair(NamedTuple):
    """The lines of one repair: since the order was opened, or opened again."""

    number: int
    """Counts from 1."""
    events: Sequence[WorkOrderEvent]


def repairs_of(events: Sequence[WorkOrderEvent]) -> Iterator[Repair]:
    """Yield the repairs of an order, oldest first."""
    starts = [0, *(index for index, row in enumerate(events) if row.kind in REOPENS)]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), start=1):
        yield Repair(number, events[start:end])


def sla_of_repair(repair: Repair, *, now: int, risk: RiskSettings | None = None) -> Sla:
    """Return the clock of one repair."""
    opened_at = repair.events[0].at
    levels = [_level(row) for row in repair.events if row.kind in _LEVELS]
    steps = [
        Step(row.at, OrderState(row.to_state))
        for row in repair.events
        if row.from_state != row.to_state
    ]
    appointments = [row.appointment_at for row in repair.events if row.appointment_at is not None]
    return sla_of(
        opened_at,
        steps,
        levels=levels,
        appointments=appointments,
        risk=risk or RiskSettings(),
        now=now,
    )


def clock_of(
    session: Session, order: WorkOrder, *, now: int, settings: WorkOrderSettings = PRESETS
) -> Sla:
    """Return the order's clock, computed from its lines.

    What was opened again has a new clock: it is another repair.
    """
    session.flush()
    events = events_of(session, order.id)
    if not events:
        return sla_of(order.opened_at, [], levels=[], now=now)
    *_, repair = repairs_of(events)
    return sla_of_repair(repair, now=now, risk=risk_of(settings))


def risk_of(settings: WorkOrderSettings) -> RiskSettings:
    """Return when a clock is at risk."""
    sla = settings.sla
    return RiskSettings(sla.warn_share, round(sla.warn_before_appointment_min * 60_000))


def set_clock(
    session: Session, order: WorkOrder, *, now: int, settings: WorkOrderSettings = PRESETS
) -> Sla:
    """Write when somebody must be on site, and set the timers of what is due."""
    sla = clock_of(session, order, now=now, settings=settings)
    order.on_site_due_at = sla.on_site_due_at
    for target in Target:
        clock = sla.of(target)
        if clock.forecast not in _RUNS or clock.due_at is None or clock.at_risk_at is None:
            cancel_timer(session, _key(order.id, target))
            continue
        at_risk = now >= clock.at_risk_at
        # Late is what is done after it was due: at that very millisecond it is not late yet.
        due_at = clock.due_at + 1 if at_risk else clock.at_risk_at
        set_timer(
            session,
            _key(order.id, target),
            kind=DUE,
            due_at=due_at,
            payload={"order": order.id, "target": target.value},
        )
    return sla


def _level(row: WorkOrderEvent) -> Level:
    if row.targets is None:
        kept = PRESETS.level(row.reason or "low")
    else:
        kept = TargetsOfLevel.model_validate(row.targets)
    return Level(row.at, kept.targets, kept.hours)


def _key(order_id: int, target: Target) -> str:
    return f"{DUE}/{order_id}/{target}"
