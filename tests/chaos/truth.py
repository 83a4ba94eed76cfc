"""What must be in the records after the kills, compared with what is there."""

import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from plantroom.receiver import Delivery

DELAY_MS = {"trip": 0, "slow": 2000, "blip": 60_000}
RESENT_MS = 1500
"""Acknowledged later than this: it was lost with the server and sent again."""
TOLERANCE_MS = 1000
ONSETS = {"raised", "raised_again", "recorded"}


class Run(NamedTuple):
    """A point was on from ``onset`` to ``end``; None: it still is."""

    device: str
    point: str
    onset: int
    end: int | None

    @property
    def is_alarm(self) -> bool:
        return self.end is None or self.end - self.onset >= DELAY_MS[self.point]


class Uptime:
    """When the server was up; the time it was down is nobody's delay."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []

    def between(self, start: int, end: int) -> int:
        """Milliseconds of ``start`` to ``end`` in which the server was up."""
        return sum(max(0, min(end, until) - max(start, since)) for since, until in self.spans)


class Score(NamedTuple):
    """Of one kind of thing."""

    wanted: int
    lost: int
    doubled: int
    late: int
    notes: list[str]

    def line(self, name: str) -> str:
        return (
            f"{name:9} {self.wanted:6} wanted {self.lost:4} lost {self.doubled:4} doubled "
            f"{self.late:4} late"
        )


def alarms(
    database: sqlite3.Connection,
    runs: list[Run],
    acked: dict[tuple[str, str, int], int],
    up: Uptime,
) -> Score:
    """Each run that lasted is one alarm with its true onset, raised when its delay was over."""
    found = _intervals(database)
    wanted = {(f"chaos/gw/{r.device}/{r.point}", r.onset): r for r in runs if r.is_alarm}
    notes = [f"lost {key}, found {found.get(key[0])}" for key in wanted if not found[key[0]]]
    lost = len(notes)
    doubled = late = 0
    for point, seen in found.items():
        true = [onset for key, onset in wanted if key == point]
        extra = len(seen) - len(true)
        if extra > 0:
            doubled += extra
            notes.append(f"doubled {point}: {seen}, true {true}")
        for onset, raised_at in seen[: len(true)]:
            run = wanted.get((point, onset))
            if run is None:
                late += 1
                notes.append(f"wrong onset {point}: {onset}, true {true}")
                continue
            if raised_at is None:
                continue  # recorded after it was over: nobody waited for it
            heard = acked.get((run.device, run.point, run.onset), run.onset)
            due = max(run.onset + DELAY_MS[run.point], heard)
            if heard - run.onset > RESENT_MS:
                # It waits until the backlog is through, because that may say that it is over.
                continue
            waited = up.between(due, raised_at)
            if waited > TOLERANCE_MS or raised_at < run.onset + DELAY_MS[run.point]:
                late += 1
                notes.append(f"late {point}: due {due}, raised {raised_at}, waited {waited}")
    return Score(len(wanted), lost, doubled, late, notes)


def steps(database: sqlite3.Connection, up: Uptime) -> Score:
    """Each planned step of an incident that is open and unanswered ran once, when it was due."""
    rows = database.execute(
        "SELECT incident_id, number, due_at, ran_at, state, told FROM incident_steps "
        "WHERE state != 'cancelled'"
    ).fetchall()
    lost = sum(state == "pending" for *_, state, _told in rows)
    keys = Counter(
        key
        for (key,) in database.execute("SELECT key FROM messages WHERE key LIKE 'incident-step/%'")
    )
    doubled = sum(count - 1 for count in keys.values())
    done = {f"incident-step/{row[0]}/{row[1]}/" for row in rows if row[4] == "done"}
    written = {key.rpartition("/")[0] + "/" for key in keys}
    lost += len(done - written)
    late = 0
    notes: list[str] = []
    for incident, number, due_at, ran_at, state, _told in rows:
        if state == "done" and up.between(due_at, ran_at) > TOLERANCE_MS:
            late += 1
            notes.append(f"step {incident}/{number} due {due_at} ran {ran_at}")
    return Score(len(rows), lost, doubled, late, notes)


def messages(database: sqlite3.Connection, deliveries: list[Delivery]) -> Score:
    """Each message arrives at least once under its key, and no two keys say the same thing."""
    rows = database.execute("SELECT key, state FROM messages").fetchall()
    arrived = {delivery.id for delivery in deliveries}
    missing = [key for key, state in rows if state not in {"sent", "delivered"}]
    said = Counter(key for key, _state in rows)
    doubled = sum(count - 1 for count in said.values())
    lost = len(missing) + max(0, len(said) - len(arrived))
    incidents = database.execute(
        "SELECT count(*) FROM incidents WHERE NOT EXISTS (SELECT 1 FROM messages "
        "WHERE messages.incident_id = incidents.id)"
    ).fetchone()[0]
    unsigned = sum(not delivery.signed for delivery in deliveries)
    notes = [f"not sent: {missing[:5]}"] if missing else []
    return Score(len(rows), lost + incidents + unsigned, doubled, 0, notes)


def open_records(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _intervals(database: sqlite3.Connection) -> dict[str, list[tuple[int, int | None]]]:
    """Point to its onsets, with when they were raised; a corrected onset counts as corrected."""
    found: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
    rows = database.execute(
        "SELECT points.key, alarm_changes.kind, alarm_changes.at, alarm_changes.recorded_at "
        "FROM alarm_changes JOIN alarms ON alarms.id = alarm_changes.alarm_id "
        "JOIN points ON points.id = alarms.point_id WHERE points.key LIKE 'chaos/gw/r%' "
        "ORDER BY alarm_changes.id"
    )
    for point, kind, at, recorded_at in rows:
        if kind in ONSETS:
            found[point].append((at, None if kind == "recorded" else recorded_at))
        elif kind == "onset_corrected" and found[point]:
            found[point][-1] = at, found[point][-1][1]
    return found
