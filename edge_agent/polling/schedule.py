"""What a port asks next (pure): a fixed grid, earliest deadline first, offline units on a budget.

A class of points is due at ``origin + k * period``. A cycle that could not start in time starts as
soon as the one before it is done, for the latest grid point that has passed; those in between
are skipped and counted, so cycles are never bunched. Time is monotonic seconds throughout.
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import count

from edge_agent.drivers.question import Question
from edge_agent.polling.port_time import PortLoad, TimeBudget
from edge_agent.polling.precedence import Precedence, starved_at
from edge_agent.polling.probing import Clear, Probing
from edge_agent.polling.scan_class import Job, ScanClass
from edge_agent.polling.units import Unit

_STARVED_S = 5.0
_IDLES = 0.95  # of its time that a port is asked for; below, it idles once in each period
_RECHECK_STARVED_S = 1.0
_SOONEST_S = 0.05
_MARGIN_S = 0.01  # late timers
_LONGEST_ROOM_S = 3600.0
_TOGETHER_S = 10.0  # units that went offline within this time may have one cause


def _no_time(block: Question) -> float:
    del block
    return 0.0


class Schedule:
    """The classes of one port and their pending requests.

    Args:
        classes: All classes of the port.
        wire_s: Time that the bytes of a read of so much need on the wire, beside the wait.
        takes_s: Time that a read and its answer take, as the planner predicts it.
        budget: What probes may cost.
        load: What reading takes; begins with what is planned.

    Attributes:
        probing: The units that do not answer.
        load: What reading takes.
    """

    def __init__(
        self,
        classes: Sequence[ScanClass],
        *,
        wire_s: Callable[[Question], float] = _no_time,
        takes_s: Callable[[Question], float] = _no_time,
        budget: TimeBudget | None = None,
        load: PortLoad | None = None,
    ) -> None:
        self.classes = classes
        self.probing = Probing(classes, wire_s, budget or TimeBudget())
        self.load = load or PortLoad()
        self._idles = self.load.share < _IDLES
        self._precedence = Precedence(self.load, wire_s, takes_s)
        self._wire_s = wire_s
        self._many_periods = len({scan.period_s for scan in classes}) > 1
        self._due: list[tuple[float, int, ScanClass]] = []
        self._pending: list[tuple[float, int, Job]] = []
        self._empty: list[ScanClass] = []
        self._order = count()
        self._skipped = 0
        self._waiting_since: float | None = None

    def start(self, now_s: float) -> None:
        """Drop what is pending; every class is due at once, then on its grid."""
        self._pending.clear()
        self._due.clear()
        self._waiting_since = None
        for scan in self.classes:
            scan.start(now_s)
            if not scan.unit.offline:
                self._park(scan)
        self.probing.start(now_s)

    def next(self, now_s: float, clear_at: Clear) -> Job | None:
        """Return the request to send now, None if there is none.

        ``clear_at`` says when a request may be sent; those that may not yet are passed over. A
        probe runs where it delays no unit, or when it has waited too long for such a place.
        """
        self._release(now_s)
        if self.probing.idle():
            return self._read(now_s, clear_at)
        spare_s = self._spare_s(now_s, clear_at)
        probe = self.probing.next(now_s, clear_at, spare_s)
        if probe is None:
            self._waiting_since = None
            return self._read(now_s, clear_at)
        if self._waiting_since is None:
            self._waiting_since = now_s
        if probe.spare or now_s - self._waiting_since < self._longest_wait_s(probe.scan.unit):
            read = self._read(now_s, clear_at)
            if read is not None:
                return read
            free_s = self._free_s(now_s, clear_at) - self._wire_s(probe.block)
            if free_s < (probe.patience_s or 0.0):
                return None
            self.probing.lengthen(probe, now_s, free_s)
        self._waiting_since = None
        return probe

    def room_s(self, job: Job, now_s: float) -> float:
        """How long the answer to this read may be waited for so that every deadline holds.

        0 on a port without spare time, and in front of others that the wait would move too far.
        """
        if not self.load.has_spare_time(now_s) or now_s > starved_at(job):
            return 0.0
        waiting = self._protected(now_s)
        if waiting:
            if job.scan.unit.unsteady(now_s) or not self._precedence.in_full(job, waiting):
                return 0.0
            # Each of those that are pending takes as long as one takes here on average.
            work_s = (len(self._pending) + 1) * self.load.mean_s
            return self._pending[0][0] - now_s - work_s - _MARGIN_S
        due_s = self._due[0][0] if self._due else now_s + _LONGEST_ROOM_S
        # The others may have to be waited for as well.
        others_s = sum(
            other.scan.unit.shortest_patience_s(other.block) for _, _, other in self._pending
        )
        return due_s - now_s - others_s - self._wire_s(job.block) - _MARGIN_S

    def unanswered(self, job: Job, now_s: float, seconds: float) -> None:
        """Record that a read which has just ended was not answered well."""
        if not self._protected(now_s):
            seconds = min(seconds, max(0.0, now_s - self._protected_due_s(now_s)))
        self._precedence.unanswered(job, now_s, seconds)

    def wake_at(self, now_s: float, clear_at: Clear) -> float:
        """When ``next`` may have something, if nothing else happens before."""
        times = [self._due[0][0]] if self._due else []
        for _, _, job in self._pending:
            at_s = clear_at(job)
            # What may be asked now and was not waits for a place where it delays none; what may
            # not is given up at its deadline.
            if at_s > now_s:
                times.append(min(at_s, max(job.deadline, now_s + _SOONEST_S)))
            else:
                times.append(max(self._precedence.ask_at(job, now_s), now_s + _SOONEST_S))
        if self._waiting_since is not None:
            longest_s = min(map(self._longest_wait_s, self.probing.units), default=_STARVED_S)
            times.append(max(self._waiting_since + longest_s, now_s + _SOONEST_S))
        elif not self.probing.idle():
            times.append(self.probing.wake_at(now_s, clear_at))
        return min(times, default=now_s + 3600)

    def again(self, job: Job) -> None:
        """Try a request once more in its cycle, behind what others are waiting for."""
        job.repeat()
        self._push(job)

    def unsent(self, job: Job) -> None:
        """Put back a request that the port could not send, or gave up for a command."""
        if not job.probe:
            self._push(job)

    def add_pieces(self, job: Job, pieces: Sequence[Question]) -> None:
        """Ask the pieces of a refused block, in the same cycle."""
        job.scan.add_requests(len(pieces))
        for piece in pieces:
            self._push(Job(job.scan, piece, job.deadline))

    def replace(self, job: Job, blocks: Sequence[Question]) -> None:
        """Ask for the points of a request in other requests, in the same cycle."""
        job.scan.add_requests(len(blocks) - 1)
        wider = len(blocks) == 1
        for block in blocks:
            self._push(
                Job(
                    job.scan,
                    block,
                    job.deadline,
                    attempts=job.attempts,
                    part_of=job.planned,
                    wider=wider,
                )
            )

    def take_overdue(self, now_s: float, clear_at: Clear) -> Sequence[Job]:
        """Remove and return requests that had to wait until their cycle was over."""
        if not self._pending:
            return ()
        late = [job for _, _, job in self._pending if job.deadline <= now_s]
        late = [job for job in late if clear_at(job) > now_s]
        if late:
            self._pending = [entry for entry in self._pending if entry[2] not in late]
            heapq.heapify(self._pending)
        return late

    def done(self, job: Job) -> bool:
        """Record that a request is over; returns whether its cycle is complete."""
        if job.probe or not job.scan.request_over():
            return False
        self._park(job.scan)
        return True

    def only_probe(self, unit: Unit) -> None:
        """Forget what is pending for a unit that is only probed; its classes wait for it."""
        self._drop(unit)
        self.probing.refresh()

    def read_again(self, unit: Unit, now_s: float) -> None:
        """Read every class of a unit that came back at once, then on its grid."""
        self._drop(unit)
        self.probing.refresh()
        alone = all(scan.unit is unit or scan.unit.probe_only for scan in self.classes)
        for other in self.probing.units:
            # The first answer on a silent bus: the bus was the cause, and the others are back as
            # well. So are perhaps those that went offline together with this one.
            if alone or abs(other.offline_at - unit.offline_at) < _TOGETHER_S:
                other.probe_soon(now_s)
        for scan in self.classes:
            if scan.unit is unit:
                scan.resume(now_s)
                self._park(scan)

    def take_skipped(self) -> int:
        """Return how many cycles were left out since this was last asked."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def take_empty(self) -> Sequence[ScanClass]:
        """Return the classes whose cycle passed without a request, since this was last asked."""
        if not self._empty:
            return ()
        empty, self._empty = self._empty, []
        return empty

    def _release(self, now_s: float) -> None:
        while self._due and self._due[0][0] <= now_s:
            scan = heapq.heappop(self._due)[2]
            blocks, skipped = scan.begin_cycle(now_s)
            self._skipped += skipped
            for block in blocks:
                self._push(Job(scan, block, scan.next_due))
            if scan.silent_pieces:
                self.probing.add_pieces_of(scan)
            if not blocks:
                self._empty.append(scan)
                self._park(scan)

    def _read(self, now_s: float, clear_at: Clear) -> Job | None:
        """Take the earliest that may be asked; units that miss answers come behind all others."""
        passed_over: list[tuple[float, int, Job]] = []
        chosen: tuple[float, int, Job] | None = None
        second: tuple[float, int, Job] | None = None
        made_way_s = float("inf")  # what is read as rarely makes way as well
        while self._pending and chosen is None:
            entry = heapq.heappop(self._pending)
            passed_over.append(entry)
            if clear_at(entry[2]) > now_s:
                continue
            if entry[2].scan.period_s >= made_way_s:
                continue
            if self._many_periods and self._makes_way(entry[2], now_s, len(passed_over)):
                made_way_s = entry[2].scan.period_s
                continue
            if not self._precedence.gives_way(entry[2], now_s):
                chosen = entry
            elif second is None and self._may_ask(entry[2], now_s):
                second = entry
        chosen = chosen or second
        for entry in passed_over:
            if entry is not chosen:
                heapq.heappush(self._pending, entry)
        return None if chosen is None else chosen[2]

    def _makes_way(self, job: Job, now_s: float, passed_over: int) -> bool:
        pending = len(self._pending) + passed_over
        return self._precedence.makes_way(job, now_s, self._due, pending)

    def _may_ask(self, job: Job, now_s: float) -> bool:
        """Whether one that gives way may be asked when all others have been."""
        return self._precedence.may_ask(job, now_s, self._protected_due_s(now_s))

    def _protected(self, now_s: float) -> list[Job]:
        """What is pending and may not be held up."""
        protected = self._precedence.is_protected
        return [job for _, _, job in self._pending if protected(job.scan.unit, now_s)]

    def _protected_due_s(self, now_s: float) -> float:
        """When a unit is due that may not be held up."""
        protected = self._precedence.is_protected
        due = [at_s for at_s, _, scan in self._due if protected(scan.unit, now_s)]
        return min(due, default=now_s + _LONGEST_ROOM_S)

    def _spare_s(self, now_s: float, clear_at: Clear) -> float:
        """How long a probe may take for nothing; 0 while there is something to read."""
        if not self.load.has_spare_time(now_s):
            return 0.0
        for _, _, job in self._pending:
            if clear_at(job) > now_s:
                continue
            if not self._precedence.gives_way(job, now_s) or self._may_ask(job, now_s):
                return 0.0
        return self._free_s(now_s, clear_at) - _MARGIN_S

    def _free_s(self, now_s: float, clear_at: Clear) -> float:
        """How long there is nothing to read."""
        due = [self._due[0][0]] if self._due else []
        due += [at_s for _, _, job in self._pending if (at_s := clear_at(job)) > now_s]
        return min(due, default=now_s + _LONGEST_ROOM_S) - now_s

    def _longest_wait_s(self, unit: Unit) -> float:
        """How long a probe waits for a place where it delays no unit.

        Where all is read once a minute, and that takes half of it, the place comes after half a
        minute; in between, each probe would move all units behind it.
        """
        if unit.recheck:
            return _RECHECK_STARVED_S
        return max(_STARVED_S, unit.period_s) if self._idles else _STARVED_S

    def _drop(self, unit: Unit) -> None:
        self._pending = [entry for entry in self._pending if entry[2].scan.unit is not unit]
        heapq.heapify(self._pending)
        self._due = [entry for entry in self._due if entry[2].unit is not unit]
        heapq.heapify(self._due)
        for scan in self.classes:
            if scan.unit is unit:
                scan.end_cycle()

    def _park(self, scan: ScanClass) -> None:
        heapq.heappush(self._due, (scan.next_due, next(self._order), scan))

    def _push(self, job: Job) -> None:
        heapq.heappush(self._pending, (job.deadline, next(self._order), job))
