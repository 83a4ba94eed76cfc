"""What happens to a command: given, sent until it is answered, settled. Each a transaction's part.

The gateway decides; the server refuses at once only what it knows to be hopeless.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
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
from server.core.errors import ArgumentError, ConflictError
from server.core.records import record_event

VALID_MS: Final = 30_000
"""How long a gateway may still carry it out."""
RESEND_MS: Final = 3_000
SECOND_PERSON_MS: Final = 300_000
"""How long a command waits for a second person."""
GRACE_MS: Final = 15_000
"""How long an answer may be on its way after that."""
_WHOLE: Final = range(DataType.INT8, DataType.UINT64 + 1)
_FLOATING: Final = (DataType.FLOAT, DataType.DOUBLE)


class CommandState(StrEnum):
    """How far a command has come."""

    PROPOSED = "proposed"
    """It waits for a second person."""
    ASKED = "asked"
    SENT = "sent"
    DONE = "done"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    """It never left: no second person came, or the broker was away until it was too late."""
    WITHDRAWN = "withdrawn"
    """It never left: somebody took it back before a second person confirmed it."""
    UNANSWERED = "unanswered"
    """It left, and no answer came; nobody knows whether it was done."""


UNDER_WAY: Final = (CommandState.PROPOSED, CommandState.ASKED, CommandState.SENT)
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


def give(
    session: Session,
    point: Point,
    value: Value,
    *,
    reason: str,
    by: str,
    at: int,
    key: str | None = None,
    second_person: bool = False,
) -> Command:
    """Write a command down; it is sent right after the commit, or when it is confirmed.

    Args:
        session: The transaction.
        point: What is commanded.
        value: What it shall be.
        reason: Why; it goes on record.
        by: Who.
        at: UTC ms.
        key: The command with this key is given once; by default a new one.
        second_person: It waits until another person confirms it.

    Raises:
        ConflictError: The point cannot be commanded, or its equipment does not answer.
        ArgumentError: The value is not of the point's type or out of its range.
    """
    if key is not None:
        known = session.scalar(select(Command).where(Command.key == key))
        if known is not None:
            return known
    equipment = session.get_one(Equipment, point.equipment_id)
    if not point.writable:
        raise ConflictError(f"{point.key} is read only")
    if not equipment.online:
        raise ConflictError(f"{equipment.key} does not answer ({equipment.reason or 'offline'})")
    row = Command(
        key=key or str(uuid.uuid4()),
        point_id=point.id,
        equipment_id=equipment.id,
        value=_checked(value, point),
        reason=reason,
        asked_by=by,
        asked_at=at,
        expires_at=at + (SECOND_PERSON_MS if second_person else VALID_MS),
        state=CommandState.PROPOSED if second_person else CommandState.ASKED,
        due_at=at + SECOND_PERSON_MS if second_person else at,
    )
    try:
        parcel_of(session, row)
    except ValueRangeError as error:
        raise ArgumentError("value", str(error)) from error
    # Only now: who goes on after the refusal commits what was added before it.
    session.add(row)
    session.flush()
    kind = "command.proposed" if second_person else "command.asked"
    record_command_event(session, row, point, kind=kind, at=at, by=by)
    record_audit(session, row, point, kind="command.given", at=at, by=by)
    return row


def record_audit(
    session: Session, row: Command, point: Point, *, kind: str, at: int, by: str
) -> None:
    """Write who did what with a command."""
    payload = {"point": point.key, "value": row.value, "reason": row.reason}
    record_event(
        session, at=at, topic="audit", kind=kind, subject_id=row.id, by=by, payload=payload
    )


_AT_ONCE = 100
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
    # A gateway judges its age, which begins when it is allowed.
    given_at = row.confirmed_at or row.asked_at
    people = row.asked_by if row.confirmed_by is None else f"{row.asked_by}, {row.confirmed_by}"
    metric = Metric(
        name=metric_name(point.name) if alias is None else None,
        alias=alias,
        datatype=DataType(point.datatype),
        timestamp=given_at,
        value=row.value,
        reason=row.reason,
        properties={PROPERTY_BY: people},
    )
    topic = Topic(site, MessageKind.DCMD, gateway, device).format()
    return Parcel(row.id, topic, encode_payload([metric], timestamp=given_at, uuid=row.key))


def due(
    session: Session,
    now: int,
    alias_of: AliasOf = no_alias,
    owns: Callable[[str], bool] = lambda _: True,
) -> list[Parcel]:
    """Give up what is too late; return what is to be sent now, oldest first.

    Args:
        session: The transaction.
        now: UTC ms.
        alias_of: Knows the aliases of points.
        owns: Whether equipment, by its key, is spoken to by this process.
    """
    parcels: list[Parcel] = []
    for row in islice(_due_rows(session, now, owns), _AT_ONCE):
        if row.state == CommandState.PROPOSED:
            row.refusal = "no second person confirmed it in time"
            settle(session, row, CommandState.EXPIRED, at=now)
        elif now < row.expires_at:
            row.due_at = min(now + RESEND_MS, row.expires_at)
            try:
                parcels.append(parcel_of(session, row, alias_of))
            except ValueRangeError as error:
                # The point has another datatype since; the commands behind this one go out.
                row.refusal = str(error)
        elif row.state == CommandState.ASKED:
            settle(session, row, CommandState.EXPIRED, at=now)
        elif now < row.expires_at + GRACE_MS:
            row.due_at = row.expires_at + GRACE_MS
        else:
            settle(session, row, CommandState.UNANSWERED, at=now)
    return parcels


def _due_rows(session: Session, now: int, owns: Callable[[str], bool]) -> Iterator[Command]:
    """Yield those whose time has come and that this process speaks for, oldest first."""
    query = (
        select(Command, Equipment.key)
        .join(Equipment, Equipment.id == Command.equipment_id)
        .where(Command.state.in_(UNDER_WAY), Command.due_at <= now)
        .order_by(Command.id)
        .limit(_AT_ONCE)
    )
    last = 0
    while page := session.execute(query.where(Command.id > last)).all():
        last = page[-1][0].id
        yield from (row for row, key in page if owns(key))


def sent(session: Session, ids: Sequence[int], at: int) -> None:
    """Record that commands have left; one that is answered already stays answered."""
    for row in session.scalars(select(Command).where(Command.id.in_(ids))):
        if row.state == CommandState.ASKED:
            row.state, row.sent_at = CommandState.SENT, at


def take_answers(session: Session, answers: Sequence[Answer], at: int) -> None:
    """Record the answers of gateways; a late answer counts as well."""
    for one in answers:
        fields = _read(one.text)
        key, status = fields.get("id"), fields.get("status")
        # Databases differ in what they compare with a text, and in which texts they take.
        if not (isinstance(key, str) and key.isprintable() and isinstance(status, str)):
            continue
        row = session.scalar(select(Command).where(Command.key == key))
        # Only the equipment that was asked may answer, and only once.
        if row is None or row.equipment_id != one.equipment_id:
            continue
        if row.state in {CommandState.PROPOSED, CommandState.WITHDRAWN}:  # it never left
            continue
        if status not in _ANSWERS or row.state in _ANSWERS:
            continue
        row.before, row.after = fields.get("before"), fields.get("after")
        row.refusal = _printable(str(fields.get("reason") or ""))[:500]
        settle(session, row, CommandState(status), at=at)


def settle(session: Session, row: Command, state: CommandState, *, at: int) -> None:
    """Write down what became of a command."""
    row.state, row.settled_at = state, at
    point = session.get_one(Point, row.point_id)
    record_command_event(session, row, point, kind="command.settled", at=at, by=row.asked_by)


def record_command_event(
    session: Session, row: Command, point: Point, *, kind: str, at: int, by: str
) -> None:
    """Write the event of a change."""
    payload = {
        "id": row.id,
        "point_id": row.point_id,
        "point": point.key,
        "equipment_id": row.equipment_id,
        "state": str(row.state),
        "asked_by": row.asked_by,
        "confirmed_by": row.confirmed_by,
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
            raise ArgumentError("value", "expected text")
        return value
    if point.datatype == DataType.BOOLEAN:
        if not isinstance(value, bool):
            raise ArgumentError("value", "expected true or false")
        return value
    if point.datatype in _WHOLE and isinstance(value, str) and _DIGITS.fullmatch(value):
        # As such numbers leave: JavaScript could not send the large ones otherwise.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError("value", "expected a number")
    if not (-_BEYOND < value < _BEYOND if isinstance(value, int) else isfinite(value)):
        raise ArgumentError("value", "expected a number of at most 64 bits")
    if point.datatype in _WHOLE and value != int(value):
        raise ArgumentError("value", "expected a whole number")
    low, high = point.minimum, point.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise ArgumentError("value", f"expected {low} to {high}, got {value}")
    return float(value) if point.datatype in _FLOATING else int(value)


def _read(text: str) -> dict[str, Any]:
    try:
        fields: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


def _refuse_constant(word: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(word)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
