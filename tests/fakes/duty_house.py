"""A house with people: an engineer, a lead and a manager, who can all be reached."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.people import PeopleFile
from server.core.errors import StoreError
from server.core.records import Records
from server.core.timer_sweep import Handler, TimerSweep
from server.core.timers import due_timers
from server.incidents.escalation import TIMER_KINDS
from server.incidents.model import IncidentChange, IncidentStep
from server.incidents.service import acknowledge_incident
from server.jobs.escalation import EscalationTimers
from server.messages.attempts import UNREACHED
from server.messages.model import Message
from server.people.service import import_people
from tests.fakes.house import SETTINGS, House

MINUTE_S = 60


def person(name: str, role: str = "engineer", **more: Any) -> dict[str, Any]:
    channels = more.pop("channels", [{"channel": "duty"}])
    return {"name": name, "role": role, "channels": channels, **more}


def staff(**policies: Any) -> dict[str, Any]:
    """Wang is always on duty, Li leads, Zhao manages."""
    return {
        "persons": {
            "wang": person("Wang"),
            "li": person("Li", "lead"),
            "zhao": person("Zhao", "manager"),
        },
        "rosters": {
            "house": {
                "name": "House",
                "shifts": [{"start": "08:00", "end": "08:00", "persons": ["wang"]}],
            }
        },
        "policies": policies,
    }


def load(house: House, content: dict[str, Any]) -> None:
    people = PeopleFile.model_validate(content)
    house.records.write(
        lambda session: import_people(session, people, by="test", now=house.clock.now_ms())
    )


def sweep_of(house: House) -> TimerSweep:
    """What a newly started server would run."""
    timers = EscalationTimers(house.records, house.outlets, house.clock)
    handlers: dict[str, Handler] = dict.fromkeys(TIMER_KINDS, timers.on_timer)
    return TimerSweep(house.records, handlers | {UNREACHED: timers.on_dead_letter}, house.clock)


def pass_time(house: House, seconds: float) -> None:
    """Let time pass, from one due timer to the next."""
    sweep = sweep_of(house)
    end = house.clock.now_ms() + round(seconds * 1000)
    while True:
        due = house.records.read(
            partial(due_timers, now=end, kinds=(*TIMER_KINDS, UNREACHED), limit=1)
        )
        if not due:
            house.clock.advance((end - house.clock.now_ms()) / 1000)
            return
        house.clock.advance(max(0, due[0].due_at - house.clock.now_ms()) / 1000)
        sweep.sweep()


def steps(house: House) -> list[IncidentStep]:
    return house.records.read(
        lambda session: list(session.scalars(select(IncidentStep).order_by(IncidentStep.number)))
    )


def messages(house: House) -> list[Message]:
    """Messages to persons, in order."""

    def read(session: Session) -> list[Message]:
        query = select(Message).where(Message.key.like("incident-step/%")).order_by(Message.id)
        return list(session.scalars(query))

    return house.records.read(read)


def called(house: House) -> list[tuple[str, float]]:
    """(name, seconds since the start) of every message to a person, in order."""
    return [
        (row.payload["person"]["name"], (row.created_at - house.start) / 1000)
        for row in messages(house)
    ]


def history(house: House) -> list[tuple[str, str | None]]:
    rows = house.records.read(
        lambda session: list(session.scalars(select(IncidentChange).order_by(IncidentChange.id)))
    )
    return [(row.kind, row.by) for row in rows]


def take(house: House, by: str = "wang") -> None:
    house.records.write(
        lambda session: acknowledge_incident(session, 1, by=by, now=house.clock.now_ms())
    )


def at_once(house: House, act: Callable[[EscalationTimers], None]) -> None:
    """Four servers on the same records do the same thing three times, all at the same time."""
    others = [Records.open(house.url) for _ in range(4)]
    handlers = [EscalationTimers(one, SETTINGS, house.clock) for one in others]

    def run(handler: EscalationTimers) -> None:
        # Two processes on one SQLite file may have to try again, as the sweep does.
        while True:
            try:
                return act(handler)
            except StoreError:
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, handlers * 3))
    for records in others:
        records.close()
