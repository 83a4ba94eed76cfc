"""Floods and chattering: when alarms come faster than anybody can read them."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from server.alarms.model import Alarm, AlarmChange, AlarmFlood
from server.alarms.repository import add_change
from server.alarms.service import record_alarm_event
from server.assets.model import Equipment, Site
from server.core.instant import rfc3339
from server.core.records import record_event
from server.core.timers import cancel_timer, set_timer
from server.core.upsert import insert_new

WINDOW_MS = 600_000
"""Floods are counted in ten minutes, as ISA-18.2 does."""
FLOOD = "alarm.flood"
"""Kind of the timers that send a flood's digest."""
_MINUTE_MS = 60_000
_CHATTER = 3
"""So many transitions in a minute are chattering."""
_ONSETS = ("raised", "raised_again")
_TOP = 5


class Digest(NamedTuple):
    """What one message says of a flood."""

    site: Site
    alarms: int
    active: int
    since_at: int
    top: list[tuple[str, str, int]]
    """Names and number of the most frequent ones."""
    trades: list[str]
    """Who repairs what it tells of."""
    key: str
    """Beginning of the keys of its messages."""

    def payload(self) -> dict[str, Any]:
        """Return what the message carries."""
        rest = ", ".join(f"{en} x{count}" for en, _zh, count in self.top)
        return {
            "title_en": f"Alarm flood at {self.site.key}: {self.alarms} new alarms",
            "title_zh": f"{self.site.key} 告警洪泛: {self.alarms} 条新告警",
            "site": self.site.key,
            "alarms": self.alarms,
            "active": self.active,
            "since": rfc3339(self.since_at),
            "reason": rest,
            "top": [{"name_en": en, "name_zh": zh, "count": n} for en, zh, n in self.top],
        }


def note_new(session: Session, alarm: Alarm, settings: AlarmSettings, *, now: int) -> bool:
    """Count an alarm that was announced just now; say whether its site is in a flood.

    In a flood the alarm itself notes which digest it belongs in: an alarm that is committed only
    after a digest left is in the next one, whatever the clock says.
    """
    session.flush()
    site_id = session.get_one(Equipment, alarm.equipment_id).site_id
    flood = _open_flood(session, site_id)
    if flood is None:
        if _new_alarms(session, site_id, since=now - WINDOW_MS) <= settings.flood_starts:
            return False
        flood = _begin(session, site_id, settings, now=now)
    if flood is not None:
        alarm.digest_of = flood.id
    return True


def take_digest(session: Session, flood_id: int, *, now: int) -> Digest | None:
    """Return what has come since the last digest, if anything, and plan the next one."""
    flood = session.get(AlarmFlood, flood_id, with_for_update=True)
    if flood is None or flood.ended_at is not None:
        return None
    _set_timer(session, flood, due_at=now + WINDOW_MS)
    return _take(session, flood, now=now)


def end_floods(session: Session, settings: AlarmSettings, *, now: int) -> list[Digest]:
    """End the floods of sites that are quiet again; return what no digest has told yet."""
    query = select(AlarmFlood).where(AlarmFlood.ended_at.is_(None)).with_for_update()
    last: list[Digest] = []
    for flood in session.scalars(query).all():
        if _new_alarms(session, flood.site_id, since=now - WINDOW_MS) < settings.flood_ends:
            digest = _take(session, flood, now=now)
            if digest is not None:
                last.append(digest)
            cancel_timer(session, _key(flood))
            flood.ended_at = now
            _record_event(session, flood, kind="alarms.flood_ended", now=now)
    return last


def of_open_floods() -> Select[int]:
    """Select the ids of the sites that are in a flood."""
    return select(AlarmFlood.site_id).where(AlarmFlood.ended_at.is_(None))


def any_flood(session: Session) -> bool:
    """Return whether a flood is open anywhere."""
    return session.scalar(of_open_floods().limit(1)) is not None


