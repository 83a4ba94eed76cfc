"""What a birth says about equipment, and the rows that it becomes. Nothing is ever deleted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from server.assets.model import Equipment, Gateway, Point, Site
from server.assets.series import CONNECTION
from server.core.records import record_event
from server.core.upsert import insert_new

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

    @property
    def gateway_key(self) -> str:
        """site/gateway."""
        return f"{self.site}/{self.gateway}"

    @property
    def key(self) -> str:
        """site/gateway/device, or site/gateway."""
        return self.gateway_key if self.device is None else f"{self.gateway_key}/{self.device}"


def point_birth_of(row: Point) -> PointBirth:
    """Return what a row says."""
    return PointBirth(*(getattr(row, column) for column in PointBirth._fields))


def upsert_equipment(session: Session, birth: EquipmentBirth, *, at: int) -> Equipment:
    """Write site, gateway and equipment; new ones are offline until somebody says otherwise."""
    insert_new(session, Site, key=birth.site)
    site_id = session.scalars(select(Site.id).where(Site.key == birth.site)).one()
    key = birth.gateway_key
    insert_new(session, Gateway, key=key, site_id=site_id, online=False, since_at=at)
    gateway_id = session.scalars(select(Gateway.id).where(Gateway.key == key)).one()
    words = {
        "equipment_class": birth.equipment_class,
        "profile": birth.profile,
        "name_en": birth.name_en,
        "name_zh": birth.name_zh,
        "port": birth.port,
    }
    insert_new(
        session,
        Equipment,
        key=birth.key,
        site_id=site_id,
        gateway_id=gateway_id,
        online=False,
        since_at=at,
        reason="never_seen",
        **words,
    )
    equipment = session.scalars(select(Equipment).where(Equipment.key == birth.key)).one()
    for column, value in words.items():
        setattr(equipment, column, value)
    return equipment


def upsert_points(
    session: Session, equipment: Equipment, births: Iterable[PointBirth]
) -> list[Point]:
    """Write the points that are new or changed and return all of the equipment."""
    query = select(Point).where(Point.equipment_id == equipment.id)
    rows = {point.name: point for point in session.scalars(query)}
    new: dict[str, PointBirth] = {}
    for birth in (CONNECTION_BIRTH, *births):
        row = rows.get(birth.name)
        if row is None:
            new[birth.name] = birth
        elif point_birth_of(row) != birth:
            for column, value in birth._asdict().items():
                setattr(row, column, value)
    if new:
        _insert_points(session, equipment, list(new.values()))
    session.flush()
    return list(session.scalars(query.order_by(Point.id)).all())


def record_born(session: Session, equipment: Equipment, *, at: int) -> None:
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
        },
    )


def _insert_points(session: Session, equipment: Equipment, births: list[PointBirth]) -> None:
    keys = [f"{equipment.key}/{birth.name}" for birth in births]
    taken: set[str] = set()
    for start in range(0, len(keys), _MOST_PARAMETERS):
        chunk = keys[start : start + _MOST_PARAMETERS]
        taken.update(session.scalars(select(Point.key).where(Point.key.in_(chunk))))
    session.execute(
        insert(Point),
        [
            # A gateway's own metric "pump/run" would have the key of run of the device pump.
            {
                "key": f"{equipment.key}//{birth.name}" if key in taken else key,
                "equipment_id": equipment.id,
                **birth._asdict(),
            }
            for key, birth in zip(keys, births, strict=True)
        ],
    )
