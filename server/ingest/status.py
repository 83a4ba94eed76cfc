"""Online and offline: rows, events and the synthetic connection series."""

from math import inf
from typing import NamedTuple

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from protocols.reading import Quality
from server.assets.asset import Asset
from server.assets.event_rate import words_of
from server.assets.model import Equipment, Gateway
from server.assets.series import Sample
from server.core.db import table_of
from server.core.records import record_event
from server.ingest.decode import DecodedBatch


class StatusChange(NamedTuple):
    """A piece of equipment came or went; not in the records yet."""

    asset: Asset
    is_gateway: bool
    online: bool
    at: int
    reason: str
    omitted: int | None
    """How many changes before it have no event of their own; None: nor has this one."""


def note_connection(decoded: DecodedBatch, asset: Asset, *, online: bool, at: int) -> None:
    """Add a value of the connection series.

    Coming and going are the server's own observation and carry its time, so that an edge node
    with a slow clock cannot come back before it went away.
    """
    series = asset.connection
    taken_at = max(at, series.last_at + 1)
    series.last_value, series.last_quality, series.last_reason = online, Quality.GOOD, ""
    series.last_at, series.seen_at = taken_at, at
    decoded.batch.add(series.id, taken_at, online)
    if not series.no_change_low <= online <= series.no_change_high:
        decoded.samples.append(Sample(series, online, Quality.GOOD, taken_at))
        # Coming back within the same batch is seen too; the alarm engine sets the band again.
        series.undecided += 1
        series.no_change_low, series.no_change_high = inf, -inf


_EQUIPMENT, _GATEWAYS = table_of(Equipment), table_of(Gateway)
_UPDATE_EQUIPMENT = (
    update(_EQUIPMENT)
    .where(_EQUIPMENT.c.id == bindparam("row"))
    .values(online=bindparam("online"), since_at=bindparam("at"), reason=bindparam("reason"))
)
_UPDATE_GATEWAYS = (
    update(_GATEWAYS)
    .where(_GATEWAYS.c.id == bindparam("row"))
    .values(online=bindparam("online"), since_at=bindparam("at"))
)


def store_status(session: Session, changes: list[StatusChange]) -> None:
    """Write rows and events of what came and went."""
    if not changes:
        return
    rows = [
        {"row": one.asset.id, "online": one.online, "at": one.at, "reason": one.reason}
        for one in changes
    ]
    session.execute(_UPDATE_EQUIPMENT, rows)
    gateways = [
        {"row": one.asset.gateway_id, "online": one.online, "at": one.at}
        for one in changes
        if one.is_gateway
    ]
    if gateways:
        session.execute(_UPDATE_GATEWAYS, gateways)
    for change in changes:
        asset = change.asset
        if change.omitted is None:
            continue
        record_event(
            session,
            at=change.at,
            topic="equipment",
            kind="equipment.online" if change.online else "equipment.offline",
            subject_id=asset.id,
            payload={
                "id": asset.id,
                "key": asset.key,
                "equipment_class": asset.equipment_class,
                "name_en": asset.name_en,
                "name_zh": asset.name_zh,
                "online": change.online,
                "reason": change.reason,
                **words_of(change.omitted),
            },
        )
