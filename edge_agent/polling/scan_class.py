"""What is asked of a device at one period, and one request of it (pure)."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor

from config.points import Point
from edge_agent.polling.bisection import Bisection
from edge_agent.polling.plan import Block
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
        smallest: Its shortest point alone, for a unit that says nothing to longer requests.
        emptied: Points that the device empties when they are read.
        had: What the probe that found its unit alive has read; not asked again in the next cycle.
    """

    device: str
    unit: Unit
    period_s: float
    blocks: Sequence[Block]
    origin_s: float = 0.0
    next_due: float = 0.0
    outstanding: int = 0
    search: Bisection | None = None
    heard: bool = False
    cycle: int = 0
    silent_pieces: deque[Block] = field(default_factory=deque[Block])
    silent_search: Bisection | None = None
    pieces_due_at: float = 0.0
    smallest: Block | None = None
    emptied: frozenset[str] = frozenset()
    had: Block | None = None

    def grid_before(self, now_s: float) -> float:
        """Return the latest grid point that is not in the future."""
        # The small term keeps 3 * 0.1 on its own grid point.
        cycles = floor((now_s - self.origin_s) / self.period_s + 1e-6)
        return self.origin_s + cycles * self.period_s

    def end_cycle(self) -> None:
        """Forget the running cycle."""
        self.outstanding = 0
        self.search = None
        self.heard = False
        self.had = None
        self.cycle += 1


def smallest(points: Mapping[str, Point]) -> Block | None:
    """Return the request for the shortest point that may be read at any time."""
    names = [name for name, point in points.items() if not point.clear_on_read]
    if not names:
        return None
    name = min(names, key=lambda one: points[one].words)
    return Block(points[name].table, points[name].address, points[name].words, (name,))


@dataclass(eq=False, slots=True)
class Job:
    """One request to send.

    Attributes:
        probe: Asks whether a unit lives, or whether it answers a block at all (``piece``).
        patience_s: How long a probe waits; None: as the unit's behaviour says.
        full_s: How much of that is the wait in full, which has a share of its own.
        spare: A probe that ends before anybody is due: it is not charged to the budget.
        busy: How often the device said that it is busy.
        part_of: The block of the plan that it carries points of; None: it is one itself.
        wider: It asks for more registers than it needs.
    """

    scan: ScanClass
    block: Block
    deadline: float
    probe: bool = False
    piece: bool = False
    attempts: int = 0
    patience_s: float | None = None
    full_s: float = 0.0
    spare: bool = False
    busy: int = 0
    part_of: Block | None = None
    wider: bool = False

    @property
    def planned(self) -> Block:
        """The block of the plan whose points it carries."""
        return self.block if self.part_of is None else self.part_of
