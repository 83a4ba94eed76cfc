"""What must have come out of the kills, from the node's own plan, compared with what did.

Nothing here asks the server what it meant to do: alarms and calls follow from when the points went
on and off, from the policy, and from who answered when. Calls are what the receiver heard.
"""

import sqlite3
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import psycopg

from tests.chaos.node import Heard
from tests.chaos.operator import Answer
from tests.chaos.plan import BOARD, DELAY_MS, FIRST_RETRY_MS, GONE, STEPS, Step
from tests.chaos.receiver import Attempt
from tests.chaos.score import Score, Uptime

TOLERANCE_MS = 1000
LATE_MS = 15_000 + 5_000 + TOLERANCE_MS
"""What is sent again waits until nothing late comes for 15 s; the look for that may be 5 s off."""
_CLOCK_MS = 50
"""Nothing is earlier than this; the receiver's clock is read a little after the server's."""
_ONSETS = {"raised", "raised_again", "recorded"}
_OPENING = Step(0, 0, BOARD)

Place = tuple[str, str]
"""Device and point."""
Call = tuple[Place, int, str]
"""Place, step and person."""
_Came = dict[Call, dict[str, list[Attempt]]]
"""What was heard of a call, by the ids of its messages."""


class Database(Protocol):
    """A connection to the records."""

    def execute(self, query: Any, /) -> Any:
        """Ask."""
        ...


class Run(NamedTuple):
    """A point was on from ``onset`` to ``end``; None: it still is."""

    device: str
    point: str
    onset: int
    end: int | None

    @property
    def due(self) -> int:
        """When its alarm is due, UTC ms."""
        return self.onset + DELAY_MS[self.point]

    @property
    def is_alarm(self) -> bool:
        return self.end is None or self.end >= self.due


