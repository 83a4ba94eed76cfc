"""What happens to a command: given, sent until it is answered, settled. Each a transaction's part.

The gateway decides; the server refuses at once only what it knows to be hopeless.
"""

import json
import re
import uuid
from collections.abc import Callable, Sequence
from enum import StrEnum
from math import isfinite
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.errors import ValueRangeError
from protocols.reading import Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import PROPERTY_BY
from protocols.sparkplug.payload import Metric, encode_payload
from protocols.sparkplug.topics import MessageKind, Topic
from server.assets.model import Equipment, Gateway, Point, Site
from server.assets.naming import metric_name
from server.commands.model import Command
from server.core.errors import ConflictError, InvalidError
from server.core.records import record_event

VALID_MS: Final = 30_000
"""How long a gateway may still carry it out."""
RESEND_MS: Final = 3_000
GRACE_MS: Final = 15_000
"""How long an answer may be on its way after that."""
_WHOLE: Final = range(DataType.INT8, DataType.UINT64 + 1)
_FLOATING: Final = (DataType.FLOAT, DataType.DOUBLE)


class CommandState(StrEnum):
    """How far a command has come."""

    ASKED = "asked"
    SENT = "sent"
    DONE = "done"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    """It never left: the broker was away until it was too late."""
    UNANSWERED = "unanswered"
    """It left, and no answer came; nobody knows whether it was done."""


UNDER_WAY: Final = (CommandState.ASKED, CommandState.SENT)
_BEYOND: Final = 2**64
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")
_ANSWERS: Final = frozenset({"done", "unconfirmed", "refused", "failed"})


class Answer(NamedTuple):
    """What a gateway says of a command; ``text`` is the JSON of its ``Command/Result``."""

    equipment_id: int
    text: str


class Parcel(NamedTuple):
    """A DCMD to publish."""

    command_id: int
    topic: str
    payload: bytes


def give(session: Session, point: Point, value: Value, *, reason: str, by: str, at: int) -> Command:
    """Write a command down; it is sent right after the commit.

    Raises:
        ConflictError: The point cannot be commanded, or its equipment does not answer.
        InvalidError: The value is not of the point's type or out of its range.
    """
    equipment = session.get_one(Equipment, point.equipment_id)
    if not point.writable:
        raise ConflictError(f"{point.key} is read only")
    if not equipment.online:
        raise ConflictError(f"{equipment.key} does not answer ({equipment.reason or 'offline'})")
    row = Command(
        key=str(uuid.uuid4()),
        point_id=point.id,
        equipment_id=equipment.id,
        value=_checked(value, point),
        reason=reason,
        asked_by=by,
        asked_at=at,
        expires_at=at + VALID_MS,
        state=CommandState.ASKED,
        due_at=at,
    )
    session.add(row)
    session.flush()
    try:
        parcel_of(session, row)
    except ValueRangeError as error:
        raise InvalidError(f"value: {error}") from error
    _note(session, row, point, kind="command.asked", at=at, by=by)
    record_event(
        session,
        at=at,
        topic="audit",
        kind="command.given",
        subject_id=row.id,
        by=by,
        payload={"point": point.key, "value": row.value, "reason": reason},
    )
    return row


AliasOf = Callable[[str, str], int | None]
"""Key of equipment and name of a point to the alias that the birth gave it."""


def no_alias(_equipment: str, _point: str) -> None:
    """Know none."""


def parcel_of(session: Session, row: Command, alias_of: AliasOf = no_alias) -> Parcel:
    """Return the DCMD of a command; a metric that was born with an alias is named by it alone."""
    point = session.get_one(Point, row.point_id)
    equipment = session.get_one(Equipment, row.equipment_id)
    site = session.get_one(Site, equipment.site_id).key
    gateway = session.get_one(Gateway, equipment.gateway_id).key.removeprefix(f"{site}/")
    device = equipment.key.removeprefix(f"{site}/{gateway}/")
    alias = alias_of(equipment.key, point.name)
    metric = Metric(
        name=metric_name(point.name) if alias is None else None,
        alias=alias,
        datatype=DataType(point.datatype),
        timestamp=row.asked_at,
        value=row.value,
        reason=row.reason,
        properties={PROPERTY_BY: row.asked_by},
    )
    topic = Topic(site, MessageKind.DCMD, gateway, device).format()
    return Parcel(row.id, topic, encode_payload([metric], timestamp=row.asked_at, uuid=row.key))


