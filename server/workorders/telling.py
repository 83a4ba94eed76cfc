"""Messages about an order to people of the house."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from config.classes import Severity
from server.assets.model import Site
from server.core.instant import rfc3339
from server.incidents.model import Incident
from server.messages.queue import send_to
from server.people.directory import Directory
from server.workorders.history import place_of, summary
from server.workorders.model import WorkOrder

HANDED_OVER: Final = "shift.handed_over"
"""Kind of the message to whoever goes on when a shift changes."""


def tell_persons(
    session: Session,
    order: WorkOrder,
    persons: Iterable[str],
    *,
    directory: Directory,
    kind: str,
    occasion: str,
    words: tuple[str, str],
    due_at: int | None,
    now: int,
) -> None:
    """Write one message about an order to each person.

    Args:
        session: The transaction.
        order: What it is about.
        persons: Keys; whom no channel leads to is left out.
        directory: Everybody.
        kind: What it tells.
        occasion: Once for each of these and person.
        words: What follows the title of the order, in English and Chinese.
        due_at: By when something has to be done, UTC ms.
        now: UTC ms.
    """
    payload = _payload(session, order, words, due_at=due_at)
    for person in dict.fromkeys(persons):
        receivers = directory.receivers(person)
        if receivers:
            send_to(
                session,
                receivers,
                key=f"{occasion}/{person}",
                kind=kind,
                severity=order.severity,
                incident_id=None,
                payload=payload,
                now=now,
            )


def tell_of_hand_over(
    session: Session,
    site: Site,
    person: str,
    things: Sequence[WorkOrder | Incident],
    *,
    directory: Directory,
    by: str,
    now: int,
) -> None:
    """Write one message to whoever goes on with orders and incidents when the shift changes."""
    if person not in directory.people.persons:
        return
    # Whoever is on duty, or is about to be, is told at any hour.
    receivers = directory.receivers(person, at_any_hour=True)
    if not receivers:
        return
    count = len(things)
    send_to(
        session,
        receivers,
        key=f"{HANDED_OVER}/{site.key}/{now}/{person}",
        kind=HANDED_OVER,
        severity=min((one.severity for one in things), key=lambda one: Severity(one).rank),
        incident_id=None,
        payload={
            "title_en": f"You go on with {count} thing{'' if count == 1 else 's'}",
            "title_zh": f"接手 {count} 项",
            "text_en": "; ".join(f"{_number(one)} {one.title_en}" for one in things),
            "text_zh": "、".join(f"{_number(one)} {one.title_zh}" for one in things),
            "incident": {
                "site_key": site.key,
                "site_name_en": site.name_en,
                "site_name_zh": site.name_zh,
            },
            "work_order_ids": [one.id for one in things if isinstance(one, WorkOrder)],
            "incident_ids": [one.id for one in things if isinstance(one, Incident)],
            "by": by,
        },
        now=now,
    )


def _number(thing: WorkOrder | Incident) -> str:
    return f"#{thing.id}" if isinstance(thing, WorkOrder) else f"!{thing.id}"


def _payload(
    session: Session, order: WorkOrder, words: tuple[str, str], *, due_at: int | None
) -> dict[str, Any]:
    site, place = session.get_one(Site, order.site_id), place_of(session, order)
    english, chinese = words
    return {
        "incident": {
            "title_en": f"{order.title_en}: {english}",
            "title_zh": f"{order.title_zh} {chinese}",
            "site_key": site.key,
            "site_name_en": site.name_en,
            "site_name_zh": site.name_zh,
            "equipment_key": place.key,
            "equipment_name_en": place.name_en,
            "equipment_name_zh": place.name_zh,
            "opened_at": rfc3339(order.opened_at),
        },
        "work_order": summary(session, order),
        **({} if due_at is None else {"due_at": rfc3339(due_at)}),
    }
