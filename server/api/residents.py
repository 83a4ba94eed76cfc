"""What is shown of a resident's request, and to whom name and number are."""

import re
from typing import Any

from pydantic import BaseModel

from server.access.principal import Principal
from server.access.rights import needs_own, permits
from server.access.roles import Permission
from server.api.shapes import Instant
from server.workorders.states import OrderState

_DIGITS = re.compile(r"\d(?:[\s\-.]?\d){5,}")
"""What may be a telephone number in somebody's words."""


class RequestItem(BaseModel):
    """What a resident asked for."""

    id: int
    work_order_id: int
    state: OrderState
    """Of the order."""
    site: str
    room: str
    """Key of the room."""
    building: str
    fault: str
    text: str
    """In the resident's words; numbers in it are hidden from those who may not see them."""
    name: str | None
    """Null without the right residents.contact; of those who see their own orders only, null for
    the orders of others. Empty when it is deleted."""
    phone: str | None
    """Likewise."""
    language: str
    wished_at: Instant | None
    source: str
    """desk or public."""
    taken_at: Instant
    taken_by: str | None
    erased_at: Instant | None
    """Since when name, number and words are deleted."""


def may_see_contact(caller: Principal, assignee: str | None) -> bool:
    """Return whether somebody needs name and number of a resident.

    Args:
        caller: Who asks; an order that it may see is asked for before.
        assignee: Who has the order.
    """
    if not permits(caller, Permission.RESIDENTS_CONTACT):
        return False
    return caller.is_own(assignee) or not needs_own(caller, Permission.RESIDENTS_CONTACT)


def request_item(fields: dict[str, Any], caller: Principal | None) -> RequestItem:
    """Show a request, to nobody in particular without its contact."""
    if caller is None or not may_see_contact(caller, fields["assignee"]):
        fields |= {"name": None, "phone": None, "text": _DIGITS.sub("…", fields["text"])}
    return RequestItem.model_validate(fields)
