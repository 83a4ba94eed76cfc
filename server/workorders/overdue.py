"""What follows when a clock is at risk or run out: an event, and who hears of it."""

from typing import Final

import structlog
from sqlalchemy.orm import Session

from config.work_orders import WorkOrderSettings
from server.assets.model import Site
from server.core.timers import DueTimer, take_timer
from server.people.channels import Channels
from server.people.service import has_persons, load_directory
from server.workorders.clock import clock_of, set_clock
from server.workorders.history import record_order_event
from server.workorders.model import WorkOrder
from server.workorders.service import get_order
from server.workorders.sla import Forecast, Target
from server.workorders.telling import tell_persons

log = structlog.get_logger()

AT_RISK: Final = "work-order.breach_forecast"
LATE: Final = "work-order.breached"
_WORDS: Final = {
    Target.RESPOND: ("nobody has accepted it", "无人接单"),
    Target.ARRIVE: ("nobody is on site", "无人到场"),
    Target.COMPLETE: ("it is not completed", "未完成"),
}


def on_due(
    session: Session,
    timer: DueTimer,
    *,
    settings: WorkOrderSettings,
    channels: Channels,
    now: int,
) -> str | None:
    """Say once that an order will be late, or is; return which, None when it is neither by now.

    The leader on duty hears of the first, the manager of the second.
    """
    order = get_order(session, timer.payload["order"], lock=True)
    if not take_timer(session, timer):
        return None
    target = Target(timer.payload["target"])
    clock = clock_of(session, order, now=now, settings=settings).of(target)
    # It may have been met, paused or moved since; then this sets the timer that is left.
    set_clock(session, order, now=now, settings=settings)
    if clock.forecast not in {Forecast.AT_RISK, Forecast.LATE} or clock.met_at is not None:
        return None
    kind = LATE if clock.forecast is Forecast.LATE else AT_RISK
    record_order_event(session, order, kind=kind, at=now)
    _tell(session, order, target, kind=kind, due_at=clock.due_at or now, channels=channels, now=now)
    log.warning("work_order_clock", work_order=order.id, target=target.value, kind=kind)
    return kind


def _tell(
    session: Session,
    order: WorkOrder,
    target: Target,
    *,
    kind: str,
    due_at: int,
    channels: Channels,
    now: int,
) -> None:
    if not has_persons(session):
        return
    directory = load_directory(session, channels)
    site = session.get_one(Site, order.site_id)
    leaders = directory.leaders(site.key, order.trade, now)
    managers = directory.managers(site.key, order.trade)
    tell_persons(
        session,
        order,
        [*leaders, *managers] if kind == LATE else leaders or managers,
        directory=directory,
        kind=kind,
        # The instant is in it: a new appointment is another occasion.
        occasion=f"{kind}/{order.id}/{target}/{due_at}",
        words=_WORDS[target],
        due_at=due_at,
        now=now,
    )
