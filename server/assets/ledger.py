"""What a birth says about equipment, and the rows that it becomes. Nothing is ever deleted."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from server.assets.event_rate import words_of
from server.assets.model import Equipment, Gateway, Point, Site
from server.assets.series import CONNECTION
from server.assets.state_words import StateWords
from server.core.db import Base, table_of
from server.core.records import record_event
from server.core.upsert import insert_all_new

GATEWAY_CLASS = "gateway"
"""Class of edge nodes that do not say another one."""
_BOOLEAN = 11
"""Sparkplug's number of the datatype."""
_MOST_PARAMETERS = 500


class PointBirth(NamedTuple):
    """One declared point."""

    name: str
    datatype: int
    unit: str
    name_en: str
    name_zh: str
    max_silence_ms: int | None
    writable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    interlock: str = ""
    words: StateWords = ()


CONNECTION_BIRTH = PointBirth(CONNECTION, _BOOLEAN, "", "Connection", "通信状态", None)


@dataclass(frozen=True, slots=True)
class EquipmentBirth:
    """One declared piece of equipment; without device it is the gateway itself."""

    site: str
    gateway: str
    device: str | None
    equipment_class: str
    profile: str
    name_en: str
    name_zh: str
    points: tuple[PointBirth, ...]
    port: str = ""
    """Line of the gateway that it is on."""
    online: bool = False
    """It answers, and is not only described."""
    is_part: bool = False
    """More of its points are to follow."""
    named: frozenset[str] | None = None
    """Names of all its points, when ``points`` are not all."""
    unusable: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Names of its metrics that can be no points, by the reason."""

    @property
    def gateway_key(self) -> str:
        """site/gateway."""
        return f"{self.site}/{self.gateway}"

    @property
    def key(self) -> str:
        """site/gateway/device, or site/gateway."""
        return self.gateway_key if self.device is None else f"{self.gateway_key}/{self.device}"

    @property
    def names(self) -> frozenset[str]:
        """Names of all its points."""
        if self.named is not None:
            return self.named
        return frozenset(point.name for point in self.points)

    @property
    def words(self) -> dict[str, str]:
        """What it says of itself, by column."""
        return {
            "equipment_class": self.equipment_class,
            "profile": self.profile,
            "name_en": self.name_en,
            "name_zh": self.name_zh,
            "port": self.port,
        }


class EquipmentRow(NamedTuple):
    """One row of the ledger."""

    id: int
    key: str
    gateway_id: int
    online: bool
    equipment_class: str
    profile: str
    name_en: str
    name_zh: str
    port: str
    removed_at: int | None
    retired_at: int | None


class PointRow(NamedTuple):
    """One row of the points."""

    id: int
    key: str
    equipment_id: int
    removed_at: int | None
    birth: PointBirth


class Entered(NamedTuple):
    """A piece of equipment as it is in the ledger now."""

    equipment: EquipmentRow
    points: list[PointRow]
    """Those that were asked for or written, the connection among them."""


_EQUIPMENT = tuple(getattr(Equipment, name) for name in EquipmentRow._fields)
_POINT = (Point.id, Point.key, Point.equipment_id, Point.removed_at)
_BIRTH = tuple(getattr(Point, name) for name in PointBirth._fields)


def read_ledger(session: Session) -> Iterator[Entered]:
    """Yield everything, oldest first."""
    points = _points_where(session, Point.id.is_not(None))
    for row in session.execute(select(*_EQUIPMENT).order_by(Equipment.id)):
        equipment = EquipmentRow(*row)
        yield Entered(equipment, points.get(equipment.id, []))


def enter(session: Session, births: Sequence[EquipmentBirth], *, at: int) -> list[Entered]:
    """Write what births say, all at once; new equipment is offline until somebody says otherwise.

    Args:
        session: The transaction.
        births: Of different equipment.
        at: UTC ms.
    """
    equipment = _enter_equipment(session, births, at=at)
    points = _enter_points(session, [(equipment[birth.key], birth.points) for birth in births])
    return [Entered(equipment[birth.key], points[equipment[birth.key].id]) for birth in births]


def enter_points(session: Session, equipment_id: int, births: Sequence[PointBirth]) -> Entered:
    """Write points that are new or changed of equipment that is there."""
    row = session.execute(select(*_EQUIPMENT).where(Equipment.id == equipment_id)).one()
    equipment = EquipmentRow(*row)
    return Entered(equipment, _enter_points(session, [(equipment, births)])[equipment.id])


def store_refused(session: Session, refused: Mapping[str, Mapping[str, int]]) -> None:
    """Store what was refused of gateways, by key."""
    for key, counts in refused.items():
        session.execute(update(Gateway).where(Gateway.key == key).values(refused=dict(counts)))


def record_born(session: Session, equipment: EquipmentRow, *, omitted: int, at: int) -> None:
    """Write the event of equipment that is new or describes itself differently."""
    record_event(
        session,
        at=at,
        topic="equipment",
        kind="equipment.born",
        subject_id=equipment.id,
        payload={
            "id": equipment.id,
            "key": equipment.key,
            "equipment_class": equipment.equipment_class,
            "name_en": equipment.name_en,
            "name_zh": equipment.name_zh,
            "online": equipment.online,
            **words_of(omitted),
        },
    )


def _enter_equipment(
    session: Session, births: Sequence[EquipmentBirth], *, at: int
) -> dict[str, EquipmentRow]:
    keys = {birth.key for birth in births}
    found = _equipment_of(session, keys)
    new = [birth for birth in births if birth.key not in found]
    if new:
        sites = _ids(session, Site, {birth.site: {"key": birth.site} for birth in new})
        begin = {"online": False, "since_at": at}
        rows = {
            one.gateway_key: {"key": one.gateway_key, "site_id": sites[one.site]} for one in new
        }
        gateways = _ids(session, Gateway, {key: row | begin for key, row in rows.items()})
        begin |= {"reason": "never_seen"}
        insert_all_new(
            session,
            Equipment,
            [
                begin
                | birth.words
                | {
                    "key": birth.key,
                    "site_id": sites[birth.site],
                    "gateway_id": gateways[birth.gateway_key],
                }
                for birth in new
            ],
        )
        found |= _equipment_of(session, {birth.key for birth in new})
    for birth in births:
        row, words = found[birth.key], birth.words
        if any(getattr(row, column) != word for column, word in words.items()):
            session.execute(update(Equipment).where(Equipment.id == row.id).values(**words))
            found[birth.key] = row._replace(**words)
    return found


def _enter_points(
    session: Session, born: Sequence[tuple[EquipmentRow, Sequence[PointBirth]]]
) -> dict[int, list[PointRow]]:
    """Return these points and the connection, by the id of the equipment.

    The others are not read: a birth with thousands of points comes in many parts.
    """
    ids = [equipment.id for equipment, _ in born]
    names = {CONNECTION, *(birth.name for _, births in born for birth in births)}
    known = _points_of(session, ids, names)
    new: list[tuple[EquipmentRow, PointBirth]] = []
    changed = False
    for equipment, births in born:
        rows = {row.birth.name: row for row in known.get(equipment.id, [])}
        for birth in {one.name: one for one in (CONNECTION_BIRTH, *births)}.values():
            row = rows.get(birth.name)
            if row is None:
                new.append((equipment, birth))
            elif row.birth != birth:
                changed = True
                session.execute(update(Point).where(Point.id == row.id).values(**birth._asdict()))
    if not new and not changed:
        return {number: known.get(number, []) for number in ids}
    if new:
        _insert_points(session, new)
    known = _points_of(session, ids, names)
    return {number: known.get(number, []) for number in ids}


def _insert_points(session: Session, new: Sequence[tuple[EquipmentRow, PointBirth]]) -> None:
    keys = [f"{equipment.key}/{birth.name}" for equipment, birth in new]
    taken: set[str] = set()
    for chunk in _chunks(keys):
        taken.update(session.scalars(select(Point.key).where(Point.key.in_(chunk))))
    rows: list[dict[str, Any]] = []
    for key, (equipment, birth) in zip(keys, new, strict=True):
        # A gateway's own metric "pump/run" would have the key of run of the device pump.
        own = f"{equipment.key}//{birth.name}" if key in taken else key
        taken.add(own)
        rows.append({"key": own, "equipment_id": equipment.id, **birth._asdict()})
    session.execute(insert(table_of(Point)), rows)


def _ids(session: Session, table: type[Base], rows: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Return the ids of the rows by their keys; those that are missing are written."""
    found = _ids_of(session, table, rows)
    insert_all_new(session, table, [row for key, row in rows.items() if key not in found])
    return found if len(found) == len(rows) else _ids_of(session, table, rows)


