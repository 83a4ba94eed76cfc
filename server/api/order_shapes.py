"""What the interface says of work orders, and what it takes of a step."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from config.classes import Severity
from server.api.alarms import AlarmItem
from server.api.shapes import Instant, fields_of
from server.api.steps import Action
from server.api.strict import Body
from server.core.problem import FieldError
from server.workorders.assignees import AssigneeKind
from server.workorders.attachments import FileKind
from server.workorders.history import EventKind, Origin, Satisfaction
from server.workorders.lines import LineKind, price_fen
from server.workorders.model import WorkOrderLine
from server.workorders.sla import Forecast
from server.workorders.states import OrderState


class OrderFilter(StrEnum):
    """Which orders a list shows; open is all that are not over."""

    OPEN = "open"
    ALL = "all"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SITE = "on_site"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    COMPLETED = "completed"
    VERIFIED = "verified"
    CALLED_BACK = "called_back"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OrderItem(BaseModel):
    """Work to do on a piece of equipment, or in a room because a resident asked for it."""

    id: int
    equipment_id: int | None
    equipment: str | None
    """Its key; null in a room, as its names."""
    equipment_name_en: str | None
    equipment_name_zh: str | None
    site: str
    """Key of the estate."""
    room_id: int | None
    room: str | None
    """Key of the room; null at equipment."""
    building: str | None
    of_resident: bool
    """A resident asked for it, who is called back before it is closed."""
    incident_id: int | None
    cause: str
    trade: str
    severity: Severity
    life_safety: bool
    title_en: str
    title_zh: str
    state: OrderState
    assignee: str | None
    """Key of a person or contractor, or name of a login."""
    assignee_kind: AssigneeKind | None
    opened_at: Instant
    on_site_due_at: Instant | None
    """Somebody must be on site by then."""
    closed_at: Instant | None
    recovered_at: Instant | None
    """Since when the equipment is normal again although nobody was there; the order stays open."""
    repeat_failures: int
    """How often the same fault came back soon after the work was done."""
    version: int
    """Counts changes; also the ETag."""
    arrival_missing: bool
    """Somebody has to be on site before the work begins, and nobody has been."""
    waited_from: OrderState | None
    """Where a waiting order goes on."""
    actions: list[Action]
    """Steps that are possible now; GET /work-orders/walk has those of every state."""


class OrderEventItem(BaseModel):
    """A step: who, when, from where to where; or a line that changes no state."""

    at: Instant
    kind: EventKind
    from_state: str | None
    to_state: str
    by: str
    reason: str | None
    note: str | None
    device: str | None
    """What it was done with."""
    latitude: float | None
    longitude: float | None
    accuracy_m: float | None
    appointment_at: Instant | None
    """When somebody comes; of an appointment."""
    satisfaction: Satisfaction | None
    """What the resident said; of a return call."""
    from_assignee: str | None
    """Who had the order before, when it changed hands; null: nobody."""
    to_assignee: str | None
    """Who has it since, when it changed hands; null: as before, or nobody."""


class FileItem(BaseModel):
    """A photo, a document or a signature."""

    id: int
    kind: FileKind
    name: str
    """Of a signature who signed."""
    media_type: str
    size: int
    """Bytes."""
    has_thumbnail: bool
    added_at: Instant
    added_by: str


class LineItem(BaseModel):
    """A part that was used, or hours that were worked."""

    id: int
    kind: LineKind
    name: str
    quantity: float
    unit: str
    unit_price_fen: int
    """0.01 yuan for one unit."""
    price_fen: int
    added_at: Instant
    added_by: str

    @classmethod
    def of(cls, row: WorkOrderLine) -> "LineItem":
        """Show the row."""
        return cls.model_validate(fields_of(row) | {"price_fen": price_fen(row)})


class TargetItem(BaseModel):
    """One thing that has to be done in time."""

    due_at: Instant | None
    met_at: Instant | None
    late: bool
    forecast: Forecast
    at_risk_at: Instant | None
    """From then on the forecast is that it will be late."""


class SlaItem(BaseModel):
    """The order's clock, computed from its steps; of the last repair if it was opened again."""

    respond: TargetItem
    """Somebody accepts it."""
    arrive: TargetItem
    """Somebody is on site."""
    complete: TargetItem
    on_site_due_at: Instant | None
    on_site_at: Instant | None
    on_site_late: bool
    running_ms: int
    """From opening to completion or now, without the pauses."""
    paused_ms: int


class OrderDetail(OrderItem):
    """One order with its steps, its evidence and its clock."""

    events: list[OrderEventItem]
    evidence: list[AlarmItem]
    files: list[FileItem]
    """GET /work-orders/{id}/files/{file_id} gives what one holds, .../thumbnail a small image."""
    lines: list[LineItem]
    cost_fen: int
    """Of all lines, 0.01 yuan."""
    sla: SlaItem


class OriginIn(Body):
    """From where something is done."""

    device: Annotated[str | None, Field(max_length=100)] = None
    """Name of the device."""
    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    """Degrees, WGS 84."""
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None
    accuracy_m: Annotated[float | None, Field(ge=0, le=100_000)] = None

    @property
    def origin(self) -> Origin:
        """The same for the records.

        Raises:
            FieldError: Half a position.
        """
        for name, other in (("latitude", "longitude"), ("longitude", "latitude")):
            if getattr(self, name) is None and getattr(self, other) is not None:
                raise FieldError(f"body.{name}", f"a position has it beside {other}")
        return Origin(self.device, self.latitude, self.longitude, self.accuracy_m)


class StepIn(OriginIn):
    """Fields of a step; ``actions`` of the order lists which a step needs."""

    note: Annotated[str | None, Field(max_length=2000)] = None
    reason: Annotated[str | None, Field(max_length=500)] = None
    """Cancelling as ``false_alarm`` counts its alarms against their rules."""
    assignee: Annotated[str | None, Field(max_length=64)] = None
    """To whom it is dispatched: key of a person or contractor, or a login; default: to oneself."""
    satisfaction: Satisfaction | None = None
    """What the resident said in the return call."""
