"""Tables of residents' repair requests, and of the places at which they are made."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base


class RepairRequest(Base):
    """What a resident asked for. Name, number and words are deleted after a while; the row stays.

    Nothing else of the records holds them, but messages to the resident hold the number.
    """

    __tablename__ = "repair_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), index=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    fault: Mapped[str]
    """Key of a ``Fault``."""
    text: Mapped[str]
    """In the resident's words; may name people."""
    name: Mapped[str]
    phone: Mapped[str]
    language: Mapped[str]
    """Of messages and of the page: zh or en."""
    wished_at: Mapped[int | None]
    """When somebody should come."""
    source: Mapped[str]
    """A ``Source``."""
    taken_at: Mapped[int]
    taken_by: Mapped[str | None]
    """The login that took it; none: the public page."""
    status_code: Mapped[str | None] = mapped_column(unique=True)
    """What the address of its status ends with; none when it is forgotten."""
    form_token: Mapped[str | None] = mapped_column(unique=True)
    """What its form was sent with; the same form sent twice is one request."""
    erased_at: Mapped[int | None]
    """Since when name, number and words are deleted."""


class RequestPlace(Base):
    """A code that hangs in a building or at a room; whoever scans it may ask for a repair there."""

    __tablename__ = "request_places"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"))
    """None: any room of the building, or with none of the estate."""
    building: Mapped[str]
    code: Mapped[str] = mapped_column(unique=True)
    """What its address ends with."""
    secret: Mapped[str]
    """Signs the forms that are given out at it."""
    made_at: Mapped[int]
    made_by: Mapped[str]
    ended_at: Mapped[int | None]
    """Since when the code leads nowhere."""
