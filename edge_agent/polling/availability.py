"""What a device taught by what it refuses, and how long that is believed (pure).

A device refuses registers for ever that it does not have, and all of them for a while when it
starts. So what was learned is tried again after a minute, ten minutes, an hour and then every six
hours; only what was refused twice, some time apart, outlives the process. Registers that are not
answered at all are tried again one by one, so that this costs their neighbours nothing. Monotonic
seconds.
"""

from collections.abc import Iterable

from edge_agent.polling.bisection import NO_ANSWER, Bisection, reason_of
from edge_agent.polling.plan import NOTHING, Block, Learned

_AGAIN_S = (60.0, 600.0, 3600.0, 6 * 3600.0)
_APART_S = 30.0
_IN_VAIN_S = (10.0, 60.0, 600.0, 3600.0)


class Availability:
    """The lessons of one device.

    Attributes:
        learned: What the plan leaves out.
    """

    def __init__(self, recalled: Learned) -> None:
        self.learned = recalled
        self._before = recalled
        self._silent = _silent(recalled)
        self._step = 1 if recalled != NOTHING else 0
        self._learned_at: float | None = None
        self._in_vain: dict[Block, tuple[float, int]] = {}

    @property
    def kept(self) -> Learned:
        """What was refused twice, some time apart."""
        return self.learned & self._before

    @property
    def silent(self) -> frozenset[str]:
        """Holes to which the device says nothing."""
        return self._silent.unavailable

    def learn(self, lesson: Bisection, now_s: float, *, heard: bool, silent: bool = False) -> bool:
        """Draw the conclusions of a lesson; returns whether the plan changes.

        Args:
            lesson: What was refused, or not answered.
            now_s: Monotonic seconds.
            heard: Whether anything else of the class was answered in that cycle.
            silent: The lesson is about what was not answered.
        """
        taught = lesson.learned(heard=heard)
        if silent:
            self._silent |= taught
        for block in lesson.in_vain(taught):
            _, step = self._in_vain.get(block, (0.0, 0))
            wait_s = _IN_VAIN_S[min(step, len(_IN_VAIN_S) - 1)]
            self._in_vain[block] = (now_s + wait_s, step + 1)
        learned = self.learned | taught
        if learned == self.learned:
            return False
        if not learned.unavailable <= self._before.unavailable:
            self._step = 0
        self.learned, self._learned_at = learned, now_s
        return True

    def due(self, now_s: float) -> bool:
        """Whether it is time to ask for everything again."""
        if self.learned == NOTHING:
            return False
        if self._learned_at is None:
            self._learned_at = now_s
        return now_s - self._learned_at >= _AGAIN_S[self._step]

    def forget(self, now_s: float, *, silent_too: bool) -> bool:
        """Ask for everything again; returns whether anything had been left out."""
        self._in_vain.clear()
        if self.learned == NOTHING:
            return False
        if self._learned_at is None or now_s - self._learned_at >= _APART_S:
            self._before = self.learned
            self._step = min(self._step + 1, len(_AGAIN_S) - 1)
        if silent_too:
            self._silent = NOTHING
        self.learned, self._learned_at = self._silent, now_s
        return True

    def found(self, names: Iterable[str]) -> None:
        """Note that points are answered which were not."""
        found = list(names)
        self.learned = self.learned.without(found)
        self._before = self._before.without(found)
        self._silent = self._silent.without(found)

    def useless(self, block: Block, now_s: float) -> bool:
        """Whether cutting this block taught nothing a short while ago."""
        return self._in_vain.get(block, (0.0, 0))[0] > now_s

    def answered(self, block: Block) -> None:
        """Note that a block was answered; it may be cut again whenever it is refused."""
        if self._in_vain:
            self._in_vain.pop(block, None)


def _silent(recalled: Learned) -> Learned:
    holes = {name for name, why in recalled.reasons if why == reason_of(NO_ANSWER)}
    if not holes:
        return NOTHING
    return recalled.without(recalled.unavailable - holes)
