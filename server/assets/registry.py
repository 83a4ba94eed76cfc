"""The equipment ledger in memory: births become rows, rows become series."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy.orm import Session

from config.server import LimitSettings
from server.assets.admission import Admission
from server.assets.ledger import (
    Entered,
    EquipmentBirth,
    EquipmentRow,
    PointBirth,
    enter,
    enter_points,
    read_ledger,
    record_born,
    store_refused,
)
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


class _Presence(NamedTuple):
    """What a birth changes of what is there."""

    asset: Asset
    is_back: bool
    removed: frozenset[str]
    """Names of the points that it no longer has."""


OnSeries = Callable[[Series, Asset], None]


class Registry:
    """All equipment and its series. ``find`` may be called from any thread."""

    def __init__(
        self,
        records: Records,
        clock: Clock,
        *,
        on_series: OnSeries = lambda _series, _asset: None,
        limits: LimitSettings | None = None,
    ) -> None:
        """Begin empty.

        Args:
            records: Where the rows are.
            clock: Stamps the rows.
            on_series: Called for every series before its first value, and again for all series
                of a piece of equipment whose class has changed, and for those that are watched
                from now on, or not any more.
            limits: What gateways may bring.
        """
        self.admission = Admission(limits or LimitSettings())
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
        for entered in self._records.read(lambda session: list(read_ledger(session))):
            self._take(entered)

    def asset(self, key: str) -> Asset | None:
        """Return a piece of equipment by its key."""
        return self._assets.get(key)

    def assets(self) -> Iterable[Asset]:
        """Return all equipment."""
        return list(self._assets.values())

    def find(self, point_id: int) -> Series | None:
        """Return the series of a point, None while it is not known to this process."""
        return self._series.get(point_id)

    def known(self, birth: EquipmentBirth) -> Asset | None:
        """Return the equipment when its birth says nothing new; it then costs no transaction."""
        asset = self._assets.get(birth.key)
        return asset if asset is not None and _says_nothing_new(asset, birth) else None

    def part_of(self, birth: EquipmentBirth, *, points: int) -> EquipmentBirth:
        """Return the birth with so many of its points that are new or changed, at most."""
        asset = self._assets.get(birth.key)
        known = {} if asset is None else asset.points
        news = tuple(point for point in birth.points if known.get(point.name) != point)
        return replace(birth, points=news[:points], named=birth.names, is_part=len(news) > points)

    def born(self, *births: EquipmentBirth) -> list[Asset]:
        """Enter what births of different equipment say, in one transaction.

        Equipment that answers again is removed and retired no more; no rule watches points that
        its birth does not name.

        Raises:
            StoreError: Nothing is entered; trying again may help.
        """
        now = self._clock.now_ms()
        news = [one for one in births if not _describes_as_before(self._assets.get(one.key), one)]
        presences = [
            presence
            for birth in births
            if not birth.is_part and (presence := _presence_of(self._assets.get(birth.key), birth))
        ]

        def write(session: Session) -> list[Entered]:
            entered = enter(session, news, at=now)
            for birth, one in zip(news, entered, strict=True):
                if not birth.is_part:
                    record_born(session, one.equipment, at=now)
            _note(session, presences, at=now)
            return entered

        if news or presences:
            for entered in self._records.write(write):
                self._take(entered)
        for presence in presences:
            self._follow(presence)
        return [self._assets[birth.key] for birth in births]

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
        """Enter points that no birth declared, as late readings of former ones; as far as allowed.

        Raises:
            StoreError: Nothing is entered; trying again may help.
        """
        births = self.admission.admit_points(asset.gateway_key, asset.key, births)
        if births:
            self._take(self._records.write(lambda session: enter_points(session, asset.id, births)))

    def tell_refused(self) -> None:
        """Write down what was refused of gateways, if anything was since the last time.

        Raises:
            StoreError: It is not written; the next refusal is.
        """
        untold = self.admission.take_untold()
        if untold:
            self._records.write(lambda session: store_refused(session, untold))

    def _follow(self, presence: _Presence) -> None:
        asset = presence.asset
        changed = presence.removed ^ asset.removed_points
        asset.removed_points = presence.removed
        for name in changed:
            self._on_series(asset.series[name], asset)
        if presence.is_back:
            self._set_absence(asset, PRESENT)

    def _set_absence(self, asset: Asset, absence: Absence) -> None:
        if asset.absence != absence:
            asset.absence = absence
            self.admission.set_retired(asset.gateway_key, asset.key, retired=absence.retired)
            for series in list(asset.series.values()):
                self._on_series(series, asset)

    def _take(self, entered: Entered) -> None:
        """Agree with the rows."""
        equipment = entered.equipment
        asset = self._assets.get(equipment.key)
        if asset is None:
            asset = self._assets[equipment.key] = _asset_of(equipment)
        changed = asset.equipment_class != equipment.equipment_class
        asset.equipment_class, asset.profile = equipment.equipment_class, equipment.profile
        asset.name_en, asset.name_zh = equipment.name_en, equipment.name_zh
        asset.port = equipment.port
        asset.removed_points = frozenset(
            point.birth.name for point in entered.points if point.removed_at is not None
        )
        new: list[Series] = []
        for point in entered.points:
            name, silence = point.birth.name, point.birth.max_silence_ms
            asset.points[name] = point.birth
            series = asset.series.get(name)
            if series is None:
                series = Series(
                    point.id,
                    key=point.key,
                    name=name,
                    equipment_id=point.equipment_id,
                    max_silence_ms=silence,
                )
                asset.series[name] = self._series[point.id] = series
                new.append(series)
            series.max_silence_ms = silence
        names = [series.name for series in new if series.name != CONNECTION]
        self.admission.note(asset.gateway_key, asset.key, names)
        self.admission.set_retired(asset.gateway_key, asset.key, retired=asset.absence.retired)
        for series in list(asset.series.values()) if changed else new:
            self._on_series(series, asset)


def _asset_of(row: EquipmentRow) -> Asset:
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
    return _describes_as_before(asset, birth) and _presence_of(asset, birth) is None


def _describes_as_before(asset: Asset | None, birth: EquipmentBirth) -> bool:
    return (
        asset is not None
        and asset.equipment_class == birth.equipment_class
        and asset.profile == birth.profile
        and asset.name_en == birth.name_en
        and asset.name_zh == birth.name_zh
        and asset.port == birth.port
        and all(asset.points.get(point.name) == point for point in birth.points)
    )


def _note(session: Session, presences: Sequence[_Presence], *, at: int) -> None:
    back = [asset.id for asset, is_back, _ in presences if is_back]
    if back:
        mark_present(session, back, at=at)
    for asset, _, removed in presences:
        gone, named = removed - asset.removed_points, asset.removed_points - removed
        mark_points(session, asset.id, removed=gone, back=named, at=at)


def _presence_of(asset: Asset | None, birth: EquipmentBirth) -> _Presence | None:
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
    return _Presence(asset, is_back, removed) if changes else None
