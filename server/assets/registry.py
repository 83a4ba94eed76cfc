"""The equipment ledger in memory: births become rows, rows become series."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.ledger import (
    EquipmentBirth,
    PointBirth,
    point_birth_of,
    record_born,
    upsert_equipment,
    upsert_points,
)
from server.assets.model import Equipment, Point
from server.assets.presence import (
    PRESENT,
    Absence,
    absent_rows,
    mark_points,
    mark_present,
    mark_removed,
)
from server.assets.series import CONNECTION, Series
from server.core.clock import Clock
from server.core.records import Records


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
    def connection(self) -> Series:
        """The synthetic point that says whether the equipment answers."""
        return self.series[CONNECTION]

    def is_watched(self, point: str) -> bool:
        """Return whether alarm rules watch a point: nothing that was removed or retired."""
        return self.absence == PRESENT and point not in self.removed_points


OnSeries = Callable[[Series, Asset], None]


class Registry:
    """All equipment and its series. ``find`` may be called from any thread."""

    def __init__(
        self, records: Records, clock: Clock, *, on_series: OnSeries = lambda _series, _asset: None
    ) -> None:
        """Begin empty.

        Args:
            records: Where the rows are.
            clock: Stamps the rows.
            on_series: Called for every series before its first value, and again for all series
                of a piece of equipment whose class has changed, and for those that are watched
                from now on, or not any more.
        """
        self._records = records
        self._clock = clock
        self._on_series = on_series
        self._assets: dict[str, Asset] = {}
        self._series: dict[int, Series] = {}

    def load(self) -> None:
        """Read the ledger; call once before anything else.

        Raises:
            StoreError: The records cannot be read now.
        """
        for equipment, points in self._records.read(_read_all):
            self._take(equipment, points)

    def asset(self, key: str) -> Asset | None:
        """Return a piece of equipment by its key."""
        return self._assets.get(key)

    def assets(self) -> Iterable[Asset]:
        """Return all equipment."""
        return list(self._assets.values())

    def find(self, point_id: int) -> Series | None:
        """Return the series of a point, None while it is not known to this process."""
        return self._series.get(point_id)

    def born(self, birth: EquipmentBirth) -> Asset:
        """Enter what a birth says; a birth that says nothing new costs no transaction.

        Raises:
            StoreError: Nothing is entered; trying again may help.
        """
        asset = self._assets.get(birth.key)
        if asset is not None and _says_nothing_new(asset, birth):
            return asset

        def write(session: Session) -> tuple[Equipment, list[Point]]:
            equipment = upsert_equipment(session, birth, at=self._clock.now_ms())
            points = upsert_points(session, equipment, birth.points)
            record_born(session, equipment, at=self._clock.now_ms())
            return equipment, points

        return self._take(*self._records.write(write))

    def remove(self, assets: Sequence[Asset]) -> None:
        """Note that their gateway no longer has them: no rule watches them from now on.

        Raises:
            StoreError: Nothing is noted; trying again may help.
        """
        ids, at = [asset.id for asset in assets], self._clock.now_ms()
        self._records.write(lambda session: mark_removed(session, ids, at=at))
        for asset in assets:
            self._set_absence(asset, asset.absence._replace(removed=True))

    def restore(self, assets: Sequence[Asset]) -> None:
        """Note that they are there again, removed and retired no more.

        Raises:
            StoreError: Nothing is noted; trying again may help.
        """
        ids, at = [asset.id for asset in assets], self._clock.now_ms()
        self._records.write(lambda session: mark_present(session, ids, at=at))
        for asset in assets:
            self._set_absence(asset, PRESENT)

    def name_points(self, asset: Asset, names: Collection[str]) -> None:
        """Note which points its birth names: no rule watches the others.

        Raises:
            StoreError: Nothing is noted; trying again may help.
        """
        removed = frozenset(asset.series.keys() - names - {CONNECTION})
        gone, back = removed - asset.removed_points, asset.removed_points - removed
        if not gone and not back:
            return
        at = self._clock.now_ms()
        self._records.write(
            lambda session: mark_points(session, asset.id, removed=gone, back=back, at=at)
        )
        asset.removed_points = removed
        for name in gone | back:
            self._on_series(asset.series[name], asset)

    def follow_records(self) -> None:
        """Take over what people and settings have retired; from any thread.

        Raises:
            StoreError: The records cannot be read or written now.
        """
        absent = self._records.read(absent_rows)
        for asset in self.assets():
            absence = absent.get(asset.id, PRESENT)
            if absence.retired and asset.online:
                # It was born while somebody retired it.
                self.restore([asset])
            else:
                self._set_absence(asset, absence)

    def series(self) -> Iterable[Series]:
        """Return all series."""
        return list(self._series.values())

    def add_points(self, asset: Asset, births: Sequence[PointBirth]) -> None:
        """Enter points that no birth declared, as late readings of former ones.

        Raises:
            StoreError: Nothing is entered; trying again may help.
        """

        def write(session: Session) -> tuple[Equipment, list[Point]]:
            equipment = session.get_one(Equipment, asset.id)
            return equipment, upsert_points(session, equipment, births)

        self._take(*self._records.write(write))

    def _set_absence(self, asset: Asset, absence: Absence) -> None:
        if asset.absence != absence:
            asset.absence = absence
            for series in list(asset.series.values()):
                self._on_series(series, asset)

    def _take(self, equipment: Equipment, points: Iterable[Point]) -> Asset:
        """Agree with the rows."""
        asset = self._assets.get(equipment.key)
        if asset is None:
            asset = self._assets[equipment.key] = _asset_of(equipment)
        changed = asset.equipment_class != equipment.equipment_class
        asset.equipment_class, asset.profile = equipment.equipment_class, equipment.profile
        asset.name_en, asset.name_zh = equipment.name_en, equipment.name_zh
        asset.port = equipment.port
        points = list(points)
        asset.removed_points = frozenset(
            point.name for point in points if point.removed_at is not None
        )
        new: list[Series] = []
        for point in points:
            asset.points[point.name] = point_birth_of(point)
            series = asset.series.get(point.name)
            if series is None:
                series = Series(
                    point.id,
                    key=point.key,
                    name=point.name,
                    equipment_id=point.equipment_id,
                    max_silence_ms=point.max_silence_ms,
                )
                asset.series[point.name] = self._series[point.id] = series
                new.append(series)
            series.max_silence_ms = point.max_silence_ms
        for series in list(asset.series.values()) if changed else new:
            self._on_series(series, asset)
        return asset


def _asset_of(row: Equipment) -> Asset:
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


def _says_nothing_new(asset: Asset, birth: EquipmentBirth) -> bool:
    same = (
        asset.equipment_class == birth.equipment_class
        and asset.profile == birth.profile
        and asset.name_en == birth.name_en
        and asset.name_zh == birth.name_zh
        and asset.port == birth.port
    )
    return same and all(asset.points.get(point.name) == point for point in birth.points)


def _read_all(session: Session) -> list[tuple[Equipment, list[Point]]]:
    points: dict[int, list[Point]] = {}
    for point in session.scalars(select(Point).order_by(Point.id)):
        points.setdefault(point.equipment_id, []).append(point)
    rows = session.scalars(select(Equipment).order_by(Equipment.id)).all()
    return [(row, points.get(row.id, [])) for row in rows]
