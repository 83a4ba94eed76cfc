"""The equipment ledger in memory: births become rows, rows become series."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import Protocol

from sqlalchemy.orm import Session

from config.server import LimitSettings
from server.assets.admission import Admission
from server.assets.asset import Asset, PresenceChange, asset_of, describes_as_before, presence_of
from server.assets.event_rate import EventRate
from server.assets.ledger import (
    Entered,
    EquipmentBirth,
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
    record_state,
)
from server.assets.series import CONNECTION, Series
from server.core.clock import Clock
from server.core.records import Records
from server.core.shard import WHOLE, Shard

OnSeries = Callable[[Series, Asset], None]
_MOST_TOLD = 100
"""Events of what was omitted, in one transaction."""


class _Mark(Protocol):
    def __call__(
        self, session: Session, ids: Sequence[int], /, *, omitted_before: Mapping[int, int], at: int
    ) -> None: ...


class Registry:
    """The equipment of a shard's sites, and its series. ``find`` may be called from any thread."""

    def __init__(
        self,
        records: Records,
        clock: Clock,
        *,
        on_series: OnSeries = lambda _series, _asset: None,
        limits: LimitSettings | None = None,
        shard: Shard = WHOLE,
    ) -> None:
        """Begin empty.

        Args:
            records: Where the rows are.
            clock: Stamps the rows.
            on_series: Called for every series before its first value, and again for all series
                of a piece of equipment whose class has changed, and for those that are watched
                from now on, or not any more.
            limits: What gateways may bring.
            shard: Whose sites it has.
        """
        self.shard = shard
        self.admission = Admission(limits or LimitSettings())
        self.events = EventRate[Asset]()
        self._records = records
        self._clock = clock
        self._on_series = on_series
        self._assets: dict[str, Asset] = {}
        self._series: dict[int, Series] = {}
        self._presence = RLock()
        """Held from a look at who is there, or a change of it in the rows, to that in memory."""

    def load(self) -> None:
        """Read the ledger; call once before anything else.

        Raises:
            StoreError: The records cannot be read now.
        """
        for entered in self._records.read(lambda session: list(read_ledger(session))):
            if self.shard.owns_key(entered.equipment.key):
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
        with self._presence:
            return self._enter(births)

    def _enter(self, births: Sequence[EquipmentBirth]) -> list[Asset]:
        now = self._clock.now_ms()
        news = [one for one in births if not describes_as_before(self._assets.get(one.key), one)]
        whole = [one.key for one in news if not one.is_part]
        presences = [
            presence
            for birth in births
            if not birth.is_part and (presence := presence_of(self._assets.get(birth.key), birth))
        ]

        concerned = [asset for key in whole if (asset := self._assets.get(key)) is not None]
        concerned += [one.asset for one in presences if one.is_back]
        allowed = self.events.allowed(concerned, now)
        omitted = {asset.key: count for asset, count in allowed.items()}
        silent = {asset.key for asset in concerned} - omitted.keys()

        def write(session: Session) -> list[Entered]:
            entered = enter(session, news, at=now)
            for birth, (equipment, _) in zip(news, entered, strict=True):
                if not (birth.is_part or birth.key in silent):
                    record_born(session, equipment, omitted=omitted.get(birth.key, 0), at=now)
            _note(session, presences, allowed, at=now)
            return entered

        if news or presences:
            for entered in self._records.write(write):
                self._take(entered)
            self.events.note(dict.fromkeys(concerned), allowed, now)
        for presence in presences:
            self._follow(presence)
        return [self._assets[birth.key] for birth in births]

    def remove(self, assets: Sequence[Asset]) -> None:
        """Record that their gateway no longer has them: no rule watches them from now on.

        Raises:
            StoreError: Nothing is noted; trying again may help.
        """
        with self._presence:
            self._mark(mark_removed, assets)
            for asset in assets:
                self._set_absence(asset, asset.absence._replace(removed=True))

    def restore(self, assets: Sequence[Asset]) -> None:
        """Record that they are there again, removed and retired no more.

        Raises:
            StoreError: Nothing is noted; trying again may help.
        """
        with self._presence:
            self._mark(mark_present, assets)
            for asset in assets:
                self._set_absence(asset, PRESENT)

    def record_omitted(self, *, but: Container[str] = ()) -> None:
        """Write the events of what is so now, for changes that have none of their own.

        Args:
            but: Keys of gateways whose newest states are not in the rows yet.

        Raises:
            StoreError: Nothing is written; trying again may help.
        """
        at = self._clock.now_ms()
        due = self.events.due(at, limit=_MOST_TOLD)
        due = {asset: count for asset, count in due.items() if asset.gateway_key not in but}
        if not due:
            return

        def write(session: Session) -> None:
            for asset, omitted in due.items():
                # The newest of them is what this event tells.
                record_state(session, asset.id, omitted=omitted - 1, at=at)

        self._records.write(write)
        self.events.note(due, due, at)

    def follow_records(self) -> None:
        """Take over what people and settings have retired; from any thread.

        Raises:
            StoreError: The records cannot be read or written now.
        """
        with self._presence:
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

    def record_refused(self) -> None:
        """Write down what was refused of gateways, if anything was since the last time.

        Raises:
            StoreError: It is not written; the next refusal is.
        """
        untold = self.admission.take_untold(lambda key: key in self._assets)
        if untold:
            self._records.write(lambda session: store_refused(session, untold))

    def _mark(self, mark: _Mark, assets: Sequence[Asset]) -> None:
        ids, at = [asset.id for asset in assets], self._clock.now_ms()
        allowed = self.events.allowed(assets, at)
        omitted_before = _by_id(allowed)
        self._records.write(
            lambda session: mark(session, ids, omitted_before=omitted_before, at=at)
        )
        self.events.note(assets, allowed, at)

    def _follow(self, presence: PresenceChange) -> None:
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
            asset = self._assets[equipment.key] = asset_of(equipment)
        changed = asset.equipment_class != equipment.equipment_class
        asset.equipment_class, asset.profile = equipment.equipment_class, equipment.profile
        asset.name_en, asset.name_zh = equipment.name_en, equipment.name_zh
        asset.port = equipment.port
        removed = {point.birth.name: point.removed_at is not None for point in entered.points}
        asset.removed_points = frozenset(
            {name for name, is_so in removed.items() if is_so}
            | (asset.removed_points - removed.keys())
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


def _says_nothing_new(asset: Asset, birth: EquipmentBirth) -> bool:
    return describes_as_before(asset, birth) and presence_of(asset, birth) is None


def _note(
    session: Session, presences: Sequence[PresenceChange], allowed: Mapping[Asset, int], *, at: int
) -> None:
    back = [asset.id for asset, is_back, _ in presences if is_back]
    if back:
        mark_present(session, back, omitted_before=_by_id(allowed), at=at)
    for asset, _, removed in presences:
        gone, named = removed - asset.removed_points, asset.removed_points - removed
        mark_points(session, asset.id, removed=gone, back=named, at=at)


def _by_id(allowed: Mapping[Asset, int]) -> dict[int, int]:
    return {asset.id: omitted for asset, omitted in allowed.items()}
