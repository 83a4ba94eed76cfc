"""What is asked of a device at one period, and one request of it (pure).

Both change by their own methods only; the schedule decides when. What a search has found in a
class is kept with it, and changed by the search.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor

from edge_agent.drivers.question import Question
from edge_agent.polling.bisection import Bisection
from edge_agent.polling.units import Unit


@dataclass(eq=False)
class ScanClass:
    """The points of one device that are read at one period.

    Attributes:
        outstanding: Requests of the running cycle that are not over.
        search: The search for what is refused; None in a cycle without any.
        heard: Whether anything was answered well in the running cycle.
        cycle: Number of the running cycle.
        silent_pieces: Pieces of blocks that the device does not answer; asked on the probe budget.
        silent_search: The search among them; None while there are none.
        pieces_due_at: When the next of them is asked, monotonic seconds.
        singles: Its points alone, the shortest first, for a unit that does not answer its blocks.
        emptied: Points that the device empties when they are read.
        already_read: What the probe by which its unit came back has read; the next
            cycle leaves it out.
    """

    device: str
    unit: Unit
    period_s: float
    blocks: Sequence[Question]
    origin_s: float = 0.0
    next_due: float = 0.0
    outstanding: int = 0
    search: Bisection | None = None
    heard: bool = False
    cycle: int = 0
    silent_pieces: deque[Question] = field(default_factory=deque[Question])
    silent_search: Bisection | None = None
    pieces_due_at: float = 0.0
    singles: Sequence[Question] = ()
    emptied: frozenset[str] = frozenset()
    already_read: Question | None = None

    def grid_before(self, now_s: float) -> float:
        """Return the latest grid point that is not in the future."""
        # The small term keeps 3 * 0.1 on its own grid point.
        cycles = floor((now_s - self.origin_s) / self.period_s + 1e-6)
        return self.origin_s + cycles * self.period_s

    def replan(self, blocks: Sequence[Question]) -> None:
        """Ask these blocks from the next cycle on."""
        self.blocks = blocks

    def take_out(self, block: Question) -> None:
        """Leave a block out of the plan."""
        self.blocks = [one for one in self.blocks if one != block]

    def put_in(self, block: Question) -> None:
        """Ask one block more."""
        self.blocks = [*self.blocks, block]

    def start(self, now_s: float) -> None:
        """Begin anew: due at once, then on the grid."""
        self.end_cycle()
        self.next_due = max(self.origin_s, self.grid_before(now_s))

    def resume(self, now_s: float) -> None:
        """Be due at once, because its unit answers again, then on the grid."""
        self.next_due = self.grid_before(now_s)

    def begin_cycle(self, now_s: float) -> tuple[Sequence[Question], int]:
        """Begin the cycle that is due.

        Returns:
            What is to be asked, and how many cycles before it were left out.
        """
        due = max(self.next_due, self.grid_before(now_s))
        skipped = round((due - self.next_due) / self.period_s)
        self.next_due = due + self.period_s
        blocks = self.blocks
        if self.already_read is None:
            self.cycle += 1
        else:
            # What a probe has read between two cycles belongs to neither.
            blocks = [block for block in blocks if block != self.already_read]
            self.already_read = None
        self.outstanding = len(blocks)
        return blocks, skipped

    def add_requests(self, count: int) -> None:
        """Count so many requests more, or less, in the running cycle."""
        self.outstanding += count

    def request_over(self) -> bool:
        """Record that a request is over; returns whether the cycle is complete by it."""
        if self.outstanding == 0:
            return False
        self.outstanding -= 1
        return self.outstanding == 0

    def probed(self, block: Question | None) -> None:
        """Record what the probe has read by which its unit came back; None: it was not away."""
        self.already_read = block

    def end_cycle(self) -> None:
        """Forget the running cycle."""
        self.outstanding = 0
        self.search = None
        self.heard = False
        self.already_read = None
        self.cycle += 1


@dataclass(eq=False, slots=True)
class Job:
    """One request to send.

    Attributes:
        probe: Asks whether a unit answers at all, or whether it answers a block at all (``piece``).
        patience_s: How long a probe waits; None: as the unit's behaviour requires.
        full_s: How much of that is the wait in full, which has a share of its own.
        spare: A probe that ends before anything is due: it is not charged to the budget.
        busy: How often the device answered that it is busy.
        part_of: The block of the plan that it carries points of; None: it is one itself.
        wider: It asks for more registers than it needs.
    """

    scan: ScanClass
    block: Question
    deadline: float
    probe: bool = False
    piece: bool = False
    attempts: int = 0
    patience_s: float | None = None
    full_s: float = 0.0
    spare: bool = False
    busy: int = 0
    part_of: Question | None = None
    wider: bool = False

    @property
    def planned(self) -> Question:
        """The block of the plan whose points it carries."""
        return self.block if self.part_of is None else self.part_of

    def wait_for(self, patience_s: float, *, spare: bool) -> None:
        """Have a probe wait that long at most; ``spare``: it ends before anything is due."""
        self.patience_s, self.spare = patience_s, spare

    def wait_longer(self, longer_s: float) -> None:
        """Have a probe wait in full, longer by so many seconds."""
        self.full_s = longer_s
        self.patience_s = (self.patience_s or 0.0) + longer_s

    def repeat(self) -> None:
        """Be asked once more, behind what others are waiting for."""
        self.attempts += 1
        self.deadline += self.scan.period_s

    def narrow(self, block: Question) -> None:
        """Ask for no more registers than the points have."""
        self.block, self.wider = block, False

    def wait_for_busy(self, now_s: float) -> bool:
        """Leave a busy unit alone for a moment in the same cycle; False: it was busy too often."""
        if not self.scan.unit.wait_for_busy(self.busy, now_s, self.deadline):
            return False
        self.busy += 1
        return True
