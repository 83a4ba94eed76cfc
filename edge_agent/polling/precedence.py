"""Units that miss answers come behind those that do not, where they delay no other unit (pure).

On a port with spare time there is such a place in every period. Where there is none, or on a
full port, waits without an answer may hold up the others for a share of the port's time. So a unit
that misses few answers is asked as often as any, and one that misses many costs no more than that.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.question import Question
from edge_agent.polling.port_time import PortLoad, TimeBudget
from edge_agent.polling.scan_class import Job, ScanClass
from edge_agent.polling.units import Unit

_STARVED_S: Final = 5.0
_SHARE: Final = 0.2  # of the port's time, by which all of them together may hold up others
_SAVED_S: Final = 0.2  # at first, of each
_MOVED: Final = 0.25  # of a period, by which a wait in full may move those behind it, all together
_LATE: Final = 0.01  # of its period, by which what is read more often may wait for another
_WORK: Final = 1.2  # times what is pending must be done in time by a request that makes way
_PLACE: Final = 0.5  # of a period; a longer wait has no place between two cycles


class Precedence:
    """Who goes first on one port, and who is waited for in full.

    Args:
        load: What reading takes.
        wire_s: Time that the bytes of a read of so much need on the wire, beside the wait.
        takes_s: Time that a read and its answer take, as the planner predicts it.
    """

    def __init__(
        self,
        load: PortLoad,
        wire_s: Callable[[Question], float],
        takes_s: Callable[[Question], float],
    ) -> None:
        self._load = load
        self._wire_s = wire_s
        self._takes_s = takes_s
        self._budgets = dict[UnitAddress, TimeBudget]()

    def gives_way(self, job: Job, now_s: float) -> bool:
        """Whether it comes behind all others, because its unit misses answers."""
        unit = job.scan.unit
        if not (unit.unsteady(now_s) and unit.heard) or now_s > starved_at(job):
            return False
        behind = now_s > job.deadline + job.scan.period_s
        return not (behind and self._budget(job.scan.unit).allows(now_s, self._wait_s(job, now_s)))

    def makes_way(
        self,
        job: Job,
        now_s: float,
        due: Sequence[tuple[float, int, ScanClass]],
        pending: int,
    ) -> bool:
        """Whether it waits, because what is read more often falls due while it would be asked.

        One request at a time: a meter's takes as long as ten of Modbus beside it. It can wait while
        all that is pending is done before its deadline; the line stands idle for less than it takes
        itself.

        Args:
            job: The request.
            now_s: Monotonic seconds.
            due: When each class is due that is not asked now, the first of them first.
            pending: How much else waits to be asked; it counts as if it were as long.
        """
        block, period_s = job.block, job.scan.period_s
        takes_s = self._takes_s(block)
        ends_s = now_s + max(takes_s, self._wire_s(block) + (job.scan.unit.response_s or 0.0))
        if not due or due[0][0] >= ends_s:
            return False
        return any(
            ends_s - due_s > _LATE * other.period_s
            and takes_s <= _PLACE * other.period_s
            and due_s + _WORK * (1 + pending) * takes_s < job.deadline
            for due_s, _, other in due
            if other.period_s < period_s and due_s < ends_s
        )

    def is_protected(self, unit: Unit, now_s: float) -> bool:
        """Whether others may not hold it up: it hardly holds up others itself."""
        return not unit.unsteady(now_s) or self._budget(unit).allows(now_s, 0.0)

    def may_ask(self, job: Job, now_s: float, due_s: float) -> bool:
        """Whether one that gives way may be asked now.

        Args:
            job: The request.
            now_s: Monotonic seconds.
            due_s: When a unit is due that does not give way.
        """
        if now_s + self._clear_s(job, now_s) <= due_s:
            return True
        if not self._has_no_place(job, now_s):
            return False
        delay_s = now_s + self._wait_s(job, now_s) - due_s
        return delay_s <= 0 or self._budget(job.scan.unit).allows(now_s, delay_s)

    def ask_at(self, job: Job, now_s: float) -> float:
        """When one that gives way may be asked, if no other unit is due before."""
        paid_s = self._budget(job.scan.unit).free_at(now_s, self._wait_s(job, now_s))
        return min(starved_at(job), paid_s if self._has_no_place(job, now_s) else job.deadline)

    def unanswered(self, job: Job, now_s: float, seconds: float) -> None:
        """Charge what a request that was not answered well has held others up."""
        self._budget(job.scan.unit).spend(now_s, seconds)
        for budget in self._budgets.values():
            budget.resize(_SHARE / len(self._budgets))

    def in_full(self, job: Job, waiting: Iterable[Job]) -> bool:
        """Whether a steady unit is waited for in full in front of others.

        Its repetition is, behind them; in front of them only where that moves them a little.
        """
        unit, periods = job.scan.unit, [other.scan.period_s for other in waiting]
        longer_s = unit.longest_s - unit.shortest_patience_s(job.block)
        return len(periods) * longer_s <= _MOVED * min(periods, default=0.0)

    def _budget(self, unit: Unit) -> TimeBudget:
        if unit.number not in self._budgets:
            self._budgets[unit.number] = TimeBudget(share=_SHARE, credit_s=_SAVED_S)
        return self._budgets[unit.number]

    def _has_no_place(self, job: Job, now_s: float) -> bool:
        return now_s > job.deadline or self._clear_s(job, now_s) > _PLACE * job.scan.period_s

    def _wait_s(self, job: Job, now_s: float) -> float:
        """How long it is waited for at least, if no answer comes."""
        unit, block = job.scan.unit, job.block
        spare = self._load.has_spare_time(now_s)
        wait_s = unit.shortest_patience_s(block) if spare else unit.patience_s(None, block)
        return wait_s + self._wire_s(block)

    def _clear_s(self, job: Job, now_s: float) -> float:
        """How long the bus may not be free: a late answer garbles others asked meanwhile."""
        late_s = job.scan.unit.lateness_s(now_s) + self._wire_s(job.block)
        if late_s > _PLACE * job.scan.period_s:
            late_s = 0.0
        return max(late_s, self._wait_s(job, now_s))


def starved_at(job: Job) -> float:
    """When a request gives way no longer, monotonic seconds."""
    return job.deadline + _STARVED_S
