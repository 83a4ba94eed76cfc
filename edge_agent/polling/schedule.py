"""What a port asks next (pure): a fixed grid, earliest deadline first, the dead on a budget.

A class of points is due at ``origin + k * period``. A cycle that could not start in time starts as
soon as the one before it is done, for the latest grid point that has passed; those in between
are skipped and counted, so cycles are never bunched. Time is monotonic seconds throughout.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import floor

from edge_agent.polling.plan import Bisection, Block
from edge_agent.polling.units import DeadBudget, Unit

_STARVED_S = 5.0
_SOONEST_S = 0.05


@dataclass(eq=False)
class ScanClass:
    """The points of one device that are read at one period."""

    device: str
    unit: Unit
    period_s: float
    blocks: Sequence[Block]
    origin_s: float = 0.0
    next_due: float = 0.0
    outstanding: int = 0
    lesson: Bisection | None = None

    def grid_before(self, now_s: float) -> float:
        """Return the latest grid point that is not in the future."""
        # The small term keeps 3 * 0.1 on its own grid point.
        cycles = floor((now_s - self.origin_s) / self.period_s + 1e-6)
        return self.origin_s + cycles * self.period_s


@dataclass(eq=False, slots=True)
class Job:
    """One request to send.

    Attributes:
        patience_s: How long a probe waits; None: as the unit's behaviour says.
    """

    scan: ScanClass
    block: Block
    deadline: float
    probe: bool = False
    attempts: int = 0
    patience_s: float | None = None


def _no_time(block: Block) -> float:
    del block
    return 0.0


@dataclass
class Schedule:
    """The classes of one port and their pending requests.

    Attributes:
        wire_s: Time that the bytes of a read of so much need on the wire, beside the wait.
    """

    classes: Sequence[ScanClass]
    wire_s: Callable[[Block], float] = _no_time
    budget: DeadBudget = field(default_factory=DeadBudget)
    _due: list[tuple[float, int, ScanClass]] = field(
        default_factory=list[tuple[float, int, ScanClass]]
    )
    _pending: list[tuple[float, int, Job]] = field(default_factory=list[tuple[float, int, Job]])
    _order: "count[int]" = field(default_factory=count)
    _skipped: int = 0
    _waiting_since: float | None = None

    def start(self, now_s: float) -> None:
        """Drop what is pending; every class is due at once, then on its grid."""
        self._pending.clear()
        self._due.clear()
        self.budget.spend(now_s, 0.0)
        for scan in self.classes:
            scan.outstanding = 0
            scan.lesson = None
            scan.next_due = max(scan.origin_s, scan.grid_before(now_s))
            if not scan.unit.demoted:
                self._park(scan)

    def next(self, now_s: float, clear_at: Callable[[Job], float]) -> Job | None:
        """Return the request to send now, None if there is none.

        ``clear_at`` says when a request may be sent; those that may not yet are passed over.
        """
        self._release(now_s)
        held: list[tuple[float, int, Job]] = []
        chosen: Job | None = None
        while self._pending and chosen is None:
            entry = heapq.heappop(self._pending)
            if clear_at(entry[2]) <= now_s:
                chosen = entry[2]
            else:
                held.append(entry)
        for entry in held:
            heapq.heappush(self._pending, entry)
        return chosen or self._probe(now_s, clear_at)

    def wake_at(self, now_s: float, clear_at: Callable[[Job], float]) -> float:
        """When ``next`` may have something, if nothing else happens before."""
        times = [self._due[0][0]] if self._due else []
        times += [clear_at(job) for _, _, job in self._pending]
        unit = self._next_probed()
        if unit is not None:
            times.append(max(self._probe_at(unit, now_s), now_s + _SOONEST_S))
        return min(times, default=now_s + 3600)

    def again(self, job: Job) -> None:
        """Try a request once more in its cycle, behind what others are waiting for."""
        job.attempts += 1
        job.deadline += job.scan.period_s
        self._push(job)

    def unsent(self, job: Job) -> None:
        """Put back a request that the port could not send."""
        if not job.probe:
            self._push(job)

    def add_pieces(self, job: Job, pieces: Iterable[Block]) -> None:
        """Ask the pieces of a refused block, in the same cycle."""
        for piece in pieces:
            job.scan.outstanding += 1
            self._push(Job(job.scan, piece, job.deadline))

    def done(self, job: Job) -> bool:
        """Note that a request is over; returns whether its cycle is complete."""
        if job.probe or job.scan.outstanding == 0:
            return False
        job.scan.outstanding -= 1
        if job.scan.outstanding:
            return False
        self._park(job.scan)
        return True

    def drop_unit(self, unit: Unit) -> None:
        """Forget everything that is pending for a demoted unit; its classes wait for its return."""
        self._pending = [entry for entry in self._pending if entry[2].scan.unit is not unit]
        heapq.heapify(self._pending)
        self._due = [entry for entry in self._due if entry[2].unit is not unit]
        heapq.heapify(self._due)
        for scan in self.classes:
            if scan.unit is unit:
                scan.outstanding = 0
                scan.lesson = None

    def revive_unit(self, unit: Unit, now_s: float) -> None:
        """Read every class of a promoted unit at once, then on its grid again."""
        self.drop_unit(unit)
        if all(scan.unit is unit or scan.unit.demoted for scan in self.classes):
            # The first voice on a silent line: it was the line, and the others are back as well.
            for other in self._dead_units():
                other.look_soon(now_s)
        for scan in self.classes:
            if scan.unit is unit:
                scan.next_due = scan.grid_before(now_s)
                self._park(scan)

    def take_skipped(self) -> int:
        """Return how many cycles were left out since this was last asked."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def _release(self, now_s: float) -> None:
        while self._due and self._due[0][0] <= now_s:
            scan = heapq.heappop(self._due)[2]
            due = max(scan.next_due, scan.grid_before(now_s))
            self._skipped += round((due - scan.next_due) / scan.period_s)
            scan.next_due = due + scan.period_s
            scan.outstanding = len(scan.blocks)
            for block in scan.blocks:
                self._push(Job(scan, block, scan.next_due))
            if not scan.blocks:
                self._park(scan)

    def _probe(self, now_s: float, clear_at: Callable[[Job], float]) -> Job | None:
        """A probe runs where it delays nobody, or when it has waited too long for such a place."""
        unit = self._next_probed()
        if unit is None or unit.probe_at > now_s:
            return None
        job = self._cheapest(unit, now_s, clear_at)
        if job is None:
            return None
        wire_s, neighbours_s = self.wire_s(job.block), self.neighbours_s()
        free_s = self._due[0][0] - now_s - wire_s if self._due else float("inf")
        least_s = unit.patience_s(neighbours_s)
        job.patience_s = min(unit.probe_s(neighbours_s), max(least_s, free_s))
        if not self.budget.allows(now_s, job.patience_s + wire_s):
            return None
        if self._waiting_since is None:
            self._waiting_since = now_s
        if free_s < least_s and now_s - self._waiting_since < _STARVED_S:
            return None
        self._waiting_since = None
        return job

    def _probe_at(self, unit: Unit, now_s: float) -> float:
        """When this unit's probe is ripe, paid for, and has waited long enough for a place."""
        wait_s = unit.probe_s(self.neighbours_s())
        ripe = max(unit.probe_at, self.budget.free_at(now_s, wait_s))
        if ripe <= now_s and self._waiting_since is not None:
            return self._waiting_since + _STARVED_S
        return ripe

    def _next_probed(self) -> Unit | None:
        return min(self._dead_units(), key=lambda unit: unit.probe_at, default=None)

    def neighbours_s(self) -> float | None:
        """Slowest usual response of the units that answer, None if there are none."""
        known = [
            scan.unit.response_s
            for scan in self.classes
            if scan.unit.response_s is not None and not scan.unit.demoted
        ]
        return max(known, default=None)

    def _cheapest(self, unit: Unit, now_s: float, clear_at: Callable[[Job], float]) -> Job | None:
        probes = [
            Job(s, b, 0.0, probe=True) for s in self.classes if s.unit is unit for b in s.blocks
        ]
        clear = [probe for probe in probes if clear_at(probe) <= now_s]
        return min(clear, key=lambda probe: probe.block.size, default=None)

    def _dead_units(self) -> list[Unit]:
        return list({id(s.unit): s.unit for s in self.classes if s.unit.demoted}.values())

    def _park(self, scan: ScanClass) -> None:
        heapq.heappush(self._due, (scan.next_due, next(self._order), scan))

    def _push(self, job: Job) -> None:
        heapq.heappush(self._pending, (job.deadline, next(self._order), job))
