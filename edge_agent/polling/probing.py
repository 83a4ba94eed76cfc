"""Which offline unit a port asks next, and how long it waits for it (pure).

The one that is due longest, may be asked and is within the budget, or ends before anything is due
on a port with spare time (ADR-27), which is free. A probe waits as long as the unit's own
answers or its neighbours' took; one of a unit that has become slower since is answered too late,
which the driver reports. Only where no late answer comes a unit must be waited for in full: rarely,
in turns, and from a share of its own, so that no short probe waits for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.drivers.question import Question
from edge_agent.polling.port_time import TimeBudget
from edge_agent.polling.scan_class import Job, ScanClass
from edge_agent.polling.units import Unit

_FULL_SHARE = 0.002
_SAVED_FOR_S = 60.0  # a long wait that was passed over for so long is saved for
_OTHER_BLOCK_EVERY = 3
_SINGLE_POINT_AT = 2  # of every so many
_SOONEST_S = 0.05

Clear = Callable[[Job], float]


@dataclass(eq=False, slots=True)
class _Waiting:
    """What is asked on the budget: a unit that is only probed, or a class with silent pieces."""

    due_at: float
    unit: Unit
    scan: ScanClass | None = None


@dataclass
class Probing:
    """The units of one port that are only probed; owns what their probes may cost.

    Attributes:
        classes: All classes of the port.
        wire_s: Time of a read's bytes.
        budget: Pays for probes.
        full: Pays for what a wait in full takes longer.
        with_pieces: Classes that had silent pieces when their last cycle began.
    """

    classes: Sequence[ScanClass]
    wire_s: Callable[[Question], float]
    budget: TimeBudget
    full: TimeBudget = field(default_factory=lambda: TimeBudget(share=_FULL_SHARE, most_s=0.0))
    with_pieces: set[ScanClass] = field(default_factory=set[ScanClass])
    _units: list[Unit] = field(default_factory=list[Unit])

    def start(self, now_s: float) -> None:
        """Begin to save; the first wait in full comes at no certain time."""
        self.refresh()
        self.budget.spend(now_s, 0.0)
        for scan in self.classes[:1]:
            longest_s, rng = scan.unit.longest_s, scan.unit.rng
            self.full.start(now_s, most_s=longest_s, credit_s=rng.uniform(0.0, longest_s / 2))

    def refresh(self) -> None:
        """Find again which units are only probed."""
        units = {id(scan.unit): scan.unit for scan in self.classes if scan.unit.probe_only}
        self._units = list(units.values())

    @property
    def units(self) -> Sequence[Unit]:
        """Units that are only probed."""
        return self._units

    def idle(self) -> bool:
        """Whether there is nothing to probe."""
        return not (self._units or self.with_pieces)

    def add_pieces_of(self, scan: ScanClass) -> None:
        """Probe the silent pieces of a class."""
        self.with_pieces.add(scan)

    def next(self, now_s: float, clear_at: Clear, spare_s: float = 0.0) -> Job | None:
        """Return the probe to send; None if none is due, may be asked and is within the budget.

        Args:
            now_s: Monotonic seconds.
            clear_at: When a request may be sent.
            spare_s: How long a probe may take for nothing.
        """
        due = [one for one in self._waiting() if one.due_at <= now_s]
        if not due:
            return None
        due.sort(key=lambda one: one.due_at)
        neighbours_s = self.neighbours_s()
        saving = False
        for one in due:
            clear = [job for job in self._jobs(one) if clear_at(job) <= now_s]
            if not clear:
                continue
            job = clear[0]
            patience_s = one.unit.patience_s(neighbours_s, job.block)
            wire_s = self.wire_s(job.block)
            if one.unit.alone:
                patience_s = one.unit.longest_s
            elif one.unit.heard_lately(now_s):
                patience_s = min(one.unit.longest_s, max(patience_s, spare_s - wire_s))
            cost_s = patience_s + wire_s
            spare = cost_s <= spare_s and one.unit.expected_back(now_s)
            free = spare or one.unit.recheck or one.unit.alone
            if not free and (saving or not self.budget.allows(now_s, cost_s)):
                saving = saving or now_s - one.due_at > _SAVED_FOR_S
                continue
            job.wait_for(patience_s, spare=spare)
            return job
        return None

    def lengthen(self, job: Job, now_s: float, free_s: float) -> None:
        """Let a probe wait in full if it is its unit's turn; ``free_s``: for how long it may."""
        unit = job.scan.unit
        longer_s = min(unit.longest_s, free_s) - (job.patience_s or 0.0)
        if not unit.offline or longer_s <= 0 or not self.full.allows(now_s, longer_s):
            return
        if unit.full_at <= min(other.full_at for other in self._units if other.offline):
            job.wait_longer(longer_s)

    def wake_at(self, now_s: float, clear_at: Clear) -> float:
        """When ``next`` may have something that it does not have now."""
        times = [float("inf")]
        neighbours_s = self.neighbours_s()
        for one in self._waiting():
            for job in self._jobs(one):
                cost_s = one.unit.patience_s(neighbours_s, job.block)
                cost_s += self.wire_s(job.block)
                free = one.unit.recheck or one.unit.alone
                paid = now_s if free else self.budget.free_at(now_s, cost_s)
                times.append(max(one.due_at, paid, clear_at(job), now_s + _SOONEST_S))
                if one.due_at > now_s:
                    times.append(max(one.due_at, clear_at(job), now_s + _SOONEST_S))
        return min(times)

    def charge(self, now_s: float, seconds: float) -> None:
        """Charge what the silence of a unit cost before it went offline."""
        self.budget.spend(now_s, seconds)

    def forgive(self, now_s: float) -> None:
        """Drop the debt: all units of the port are offline."""
        self.budget.forgive(now_s)

    def charge_probe(self, job: Job, now_s: float, seconds: float) -> None:
        """Charge a probe that was not answered."""
        if job.spare:
            seconds = min(job.full_s, seconds)
        full_s = min(job.full_s, seconds)
        self.full.spend(now_s, full_s)
        self.budget.spend(now_s, seconds - full_s)
        if job.full_s:
            job.scan.unit.waited_in_full(now_s)

    def neighbours_s(self) -> float | None:
        """Slowest usual response of the units that answer, None if there are none."""
        known = [
            scan.unit.response_s
            for scan in self.classes
            if scan.unit.response_s is not None and not scan.unit.probe_only
        ]
        return max(known, default=None)

    def _waiting(self) -> list[_Waiting]:
        waiting = [_Waiting(unit.probe_at, unit) for unit in self._units]
        if self.with_pieces:
            self.with_pieces = {scan for scan in self.with_pieces if scan.silent_pieces}
            waiting += [
                _Waiting(scan.pieces_due_at, scan.unit, scan)
                for scan in self.with_pieces
                if not scan.unit.probe_only
            ]
        return waiting

    def _jobs(self, one: _Waiting) -> list[Job]:
        """What may be asked, best first: the cheapest, now and then another, or a single point.

        The cheapest may be the one that the unit does not answer, and it may answer none of them:
        because all are too long for it, or because each has a register that it does not answer.
        So each point has its turn, the shortest first.
        """
        if one.scan is not None:
            return [Job(one.scan, one.scan.silent_pieces[0], 0.0, probe=True, piece=True)]
        jobs = [
            Job(s, b, 0.0, probe=True) for s in self.classes if s.unit is one.unit for b in s.blocks
        ]
        jobs = [job for job in jobs if job.scan.emptied.isdisjoint(job.block.points)] or jobs
        jobs.sort(key=lambda job: job.block.size)
        turn, other = divmod(one.unit.probes, _OTHER_BLOCK_EVERY)
        if other == _SINGLE_POINT_AT and jobs:
            asked = {job.block for job in jobs}
            singles = [
                Job(scan, single, 0.0, probe=True)
                for scan in self.classes
                if scan.unit is one.unit
                for single in scan.singles
                if single not in asked
            ]
            if singles:
                singles.sort(key=lambda job: job.block.size)
                return [singles[turn % len(singles)], *jobs]
        if other == 0 and turn and len(jobs) > 1:
            at = 1 + (turn - 1) % (len(jobs) - 1)
            jobs[0], jobs[at] = jobs[at], jobs[0]
        return jobs
