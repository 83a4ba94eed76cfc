"""One piece of equipment in memory, and what a birth of it changes."""

from dataclasses import dataclass, field
from typing import NamedTuple

from server.assets.ledger import EquipmentBirth, EquipmentRow, PointBirth
from server.assets.presence import PRESENT, Absence
from server.assets.series import CONNECTION, Series


@dataclass(slots=True, eq=False)
class Asset:
    """One piece of equipment while the server runs; owned by the ingest thread."""

    id: int
    key: str
    """site/gateway/device; site/gateway for the gateway itself."""
    gateway_id: int
    equipment_class: str
    profile: str
    name_en: str
    name_zh: str
    online: bool
    port: str = ""
    """Line of the gateway that it is on."""
    absence: Absence = PRESENT
    removed_points: frozenset[str] = frozenset()
    """Names of points that its last birth did not name."""
    series: dict[str, Series] = field(default_factory=dict[str, Series])
    """By name of the point, deleted ones included; the connection is among them."""
    points: dict[str, PointBirth] = field(default_factory=dict[str, PointBirth])
    """What the points' rows say."""

    @property
    def gateway_key(self) -> str:
        """site/gateway."""
        return "/".join(self.key.split("/", 2)[:2])

    @property
    def connection(self) -> Series:
        """The synthetic point that says whether the equipment answers."""
        return self.series[CONNECTION]

    def is_watched(self, point: str) -> bool:
        """Return whether alarm rules watch a point: nothing that was removed or retired."""
        return self.absence == PRESENT and point not in self.removed_points


class PresenceChange(NamedTuple):
    """What a birth changes of what is there."""

    asset: Asset
    is_back: bool
    removed: frozenset[str]
    """Names of the points that it no longer has."""


def asset_of(row: EquipmentRow) -> Asset:
    """Return the equipment of a row, without its points."""
    return Asset(
        id=row.id,
        key=row.key,
        gateway_id=row.gateway_id,
        equipment_class=row.equipment_class,
        profile=row.profile,
        name_en=row.name_en,
        name_zh=row.name_zh,
        online=row.online,
        port=row.port,
        absence=Absence(row.removed_at is not None, row.retired_at is not None),
    )


def describes_as_before(asset: Asset | None, birth: EquipmentBirth) -> bool:
    """Return whether a birth says of the equipment and its points what is in the ledger."""
    return (
        asset is not None
        and asset.equipment_class == birth.equipment_class
        and asset.profile == birth.profile
        and asset.name_en == birth.name_en
        and asset.name_zh == birth.name_zh
        and asset.port == birth.port
        and all(asset.points.get(point.name) == point for point in birth.points)
    )


def presence_of(asset: Asset | None, birth: EquipmentBirth) -> PresenceChange | None:
    """Return what a birth changes of what is there; None when all is as before.

    A birth that only describes what its gateway has removed says nothing of its points.
    """
    if asset is None:
        return None
    is_back = birth.online and asset.absence != PRESENT
    if asset.absence.removed and not birth.online:
        return None
    removed = frozenset(asset.series.keys() - birth.names - {CONNECTION})
    changes = is_back or removed != asset.removed_points
    return PresenceChange(asset, is_back, removed) if changes else None
