"""Taking a resident's request, in one transaction with its order and its messages."""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.phone import phone_problem
from config.server import ServerSettings
from server.assets.model import Room
from server.core.errors import ArgumentError, NotFoundError
from server.people.channels import Channels
from server.requests.faults import Fault
from server.requests.model import RepairRequest
from server.requests.progress import Progress, tell_resident
from server.requests.staff import tell_staff
from server.workorders.dispatching import dispatch_new
from server.workorders.model import WorkOrder
from server.workorders.of_rooms import Became, Need, order_for
from server.workorders.service import get_order, make_appointment
from server.workorders.states import OrderState, is_done

RESIDENT = "resident"
"""Who writes what the public page has taken."""
_CODE_BYTES = 15
"""120 bits: nobody finds a status by trying."""


class Source(StrEnum):
    """How a request came."""

    DESK = "desk"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a resident asks for."""

    room: Room
    fault: Fault
    name: str
    phone: str
    text: str = ""
    language: str = "zh"
    wished_at: int | None = None
    agreed: bool = False
    """The wished time was agreed on: it is the appointment."""
    by: str | None = None
    """The login that takes it; none: the public page."""
    form_token: str | None = None


class Taken(NamedTuple):
    """What became of it."""

    request: RepairRequest
    became: Became


def take_request(
    session: Session, wish: Wish, *, settings: ServerSettings, channels: Channels, now: int
) -> Taken:
    """Write a request down; the resident and those whose work it is hear of it.

    Raises:
        ArgumentError: The number is none, or the wished time is past.
    """
    sent = None if wish.form_token is None else sent_before(session, wish.form_token)
    if sent is not None:
        return Taken(sent, Became.JOINED)
    _check(wish, now=now)
    by, orders = wish.by or RESIDENT, settings.work_orders
    need = Need(
        wish.room,
        cause=wish.fault.key,
        trade=wish.fault.trade.value,
        severity=wish.fault.severity.value,
        title_en=wish.fault.name_en,
        title_zh=wish.fault.name_zh,
    )
    join_ms = settings.repair_requests.join_ms
    order, became = order_for(session, need, by=by, join_ms=join_ms, settings=orders, now=now)
    request = RepairRequest(
        work_order_id=order.id,
        room_id=wish.room.id,
        fault=wish.fault.key,
        text=wish.text.strip(),
        name=wish.name.strip(),
        phone=wish.phone.strip(),
        language=wish.language,
        wished_at=wish.wished_at,
        source=(Source.PUBLIC if wish.by is None else Source.DESK).value,
        taken_at=now,
        taken_by=wish.by,
        status_code=secrets.token_urlsafe(_CODE_BYTES),
        form_token=wish.form_token,
    )
    session.add(request)
    session.flush()
    if wish.agreed and wish.wished_at is not None:
        make_appointment(
            session, order.id, at=wish.wished_at, note=None, by=by, now=now, settings=orders
        )
    if became is Became.OPENED:
        dispatch_new(session, order, by=by, settings=orders, now=now)
    if became is not Became.JOINED:
        tell_staff(session, order, channels=channels, now=now)
    tell_resident(session, request, Progress.RECEIVED, settings=settings, now=now)
    return Taken(request, became)


def request_of_code(session: Session, code: str) -> tuple[RepairRequest, WorkOrder]:
    """Return the request that the address of a status leads to, and its order.

    Raises:
        NotFoundError: The address leads nowhere, or it is forgotten.
    """
    row = session.scalar(select(RepairRequest).where(RepairRequest.status_code == code))
    if row is None:
        raise NotFoundError("this address leads nowhere, or its request is over")
    return row, get_order(session, row.work_order_id)


def sent_before(session: Session, token: str) -> RepairRequest | None:
    """Return the request that the same form has made already."""
    return session.scalar(select(RepairRequest).where(RepairRequest.form_token == token))


def is_open(order: WorkOrder) -> bool:
    """Return whether somebody still works on what was asked for."""
    state = OrderState(order.state)
    return not is_done(state) and state is not OrderState.CANCELLED


def _check(wish: Wish, *, now: int) -> None:
    if not wish.name.strip():
        raise ArgumentError("name", "say whom to ask for")
    problem = phone_problem(wish.phone.strip())
    if problem:
        raise ArgumentError("phone", problem)
    if wish.wished_at is not None and wish.wished_at <= now:
        raise ArgumentError("wished_at", "is past")
    if wish.agreed and wish.wished_at is None:
        raise ArgumentError("wished_at", "say which time was agreed on")
