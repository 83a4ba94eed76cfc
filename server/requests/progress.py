"""What a resident hears of its request: confirmation and progress, in its language."""

from datetime import time
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.assets.model import Site
from server.core.instant import rfc3339
from server.messages.addresses import phone_of
from server.messages.queue import send_to
from server.messages.receivers import QuietHours, Receiver
from server.requests.model import RepairRequest
from server.workorders.model import WorkOrder
from server.workorders.states import OrderState, WaitReason

STATUS_PATH: Final = "/r/s/"
"""Begin of the address of a status; its code follows."""
_NIGHT: Final = QuietHours(time(21), time(8))
"""What may wait is not sent to residents while they sleep."""


class Progress(StrEnum):
    """What is told; also the kind of the message."""

    RECEIVED = "request.received"
    APPOINTMENT = "request.appointment"
    ACCEPTED = "request.accepted"
    WAITING = "request.waiting"
    COMPLETED = "request.completed"
    CANCELLED = "request.cancelled"


PROGRESS_WORDS: Final = {
    Progress.RECEIVED: ("received", "已受理"),
    Progress.APPOINTMENT: ("somebody comes at the agreed time", "已预约上门时间"),
    Progress.ACCEPTED: ("somebody has taken it and will come", "维修人员已接单"),
    Progress.WAITING: ("waits for parts or a specialist", "等待配件或专业单位"),
    Progress.COMPLETED: ("the work is done; we will call you", "已维修完成, 我们将回访"),
    Progress.CANCELLED: ("cancelled", "已取消"),
}
_OF_STATE: Final = {
    OrderState.ACCEPTED: Progress.ACCEPTED,
    OrderState.WAITING: Progress.WAITING,
    OrderState.COMPLETED: Progress.COMPLETED,
    OrderState.CANCELLED: Progress.CANCELLED,
}


def receiver_of(request_id: int) -> str:
    """Return what a resident is called in the list of messages: never by name."""
    return f"request/{request_id}"


def status_address(settings: ServerSettings, request: RepairRequest) -> str:
    """Return the address at which the resident sees what became of it; empty without a server's."""
    url = settings.residents_url
    if url is None or request.status_code is None or not settings.repair_requests.public_page:
        return ""
    return f"{url}{STATUS_PATH}{request.status_code}"


def tell_progress(
    session: Session, order: WorkOrder, *, settings: ServerSettings, reason: str | None, now: int
) -> None:
    """Tell the residents of an order of the step that was taken just now, if it concerns them."""
    progress = _OF_STATE.get(OrderState(order.state))
    if progress is None or (progress is Progress.WAITING and reason == WaitReason.RESIDENT):
        return
    tell_residents(session, order, progress, settings=settings, now=now)


def tell_residents(
    session: Session,
    order: WorkOrder,
    progress: Progress,
    *,
    settings: ServerSettings,
    now: int,
    at: int | None = None,
) -> None:
    """Tell everybody who asked for an order; nobody when it is no resident's."""
    if not order.of_resident:
        return
    query = select(RepairRequest).where(
        RepairRequest.work_order_id == order.id, RepairRequest.erased_at.is_(None)
    )
    for request in session.scalars(query.order_by(RepairRequest.id)).all():
        tell_resident(session, request, progress, settings=settings, now=now, at=at)


def tell_resident(
    session: Session,
    request: RepairRequest,
    progress: Progress,
    *,
    settings: ServerSettings,
    now: int,
    at: int | None = None,
) -> None:
    """Write a short message to a resident, when there is a channel and the number takes one.

    Args:
        at: When somebody comes, UTC ms.
    """
    channel, phone = settings.repair_requests.channel, phone_of(request.phone)
    if channel is None or phone is None:
        return
    order = session.get_one(WorkOrder, request.work_order_id)
    # Whoever has just asked is awake.
    night = None if progress is Progress.RECEIVED else _NIGHT
    name, language = receiver_of(request.id), "en" if request.language == "en" else "zh"
    way = Receiver(name, channel, phone, language, night)
    send_to(
        session,
        [way],
        key=f"{progress}/{request.id}/{order.version}",
        kind=progress.value,
        severity=order.severity,
        incident_id=None,
        payload=_payload(session, order, progress, at=at, link=status_address(settings, request)),
        now=now,
    )


def _payload(
    session: Session, order: WorkOrder, progress: Progress, *, at: int | None, link: str
) -> dict[str, Any]:
    site = session.get_one(Site, order.site_id)
    english, chinese = PROGRESS_WORDS[progress]
    return {
        "title_en": f"{order.title_en}: {english}",
        "title_zh": f"{order.title_zh}: {chinese}",
        "resident": {
            "fault_en": order.title_en,
            "fault_zh": order.title_zh,
            "progress_en": english,
            "progress_zh": chinese,
        },
        "site_name_en": site.name_en or site.key,
        "site_name_zh": site.name_zh or site.key,
        **({} if at is None else {"due_at": rfc3339(at)}),
        **({"link": link} if link else {}),
    }