def due(session: Session, now: int, alias_of: AliasOf = no_alias) -> list[Parcel]:
    """Give up what is too late; return what is to be sent now, oldest first."""
    rows = session.scalars(
        select(Command)
        .where(Command.state.in_(UNDER_WAY), Command.due_at <= now)
        .order_by(Command.id)
        .limit(100)
    ).all()
    parcels: list[Parcel] = []
    for row in rows:
        if now < row.expires_at:
            row.due_at = min(now + RESEND_MS, row.expires_at)
            parcels.append(parcel_of(session, row, alias_of))
        elif row.state == CommandState.ASKED:
            _end(session, row, CommandState.EXPIRED, at=now)
        elif now < row.expires_at + GRACE_MS:
            row.due_at = row.expires_at + GRACE_MS
        else:
            _end(session, row, CommandState.UNANSWERED, at=now)
    return parcels


def sent(session: Session, ids: Sequence[int], at: int) -> None:
    """Record that commands have left; one that is answered already stays answered."""
    for row in session.scalars(select(Command).where(Command.id.in_(ids))):
        if row.state == CommandState.ASKED:
            row.state, row.sent_at = CommandState.SENT, at


def take_answers(session: Session, answers: Sequence[Answer], at: int) -> None:
    """Record the answers of gateways; a late answer counts as well."""
    for one in answers:
        fields = _read(one.text)
        key = fields.get("id")
        row = session.scalar(select(Command).where(Command.key == key)) if key else None
        # Only the equipment that was asked may answer, and only once.
        if row is None or row.equipment_id != one.equipment_id:
            continue
        if fields.get("status") not in _ANSWERS or row.state in _ANSWERS:
            continue
        row.before, row.after = fields.get("before"), fields.get("after")
        row.refusal = str(fields.get("reason") or "")[:500]
        _end(session, row, CommandState(str(fields["status"])), at=at)


def _end(session: Session, row: Command, state: CommandState, *, at: int) -> None:
    row.state, row.settled_at = state, at
    point = session.get_one(Point, row.point_id)
    _note(session, row, point, kind="command.settled", at=at, by=row.asked_by)


def _note(session: Session, row: Command, point: Point, *, kind: str, at: int, by: str) -> None:
    payload = {
        "id": row.id,
        "point_id": row.point_id,
        "point": point.key,
        "equipment_id": row.equipment_id,
        "state": str(row.state),
        "value": row.value,
        "before": row.before,
        "after": row.after,
        "refusal": row.refusal or "",
    }
    record_event(
        session, at=at, topic="commands", kind=kind, subject_id=row.id, by=by, payload=payload
    )


def _checked(value: Value, point: Point) -> Value:
    if point.datatype == DataType.STRING:
        if not isinstance(value, str):
            raise InvalidError("value: expected text")
        return value
    if point.datatype == DataType.BOOLEAN:
        if not isinstance(value, bool):
            raise InvalidError("value: expected true or false")
        return value
    if point.datatype in _WHOLE and isinstance(value, str) and _DIGITS.fullmatch(value):
        # As such numbers leave: JavaScript could not send the large ones otherwise.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidError("value: expected a number")
    if not (-_BEYOND < value < _BEYOND if isinstance(value, int) else isfinite(value)):
        raise InvalidError("value: expected a number of at most 64 bits")
    if point.datatype in _WHOLE and value != int(value):
        raise InvalidError("value: expected a whole number")
    low, high = point.minimum, point.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise InvalidError(f"value: expected {low} to {high}, got {value}")
    return float(value) if point.datatype in _FLOATING else int(value)


def _read(text: str) -> dict[str, Any]:
    try:
        fields: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}
