"""Looks every day for hours in which nobody would come, and tells the manager."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from config.server import MessageSettings
from server.assets.model import Equipment, Site
from server.core.clock import Clock
from server.core.instant import rfc3339
from server.core.outbox import send_to
from server.core.receivers import Receiver
from server.core.records import Records, record_event
from server.core.timers import DueTimer, set_timer, take_timer
from server.people.coverage import Hole, holes_of
from server.people.directory import Directory
from server.people.service import channel_names, load_directory
from server.people.targets import policy_holes

log = structlog.get_logger()

KIND = "coverage-check"
"""The timer's kind and key."""
_DAY_MS = 86_400_000
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
        """Check now, and from now on every day.

        Raises:
            StoreError: The records cannot be written.
        """
        now = self._clock.now_ms()
        set_up = partial(set_timer, key=KIND, kind=KIND, due_at=now, payload={})
        self._records.write(set_up)

    def on_timer(self, timer: DueTimer) -> None:
        """Look for holes and tell of them, once for each day.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        self._records.write(partial(self._check, timer=timer, now=self._clock.now_ms()))

    def _check(self, session: Session, timer: DueTimer, now: int) -> None:
        if not take_timer(session, timer):
            return
        set_timer(session, KIND, kind=KIND, due_at=now + _DAY_MS, payload={})
        directory = load_directory(session, self._channels)
        holes = all_holes(directory, list(needs_of(session, self._classes)), now=now)
        if not holes:
            return
        shown = [short(hole) for hole in holes]
        log.warning("coverage_missing", holes=[hole.text_en for hole in holes])
        record_event(
            session, at=now, topic="incidents", kind="coverage.missing", payload={"holes": shown}
        )
        for person in _managers(directory, holes):
            ways = directory.ways(person)
            if ways:
                _tell(session, directory, person, shown, now=now)


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


def all_holes(directory: Directory, needs: list[tuple[str, str]], *, now: int) -> list[Hole]:
    """Return what is missing for what the estates have, and steps of policies that reach nobody.

    A house without any person has not been set up for calling people; nothing is missing there.
    """
    if not directory.people.persons:
        return []
    holes = [hole for site, trade in needs for hole in holes_of(directory, site, trade, now=now)]
    for policy in directory.people.policies.values():
        holes += policy_holes(directory, policy, now=now)
    return list({hole.text_en: hole for hole in holes}.values())


def short(hole: Hole) -> dict[str, Any]:
    """The hole in events and messages."""
    return {
        "kind": hole.kind,
        "text_en": hole.text_en,
        "text_zh": hole.text_zh,
        "site": hole.site,
        "trade": hole.trade,
        "start": None if hole.start is None else rfc3339(hole.start),
        "end": None if hole.end is None else rfc3339(hole.end),
    }


def _managers(directory: Directory, holes: list[Hole]) -> list[str]:
    found = [name for hole in holes for name in directory.managers(hole.site, hole.trade)]
    return list(dict.fromkeys(found))


def _tell(
    session: Session,
    directory: Directory,
    person: str,
    holes: list[dict[str, Any]],
    *,
    now: int,
) -> None:
    settings = directory.people.persons[person]
    send_to(
        session,
        [
            Receiver(settings.name, channel, address, settings.languages[0])
            for channel, address in directory.ways(person)
        ],
        key=f"coverage/{now // _DAY_MS}/{person}",
        kind="coverage.missing",
        severity=_SEVERITY,
        incident_id=None,
        payload={
            "title_en": _title("text_en", holes),
            "title_zh": _title("text_zh", holes),
            "holes": holes,
        },
        now=now,
    )


def _title(field: str, holes: list[dict[str, Any]]) -> str:
    more = f" (+{len(holes) - 1})" if len(holes) > 1 else ""
    return f"{holes[0][field]}{more}"
