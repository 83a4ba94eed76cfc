"""Events of equipment: what became of it, with the words that name it."""

from typing import Any

from sqlalchemy.orm import Session

from server.assets.model import Equipment
from server.core.records import record_event


def record_equipment(
    session: Session,
    equipment: Equipment,
    *,
    kind: str,
    at: int,
    by: str | None = None,
    more: dict[str, Any] | None = None,
) -> None:
    """Write the event ``equipment.<kind>`` into the transaction.

    Args:
        session: The transaction.
        equipment: What it is about.
        kind: What happened, in the past tense.
        at: UTC ms.
        by: Who did it.
        more: What else the event says.
    """
    record_event(
        session,
        at=at,
        topic="equipment",
        kind=f"equipment.{kind}",
        subject_id=equipment.id,
        by=by,
        payload={
            "id": equipment.id,
            "key": equipment.key,
            "equipment_class": equipment.equipment_class,
            "name_en": equipment.name_en,
            "name_zh": equipment.name_zh,
            **(more or {}),
        },
    )
