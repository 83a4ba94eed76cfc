"""Looks every day for hours in which nobody would come, and reports them to the manager."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import EquipmentClass, Severity
from config.people import SHANGHAI
from config.server import MessageSettings
from server.assets.model import Equipment, Site
from server.core.clock import Clock
from server.core.instant import rfc3339
from server.core.model import Timer
from server.core.records import Records, record_event
from server.core.timers import DueTimer, set_timer, take_timer
from server.core.upsert import insert_new
from server.incidents.escalation_rules import choose
from server.messages.queue import send_to
from server.people.channels import channel_names
from server.people.coverage import CoverageGap, duty_gaps, nobody_after_duty
from server.people.coverage_gaps import once, policy_gaps
from server.people.directory import Directory
from server.people.duty import DAY, instant, local
from server.people.service import load_directory

log = structlog.get_logger()

KIND = "coverage-check"
"""The timer's kind and key."""
_HOUR = "09:00"
"""When it looks, every day, in the estates' own time: early enough to change something."""
_ZONE = ZoneInfo(SHANGHAI)
_SEVERITY = "high"


class CoverageCheck:
    """Runs from a timer row, so a day on which the server was down is made up for."""

    def __init__(
        self,
        records: Records,
        classes: Mapping[str, EquipmentClass],
        messages: MessageSettings,
        clock: Clock,
    ) -> None:
        self._records = records
        self._classes = classes
        self._channels = channel_names(messages)
        self._clock = clock

    def start(self) -> None:
        """Check now for the first time, and from then on every day; a start changes no plan.

        Raises:
            StoreError: The records cannot be written.
        """
        now = self._clock.now_ms()
        first = partial(insert_new, table=Timer, key=KIND, kind=KIND, due_at=now, payload={})
        self._records.write(first)

    def on_timer(self, timer: DueTimer) -> None:
        """Look for gaps and report them, once for each day.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        self._records.write(partial(self._check, timer=timer, now=self._clock.now_ms()))

    def _check(self, session: Session, timer: DueTimer, now: int) -> None:
        if not take_timer(session, timer):
            return
        set_timer(session, KIND, kind=KIND, due_at=_next(now), payload={})
        directory = load_directory(session, self._channels)
        gaps = all_gaps(directory, list(needs_of(session, self._classes)), now=now)
        if not gaps:
            return
        shown = [summary(gap) for gap in gaps]
        log.warning("coverage_missing", gaps=[gap.text_en for gap in gaps])
        record_event(
            session,
            at=now,
            topic="incidents",
            kind="coverage.missing",
            payload={"gaps": shown, "holes": shown},
        )
        for person in _readers(directory, gaps, now=now):
            _notify(session, directory, person, shown, now=now)


def needs_of(session: Session, classes: Mapping[str, EquipmentClass]) -> Iterator[tuple[str, str]]:
    """Yield site and trade of all equipment: for these somebody must be on duty."""
    query = (
        select(Site.key, Equipment.equipment_class)
        .join(Equipment, Equipment.site_id == Site.id)
        .distinct()
    )
    found = {
        (site, str(classes[name].trade)) for site, name in session.execute(query) if name in classes
    }
    yield from sorted(found)


def all_gaps(directory: Directory, needs: list[tuple[str, str]], *, now: int) -> list[CoverageGap]:
    """Return what is missing for what the estates have, and steps of policies that reach nobody.

    A house without any person has not been set up for calling people; nothing is missing there.
    """
    if not directory.people.persons:
        return []
    gaps: list[CoverageGap] = []
    for site, trade in needs:
        gaps += duty_gaps(directory, site, trade, now=now)
        gaps += _packaged_gaps(directory, site, trade, now=now)
    for policy in directory.people.policies.values():
        gaps += policy_gaps(directory, policy, now=now)
    return once(gaps)


def summary(gap: CoverageGap) -> dict[str, Any]:
    """The gap in events and messages."""
    return {
        "kind": gap.kind,
        "text_en": gap.text_en,
        "text_zh": gap.text_zh,
        "site": gap.site,
        "trade": gap.trade,
        "start": None if gap.start is None else rfc3339(gap.start),
        "end": None if gap.end is None else rfc3339(gap.end),
    }


def _packaged_gaps(directory: Directory, site: str, trade: str, *, now: int) -> list[CoverageGap]:
    """Return whether a packaged policy that climbs there finds nobody after those on duty.

    A single step of it may be empty, because it hands over to the next one at once.
    """
    for severity in (Severity.URGENT, Severity.HIGH):
        key, policy = choose(
            directory.people.policies, site=site, trade=trade, severity=severity.value
        )
        later = [who for step in policy.steps[1:] for who in step.who]
        if directory.people.policies.get(key) is policy or not later:
            continue
        if not any(directory.reached(who, site=site, trade=trade, at=now) for who in later):
            return [nobody_after_duty(site, trade)]
    return []


def _readers(directory: Directory, gaps: list[CoverageGap], *, now: int) -> list[str]:
    """Return whom it concerns: managers, without them leaders, without them those on duty."""
    for who in ("manager", "leader", "on_duty"):
        found = [
            person
            for gap in gaps
            for person in directory.reached(who, site=gap.site, trade=gap.trade, at=now)
        ]
        if found:
            return list(dict.fromkeys(found))
    return []


def _next(now: int) -> int:
    day = local(now, _ZONE).date()
    at = instant(day, _HOUR, _ZONE)
    return at if at > now else instant(day + DAY, _HOUR, _ZONE)


def _notify(
    session: Session,
    directory: Directory,
    person: str,
    gaps: list[dict[str, Any]],
    *,
    now: int,
) -> None:
    send_to(
        session,
        directory.receivers(person),
        key=f"coverage/{local(now, _ZONE).date()}/{person}",
        kind="coverage.missing",
        severity=_SEVERITY,
        incident_id=None,
        payload={
            "title_en": _title("text_en", gaps),
            "title_zh": _title("text_zh", gaps),
            "gaps": gaps,
            "holes": gaps,
        },
        now=now,
    )


def _title(field: str, gaps: list[dict[str, Any]]) -> str:
    more = f" (+{len(gaps) - 1})" if len(gaps) > 1 else ""
    return f"{gaps[0][field]}{more}"