def _ids_of(session: Session, table: type[Base], keys: Collection[str]) -> dict[str, int]:
    columns = table_of(table).c
    found: dict[str, int] = {}
    for chunk in _chunks(list(keys)):
        query = select(columns.key, columns.id).where(columns.key.in_(chunk))
        found.update((key, number) for key, number in session.execute(query))
    return found


def _equipment_of(session: Session, keys: Collection[str]) -> dict[str, EquipmentRow]:
    found: dict[str, EquipmentRow] = {}
    for chunk in _chunks(list(keys)):
        for row in session.execute(select(*_EQUIPMENT).where(Equipment.key.in_(chunk))):
            equipment = EquipmentRow(*row)
            found[equipment.key] = equipment
    return found


def _points_of(
    session: Session, equipment_ids: Sequence[int], names: Collection[str]
) -> dict[int, list[PointRow]]:
    found: dict[int, list[PointRow]] = {}
    for ids in _chunks(equipment_ids):
        for some in _chunks(list(names)):
            named = Point.equipment_id.in_(ids) & Point.name.in_(some)
            for number, points in _points_where(session, named).items():
                found.setdefault(number, []).extend(points)
    return found


def _points_where(session: Session, condition: ColumnElement[bool]) -> dict[int, list[PointRow]]:
    found: dict[int, list[PointRow]] = {}
    query = select(*_POINT, *_BIRTH).where(condition).order_by(Point.id)
    for number, key, equipment_id, removed_at, *columns in session.execute(query):
        point = PointRow(number, key, equipment_id, removed_at, PointBirth(*columns))
        found.setdefault(equipment_id, []).append(point)
    return found


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _MOST_PARAMETERS):
        yield items[start : start + _MOST_PARAMETERS]