def note_chattering(session: Session, alarm: Alarm, *, at: int, now: int) -> None:
    """Flag an alarm that changes too often and propose the off-delay that would have held it.

    Args:
        at: Event time of its newest transition.
    """
    session.flush()
    changes = session.execute(
        select(AlarmChange.at, AlarmChange.kind)
        .join(Alarm, Alarm.id == AlarmChange.alarm_id)
        .where(
            Alarm.point_id == alarm.point_id,
            Alarm.rule == alarm.rule,
            AlarmChange.kind.in_((*_ONSETS, "returned")),
            AlarmChange.at > at - WINDOW_MS,
        )
        .order_by(AlarmChange.at, AlarmChange.id)
    ).all()
    if sum(change > at - _MINUTE_MS for change, _kind in changes) < _CHATTER:
        return
    pauses = [
        after - before
        for (before, kind), (after, next_kind) in pairwise(changes)
        if kind == "returned" and next_kind in _ONSETS
    ]
    if not pauses:
        return
    # Half as long again as the longest pause, in steps of five seconds.
    alarm.proposed_off_delay_s = 5.0 * math.ceil(1.5 * max(pauses) / 5000)
    if not alarm.chattering:
        alarm.chattering = True
        words = f"an off-delay of {alarm.proposed_off_delay_s:g} s would hold it"
        add_change(session, alarm, kind="chattering", at=at, now=now, comment=words)
        record_alarm_event(session, alarm, kind="alarm.chattering", at=now)


def _begin(
    session: Session, site_id: int, settings: AlarmSettings, *, now: int
) -> AlarmFlood | None:
    """Begin a flood, unless another process has; what made it one is in its first digest."""
    since = now - WINDOW_MS
    opened = insert_new(
        session, AlarmFlood, site_id=site_id, started_at=now, digests=0, digested_until_at=since
    )
    flood = _open_flood(session, site_id)
    if opened and flood is not None:
        session.execute(
            update(Alarm)
            .where(Alarm.announced_at > since, _of_site(site_id))
            .values(digest_of=flood.id)
            .execution_options(synchronize_session=False)
        )
        _record_event(session, flood, kind="alarms.flood_started", now=now)
        _set_timer(session, flood, due_at=now + round(settings.digest_s * 1000))
    return flood


def _take(session: Session, flood: AlarmFlood, *, now: int) -> Digest | None:
    """Count what the alarms themselves say is still to be digested, and mark it as digested."""
    taken = session.execute(
        update(Alarm)
        .where(Alarm.digest_of == flood.id)
        .values(digest_of=None)
        .returning(Alarm.name_en, Alarm.name_zh, Alarm.active, Alarm.trade)
        .execution_options(synchronize_session=False)
    ).all()
    since, flood.digested_until_at = flood.digested_until_at, now
    if not taken:
        return None
    flood.digests += 1
    counted = Counter((row.name_en, row.name_zh) for row in taken)
    most = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:_TOP]
    return Digest(
        session.get_one(Site, flood.site_id),
        alarms=len(taken),
        active=sum(row.active for row in taken),
        since_at=since,
        top=[(en, zh, number) for (en, zh), number in most],
        trades=sorted({row.trade for row in taken}),
        key=f"{_key(flood)}/{flood.digests}",
    )


def _of_site(site_id: int) -> Any:  # noqa: ANN401 (a condition)
    of_site = select(Equipment.id).where(Equipment.site_id == site_id)
    return Alarm.equipment_id.in_(of_site)


def _new_alarms(session: Session, site_id: int, *, since: int) -> int:
    query = select(func.count()).select_from(Alarm)
    return session.scalar(query.where(Alarm.announced_at > since, _of_site(site_id))) or 0


def _open_flood(session: Session, site_id: int) -> AlarmFlood | None:
    query = select(AlarmFlood).where(AlarmFlood.site_id == site_id, AlarmFlood.ended_at.is_(None))
    return session.scalar(query)


def _set_timer(session: Session, flood: AlarmFlood, *, due_at: int) -> None:
    set_timer(session, _key(flood), kind=FLOOD, due_at=due_at, payload={"flood": flood.id})


def _key(flood: AlarmFlood) -> str:
    return f"alarm-flood/{flood.id}"


def _record_event(session: Session, flood: AlarmFlood, *, kind: str, now: int) -> None:
    site = session.get_one(Site, flood.site_id)
    payload = {"id": flood.id, "site": site.key, "started_at": rfc3339(flood.started_at)}
    record_event(session, at=now, topic="alarms", kind=kind, subject_id=flood.id, payload=payload)
