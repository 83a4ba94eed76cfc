"""One linkage as a state machine (pure): when a run begins, when it may begin again.

A cause is one stretch of time in which the condition is true; it begins at most one run. A
condition that is not known begins nothing, ends nothing, and breaks the delay.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from config.linkages import Linkage
from edge_agent.polling.held import Duration


class State(StrEnum):
    """What a linkage is doing; people and programs read these words."""

    READY = "ready"
    """The next cause begins a run."""
    DELAYED = "delayed"
    """The condition is true, not yet for delay_s."""
    RUNNING = "running"
    """Its commands are being given."""
    DONE = "done"
    """Every command was carried out, for the cause that is there or until the reset."""
    FAILED = "failed"
    """Not every command was carried out."""
    LIMITED = "limited"
    """A cause came beyond max_runs; no command was given for it."""


_SPENT = frozenset({State.DONE, State.FAILED, State.LIMITED})


@dataclass(slots=True)
class Memory:
    """What a linkage knows over a restart.

    Attributes:
        state: READY, RUNNING, or what became of the last cause.
        latched: Whether it waits for a reset.
        dry: Whether the last run gave no commands, because it was not armed.
        runs: Runs so far.
        run_times: When the runs that still count began, UTC ms.
        run_key: Names the last run; the keys of its commands begin with it.
        given: The commands of that run, as text; others are not theirs.
        results: What became of them so far, in words.
        began_at: When the last run began, UTC ms; None: there was none.
        ended_at: When it ended; None: not yet.
    """

    state: State = State.READY
    latched: bool = False
    dry: bool = False
    runs: int = 0
    run_times: list[int] = field(default_factory=list[int])
    run_key: str = ""
    given: str = ""
    results: list[str] = field(default_factory=list[str])
    began_at: int | None = None
    ended_at: int | None = None


class LinkageState:
    """The state machine of one linkage.

    Args:
        linkage: What the file says.
        memory: What it knew when the agent was stopped, or the file was read again.
        now_s: Monotonic seconds.
        now_ms: UTC ms.

    Attributes:
        memory: What is to be kept.
        truth: What the condition is now; None: not known.
        under_way: Whether this process is giving the commands of the run.
    """

    def __init__(self, linkage: Linkage, memory: Memory, *, now_s: float, now_ms: int) -> None:
        self.linkage = linkage
        self.memory = memory
        self.truth: bool | None = None
        self.under_way = False
        self._held = Duration()
        self._delayed = False
        if memory.dry and linkage.armed:
            # What it only would have done is not done.
            memory.state, memory.latched, memory.dry = State.READY, False, False
            memory.run_times.clear()
        if memory.state is State.RUNNING and memory.given != given_of(linkage):
            self._give_up("interrupted, and its commands are others now", now_ms)
        elif memory.state is State.RUNNING and not (memory.dry or linkage.armed):
            self._give_up("interrupted, and it is not armed now", now_ms)
        # A time to come is a clock that was set back: as if it were now.
        self._runs_s = [now_s - max(0, now_ms - at) / 1000 for at in memory.run_times]

    @property
    def state(self) -> State:
        """What it is doing, with what only this process knows."""
        delayed = self._delayed and self.memory.state is State.READY
        return State.DELAYED if delayed else self.memory.state

    @property
    def _interrupted(self) -> bool:
        return self.memory.state is State.RUNNING and not self.under_way

    def seen(
        self, *, truth: bool | None, at_s: float, gap_s: float, now_s: float, now_ms: int
    ) -> bool:
        """Take in what the condition is, by a new reading; return whether a run is to begin.

        That is also the rest of one that was interrupted by the end of the agent.

        Args:
            truth: None: not known.
            at_s: Time of the reading, monotonic seconds.
            gap_s: Readings further apart than this are a break.
            now_s: Monotonic seconds.
            now_ms: UTC ms.
        """
        self.truth = truth
        if truth is None:
            self.broken()
            return False
        needed_ms = round(1000 * self.linkage.delay_s)
        held = self._held.seen(
            round(1000 * at_s), is_true=truth, gap_ms=round(1000 * gap_s), needed_ms=needed_ms
        )
        self._delayed = truth and held is not True
        memory = self.memory
        if not truth:
            self._cause_gone(now_ms)
            return False
        if held is not True:
            return False
        if memory.state is State.READY and self._runs_left(now_s) <= 0:
            memory.state = State.LIMITED
        return memory.state is State.READY or self._interrupted

    def broken(self) -> None:
        """The condition cannot be followed: what it was for some time does not count."""
        self._held = Duration()
        self._delayed = False

    def begin(self, run_key: str, *, now_s: float, now_ms: int) -> None:
        """Record that a run begins, or that one goes on that was interrupted."""
        memory = self.memory
        self._delayed = False
        self.under_way = True
        if memory.state is State.RUNNING:
            memory.results = []
            return
        memory.state, memory.dry = State.RUNNING, not self.linkage.armed
        memory.runs += 1
        memory.run_times.append(now_ms)
        self._runs_s.append(now_s)
        memory.run_key, memory.given = run_key, given_of(self.linkage)
        memory.results = []
        memory.began_at, memory.ended_at = now_ms, None

    def finish(self, *, failed: bool, now_ms: int) -> None:
        """Record that the run has ended."""
        memory = self.memory
        memory.state = State.FAILED if failed else State.DONE
        memory.latched = self.linkage.latch
        memory.ended_at = now_ms
        self.under_way = False

    def reset(self) -> str:
        """Let a person end the latch and begin counting runs anew; return why not, if not."""
        memory = self.memory
        if memory.state is State.RUNNING:
            return "its commands are being given"
        if memory.state in _SPENT and self.truth is not False:
            still = "still holds" if self.truth else "is not known"
            return f"its condition {still}: a reset would begin nothing"
        memory.state, memory.latched = State.READY, False
        memory.run_times.clear()
        self._runs_s.clear()
        return ""

    def release(self) -> None:
        """The reset condition is true: end the latch, while the cause is known to be gone."""
        memory = self.memory
        if memory.latched and memory.state in _SPENT and self.truth is False:
            memory.state, memory.latched = State.READY, False

    def _cause_gone(self, now_ms: int) -> None:
        memory = self.memory
        if self._interrupted:
            self._give_up("interrupted, and its cause is gone", now_ms)
        if memory.state in _SPENT and not memory.latched:
            memory.state = State.READY

    def _give_up(self, why: str, now_ms: int) -> None:
        self.memory.results.append(why)
        self.finish(failed=True, now_ms=now_ms)

    def _runs_left(self, now_s: float) -> int:
        within_s = self.linkage.within_s
        if within_s is not None:
            times = zip(self._runs_s, self.memory.run_times, strict=True)
            kept = [(at_s, at_ms) for at_s, at_ms in times if at_s > now_s - within_s]
            self._runs_s = [at_s for at_s, _ in kept]
            self.memory.run_times = [at_ms for _, at_ms in kept]
        return self.linkage.max_runs - len(self._runs_s)


def given_of(linkage: Linkage) -> str:
    """Return the commands of a linkage as text."""
    return repr([(one.device, one.point, one.value) for one in linkage.commands])