@dataclass(frozen=True)
class Truth:
    """Everything that the run knows without the server."""

    runs: Sequence[Run]
    heard: Mapping[tuple[str, str, int], Heard]
    answers: Mapping[Place, Answer]
    attempts: Sequence[Attempt]
    resent: Sequence[int]
    """When the node sent anything again, in order: what is late waits until that is over."""
    up: Uptime
    away: Sequence[tuple[int, int]] = ()
    """When a store was away: what could not be told then comes with what is sent again."""

    def alarms(self, database: Database) -> Score:
        """Each run that lasted is one alarm with its true onset, raised when its delay was over."""
        found = _intervals(database)
        wanted = {(run.device, run.point, run.onset): run for run in self.runs if run.is_alarm}
        score = Score(wanted=len(wanted))
        seen = Counter(one[0] for one in found)
        for key in wanted.keys() - seen.keys():
            score.lost += 1
            score.notes.append(f"lost {key}")
        for key, number in seen.items():
            extra = number - (key in wanted)
            if extra:
                score.doubled += extra
                score.notes.append(f"doubled or never on {key}: {number}")
        for key, raised_at in found:
            run = wanted.get(key)
            # What is recorded after it was over: nobody waited for it.
            if run is not None and raised_at is not None:
                self._judge(score, f"alarm {key}", run, due=run.due, at=raised_at)
                if raised_at < run.due:
                    score.late += 1
                    score.notes.append(f"early {key}: due {run.due}, raised {raised_at}")
        return score

    def steps(self) -> Score:
        """Each step of each alarm calls its person exactly once, unless somebody has answered."""
        return self._calls(STEPS)

    def messages(self, database: Database) -> Score:
        """Every incident is told to the board; every message that was written has arrived."""
        score = self._calls((_OPENING,))
        rows = database.execute("SELECT key, state FROM messages").fetchall()
        # What is cancelled had been answered: that it was is judged with the calls.
        over = {"sent", "delivered", "passed_on", "cancelled"}
        waiting = [row for row in rows if row[1] not in over]
        taken = {one.id for one in self.attempts if one.taken}
        sent = sum(state in {"sent", "delivered"} for _key, state in rows)
        score.wanted += len(rows)
        score.lost += len(waiting) + max(0, sent - len(taken))
        score.notes += [f"written and not sent {row}" for row in waiting[:5]]
        bodies: dict[str, set[str]] = defaultdict(set)
        for one in self.attempts:
            bodies[one.id].add(str(one.body))
        score.doubled += sum(len(said) - 1 for said in bodies.values())
        score.lost += sum(not one.signed for one in self.attempts)
        return score

    def readings(self, stored: Mapping[Place, Sequence[int]]) -> Score:
        """Each acknowledged reading is in the history exactly once.

        Args:
            stored: When the readings of each point were taken, as the history gives them.
        """
        score = Score(wanted=len(self.heard))
        for device, point, at in self.heard:
            if at not in stored[device, point]:
                score.lost += 1
                score.notes.append(f"lost {device} {point} {at}")
        for place, instants in stored.items():
            extra = len(instants) - len(set(instants))
            if extra:
                score.doubled += extra
                score.notes.append(f"doubled {place}: {sorted(instants)}")
        return score

    def missing(self) -> bool:
        """Return whether anything that must come has not come yet."""
        return bool(self._calls((*STEPS, _OPENING)).lost)

    def _calls(self, steps: Sequence[Step]) -> Score:
        persons = {step.person for step in steps}
        came: _Came = defaultdict(dict)
        for one in self.attempts:
            call = _call(one)
            if call[2] in persons:
                # The channel that is gone is the first attempt of a call; the next one has another
                # id, as everything that a receiver of its own hears.
                came[call].setdefault(one.id.partition("/li-0")[0], []).append(one)
        score, known = Score(), set[Call]()
        for run in self.runs:
            place = run.device, run.point
            for step, due, certain in self._expected(run, steps, came):
                call = place, step.number, step.person
                known.add(call)
                attempts = [one for same in came.get(call, {}).values() for one in same]
                score.wanted += certain
                taken = any(one.taken for one in attempts)
                if certain and not taken and not self._answered_before_retry(place, attempts):
                    score.lost += 1
                    score.notes.append(f"lost {call}: {self._evidence(run, attempts)}")
                if attempts:
                    at = min(one.at for one in attempts)
                    self._judge(score, f"call {call}", run, due=due, at=at)
                    if at < run.due + step.after_ms - _CLOCK_MS:
                        score.late += 1
                        score.notes.append(f"early {call}: {at}, due {run.due + step.after_ms}")
        for call, ids in came.items():
            extra = len(ids) - (call in known)
            if extra:
                score.doubled += extra
                score.notes.append(f"doubled or not meant {call}: {sorted(ids)}")
        return score

    def _answered_before_retry(self, place: Place, attempts: Sequence[Attempt]) -> bool:
        """Whether the receiver refused it and somebody answered before it had to come again."""
        answer = self.answers.get(place)
        if answer is None or not attempts:
            return False
        last = max(attempts, key=lambda one: one.at)
        tries = sum(one.hook == last.hook for one in attempts)
        # A channel that is gone is not tried again: the next one is, at once.
        pause_ms = 0 if last.hook == GONE else FIRST_RETRY_MS * 2 ** (tries - 1)
        return self.up.between(last.at + pause_ms, answer.asked_at) <= TOLERANCE_MS

    def _evidence(self, run: Run, attempts: Sequence[Attempt]) -> str:
        tries = [(one.hook, one.at, one.taken) for one in attempts]
        spans = [span for span in self.up.spans if span[1] >= run.onset][:5]
        answer = self.answers.get((run.device, run.point))
        return f"{run}, {self._heard(run)}, {answer}, attempts {tries}, up {spans}"

    def _expected(
        self, run: Run, steps: Sequence[Step], came: _Came
    ) -> Iterator[tuple[Step, int, bool]]:
        """Yield the steps that may come, when each is due, and whether it must come."""
        if not run.is_alarm:
            return
        answer = self.answers.get((run.device, run.point))
        for step in steps:
            due, certain = self._due(run, step, came), self._is_certain(run)
            if answer is not None and step.after_ms:
                if run.due + step.after_ms >= answer.done_at:
                    continue
                certain = certain and self.up.between(due, answer.asked_at) > TOLERANCE_MS
            yield step, due, certain

    def _is_certain(self, run: Run) -> bool:
        """Whether people must hear of it: what is over before it is known is only recorded."""
        heard = self._heard(run)
        if heard is None or run.end is None:
            return heard is not None
        # A kill before the alarm is raised leaves it in doubt until the gateway has spoken again.
        raised = max(heard.acked_at, run.due + TOLERANCE_MS)
        doubtful = heard.again or not self.up.throughout(heard.acked_at, raised)
        slack = LATE_MS if doubtful else TOLERANCE_MS
        return max(heard.acked_at, run.due) + slack <= run.end

    def _due(self, run: Run, step: Step, came: _Came) -> int:
        """Return when the step is due: the plan starts when the server could open the incident."""
        first = came.get(((run.device, run.point), 1, STEPS[0].person), {})
        opened = min((one.at for same in first.values() for one in same), default=run.due)
        return (max(opened, run.due) if step.after_ms else run.due) + step.after_ms

    def _judge(self, score: Score, what: str, run: Run, *, due: int, at: int) -> None:
        heard, bound = self._heard(run), TOLERANCE_MS
        if heard is not None and (heard.again or self._met_an_away_store(heard, at)):
            before = bisect_left(self.resent, at)
            due, bound = max(due, *self.resent[before - 1 : before], heard.sent_at), LATE_MS
        waited = self.up.between(due, at)
        if waited <= bound:
            return
        if self.up.able_between(due, at) <= bound:
            score.held_up += 1
        else:
            score.late += 1
            score.notes.append(f"late {what}: due {due}, at {at}, waited {waited}, {heard}")

    def _met_an_away_store(self, heard: Heard, at: int) -> bool:
        return any(since <= at and heard.sent_at <= until for since, until in self.away)

    def _heard(self, run: Run) -> Heard | None:
        return self.heard.get((run.device, run.point, run.onset))


@contextmanager
def open_records(url: str) -> Generator[Database]:
    """Open the records of a server, SQLite or PostgreSQL."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as records:
            yield records
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as records:
            yield records


def _call(attempt: Attempt) -> Call:
    """Return what a message is about: device, point, step and person."""
    data = attempt.body["data"]
    incident = data["incident"]
    place = incident["equipment_key"].rpartition("/")[2], incident["cause"]
    if "step" not in data:
        return place, 0, attempt.hook
    return place, data["step"]["number"], data["person"]["key"]


def _intervals(database: Database) -> list[tuple[tuple[str, str, int], int | None]]:
    """Return onsets with when they were raised; a corrected onset counts as corrected."""
    found: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
    rows = database.execute(
        "SELECT points.key, alarm_changes.kind, alarm_changes.at, alarm_changes.recorded_at "
        "FROM alarm_changes JOIN alarms ON alarms.id = alarm_changes.alarm_id "
        "JOIN points ON points.id = alarms.point_id WHERE points.key LIKE 'chaos/gw/r%' "
        "ORDER BY alarm_changes.id"
    )
    for point, kind, at, recorded_at in rows:
        if kind in _ONSETS:
            found[point].append((at, None if kind == "recorded" else recorded_at))
        elif kind == "onset_corrected" and found[point]:
            found[point][-1] = at, found[point][-1][1]
    return [
        ((point.split("/")[2], point.split("/")[3], onset), raised_at)
        for point, seen in found.items()
        for onset, raised_at in seen
    ]
