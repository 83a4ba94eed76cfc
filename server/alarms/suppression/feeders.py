"""Which feeder's outage explains that equipment is not well.

A feeder is out while it has an active alarm of the linked cause, and for a while afterwards. It
explains something only when people were told of that alarm; when the alarm is itself explained by
another feeder, that one is the cause.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms.model import Alarm
from server.assets.model import Equipment, PowerLink

_KIND = "power:"


class Supply(NamedTuple):
    """A feeder, and the cause of its alarms that means "no power"."""

    feeder_id: int
    key: str
    cause: str

    @property
    def name(self) -> str:
        """The outage as alarms name it."""
        return f"{_KIND}{self.key}:{self.cause}"


class Feeders:
    """Follows the power links."""

    def __init__(self, recover_ms: int, *, waits: str) -> None:
        self._recover_ms = recover_ms
        self._waits = waits

    def root_of(self, session: Session, equipment: Equipment, *, now: int) -> str | None:
        """Return the outage that takes the power from this equipment, the uppermost one."""
        seen = frozenset({equipment.id})
        found = (
            self._root(session, supply, now=now, seen=seen)
            for supply in supplied_by(session, equipment.id)
        )
        return next((name for name in found if name is not None), None)

    def is_root(self, session: Session, name: str, *, now: int) -> bool:
        """Return whether this outage lasts, or is just over, and no other one explains it."""
        supply = _supply(session, name)
        if supply is None:
            return False
        return self._root(session, supply, now=now, seen=frozenset()) == name

    def strangers(self, session: Session, name: str) -> list[Alarm]:
        """Return the open alarms under the outage whose equipment the feeder does not supply.

        They are below another feeder, which may have power again, or their link is gone.
        """
        supply = _supply(session, name)
        query = select(Alarm).where(Alarm.closed_at.is_(None), Alarm.suppressed_by == name)
        if supply is not None:
            linked = select(PowerLink.equipment_id).where(
                PowerLink.feeder_id == supply.feeder_id, PowerLink.cause == supply.cause
            )
            query = query.where(Alarm.equipment_id.not_in(linked))
        return list(session.scalars(query.order_by(Alarm.id).with_for_update()))

    def _root(
        self, session: Session, supply: Supply, *, now: int, seen: frozenset[int]
    ) -> str | None:
        if supply.feeder_id in seen:
            return None
        seen |= {supply.feeder_id}
        for alarm in self._of_outage(session, supply, now=now):
            above = None
            if alarm.suppressed_by is not None and alarm.suppressed_by.startswith(_KIND):
                above = _supply(session, alarm.suppressed_by)
            root = None if above is None else self._root(session, above, now=now, seen=seen)
            if root is not None:
                return root
            # What was suppressed below another one and has power since: that one was told of.
            if self._is_announced(alarm) or (above is not None and not alarm.active):
                return supply.name
        return None

    def _is_announced(self, alarm: Alarm) -> bool:
        if alarm.suppressed_by == self._waits:
            # In a moment it is known who explains it, or it is announced.
            return alarm.active
        suppressed = alarm.suppressed_by is not None or alarm.out_of_service_until_at is not None
        return alarm.announced_at is not None and not suppressed

    def _of_outage(self, session: Session, supply: Supply, *, now: int) -> Sequence[Alarm]:
        lasts = Alarm.active & Alarm.closed_at.is_(None)
        query = select(Alarm).where(
            Alarm.equipment_id == supply.feeder_id,
            Alarm.cause == supply.cause,
            ~Alarm.monitored,
            lasts | (~Alarm.active & (Alarm.inactive_since_at > now - self._recover_ms)),
        )
        return session.scalars(query.order_by(Alarm.active.desc(), Alarm.id.desc())).all()


def supplied_by(session: Session, equipment_id: int) -> list[Supply]:
    """Return the feeders of equipment, in the order of their keys."""
    query = (
        select(PowerLink.feeder_id, Equipment.key, PowerLink.cause)
        .join(Equipment, Equipment.id == PowerLink.feeder_id)
        .where(PowerLink.equipment_id == equipment_id)
    )
    return [Supply(*row) for row in session.execute(query.order_by(Equipment.key))]


def levels_above(session: Session, equipment_id: int) -> int:
    """Return how many feeders are above each other, seen from this equipment."""
    return sum(1 for _ in _layers(session, equipment_id))


def feeders_above(session: Session, equipment_id: int) -> set[int]:
    """Return the ids of the feeders of equipment, of their feeders, and so on."""
    return set[int]().union(*_layers(session, equipment_id))


def _layers(session: Session, equipment_id: int) -> Iterator[set[int]]:
    seen = layer = {equipment_id}
    while True:
        query = select(PowerLink.feeder_id).where(PowerLink.equipment_id.in_(layer))
        layer = set(session.scalars(query)) - seen
        if not layer:
            return
        seen = seen | layer
        yield layer


def _supply(session: Session, name: str) -> Supply | None:
    key, _, cause = name.removeprefix(_KIND).rpartition(":")
    found = session.scalar(select(Equipment.id).where(Equipment.key == key))
    return None if found is None else Supply(found, key, cause)
