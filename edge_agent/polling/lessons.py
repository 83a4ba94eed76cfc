"""What a device taught by what it refuses, and how long that is believed (pure).

A device refuses registers for ever that it does not have, and all of them for a while when it
starts. So what was learned is tried again after a minute, ten minutes, an hour and then every six
hours; only what was refused twice, some time apart, outlives the process. Monotonic seconds.
"""

from edge_agent.polling.bisection import Bisection
from edge_agent.polling.plan import NOTHING, Block, Learned

_AGAIN_S = (60.0, 600.0, 3600.0, 6 * 3600.0)
_APART_S = 30.0
_IN_VAIN_S = (10.0, 60.0, 600.0, 3600.0)


class Lessons:
    """The lessons of one device.

    Attributes:
        learned: What the plan leaves out.
    """

    def __init__(self, recalled: Learned) -> None:
        self.learned = recalled
        self._before = recalled
        self._step = 1 if recalled != NOTHING else 0
        self._learned_at: float | None = None
        self._in_vain: dict[Block, tuple[float, int]] = {}

    @property
    def kept(self) -> Learned:
        """What was refused twice, some time apart."""
        return self.learned & self._before

    def learn(self, lesson: Bisection, now_s: float, *, heard: bool) -> bool:
        """Draw the conclusions of a lesson; returns whether the plan changes."""
        taught = lesson.learned(heard=heard)
        for block in lesson.in_vain(taught):
            _, step = self._in_vain.get(block, (0.0, 0))
            wait_s = _IN_VAIN_S[min(step, len(_IN_VAIN_S) - 1)]
            self._in_vain[block] = (now_s + wait_s, step + 1)
        learned = self.learned | taught
        if learned == self.learned:
            return False
        if not learned.holes <= self._before.holes:
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

    def forget(self, now_s: float) -> bool:
        """Ask for everything again; returns whether anything had been left out."""
        self._in_vain.clear()
        if self.learned == NOTHING:
            return False
        if self._learned_at is None or now_s - self._learned_at >= _APART_S:
            self._before = self.learned
            self._step = min(self._step + 1, len(_AGAIN_S) - 1)
        self.learned, self._learned_at = NOTHING, None
        return True

    def useless(self, block: Block, now_s: float) -> bool:
        """Whether cutting this block taught nothing a short while ago."""
        return self._in_vain.get(block, (0.0, 0))[0] > now_s

    def answered(self, block: Block) -> None:
        """Note that a block was answered; it may be cut again whenever it is refused."""
        if self._in_vain:
            self._in_vain.pop(block, None)
