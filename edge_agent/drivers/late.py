"""Which questions on a serial line are still owed an answer (pure).

RTU and ASCII frames carry no number. A late answer to "100, one register" looks like the answer
to "200, one register" of the same unit, so while the first is owed the second must not be asked.
The same question may be: whichever answer comes is an answer to it.
"""

from dataclasses import dataclass, field
from typing import Final

from edge_agent.drivers.modbus import Question

_WORST_MARGIN: Final = 3.0  # times the worst lateness seen of a unit
_KEPT_S: Final = 60.0  # an answer that comes later than this belongs to no question of ours
_REMEMBERED_S: Final = 3600.0  # how long a unit is held to have become late
_MOST_OWED: Final = 3  # by one unit within its horizon: a slow one that is asked more gets slower
_MOST_REPEATS: Final = 3


@dataclass(slots=True)
class _Owed:
    """An unanswered question; ``heard``: the unit has answered something since."""

    question: Question
    sent_s: float
    heard: bool = False


@dataclass
class OwedAnswers:
    """Unanswered questions, each for its unit's horizon after it was sent.

    A unit's horizon grows with the latest answer that ever came from it.

    Attributes:
        shortest_s: Horizon of a unit that was never late.
    """

    shortest_s: float
    _owed: list[_Owed] = field(default_factory=list[_Owed])
    _worst: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])

    def horizon_s(self, unit: int, now_s: float) -> float:
        """How long after a question an answer of this unit may still come."""
        worst_s, seen_s = self._worst.get(unit, (0.0, now_s))
        if now_s - seen_s > _REMEMBERED_S:
            del self._worst[unit]
            worst_s = 0.0
        return max(self.shortest_s, _WORST_MARGIN * worst_s)

    def add(self, question: Question, sent_s: float) -> None:
        """Note that the wait for an answer was given up."""
        self._owed.append(_Owed(question, sent_s))

    def clear_at(self, question: Question, now_s: float) -> float:
        """When no expected late answer can be taken for this one's; in the past if that is now."""
        if not self._owed:
            return 0.0
        self._forget(now_s)
        horizon_s = self.horizon_s(question.unit, now_s)
        times = [owed.sent_s + horizon_s for owed in self._rivals(question)]
        mine = [owed for owed in self._owed if owed.question.unit == question.unit]
        if len(mine) >= _MOST_OWED:
            times.append(mine[-_MOST_OWED].sent_s + horizon_s)
        return max(times, default=0.0)

    def repeats(self, question: Question) -> int:
        """How many answers to throw away before one is sure to be this question's.

        For units that were silent longer than their horizon and have said nothing since: however
        late they are, answers come in the order of the questions.
        """
        return min(_MOST_REPEATS, sum(not owed.heard for owed in self._rivals(question)))

    def answered(self, question: Question, sent_s: float) -> None:
        """Note an answer in time. While answers are owed it may be the one to an earlier asking."""
        if not self._owed:
            return
        mine = [owed for owed in self._owed if owed.question.unit == question.unit]
        for owed in mine:
            owed.heard = True
        earlier = next((owed for owed in mine if owed.question == question), None)
        if earlier is not None:
            self._owed.remove(earlier)
            self._owed.append(_Owed(question, sent_s, heard=True))

    def thrown_away(self, question: Question, sent_s: float) -> None:
        """Note an answer that may have been another question's; this one's may still come."""
        rival = next((owed for owed in self._rivals(question) if not owed.heard), None)
        if rival is not None:
            self._owed.remove(rival)
        self._owed.append(_Owed(question, sent_s))

    def came(self, question: Question, now_s: float) -> None:
        """Note that an answer to this question came when nobody waited for it."""
        for owed in self._owed:
            if owed.question == question:
                late_s = now_s - owed.sent_s
                worst_s, _ = self._worst.get(question.unit, (0.0, now_s))
                self._worst[question.unit] = (max(worst_s, late_s), now_s)
                self._owed.remove(owed)
                return

    def questions(self) -> list[Question]:
        """What is owed, oldest first."""
        return [owed.question for owed in self._owed]

    def _rivals(self, question: Question) -> list[_Owed]:
        return [
            owed
            for owed in self._owed
            if _alike(owed.question, question) and owed.question.pdu != question.pdu
        ]

    def _forget(self, now_s: float) -> None:
        self._owed = [owed for owed in self._owed if self._kept_until(owed, now_s) > now_s]

    def _kept_until(self, owed: _Owed, now_s: float) -> float:
        horizon_s = self.horizon_s(owed.question.unit, now_s)
        # An answer in order: one that came since is not followed by an older one for long.
        return owed.sent_s + (horizon_s if owed.heard else max(horizon_s, _KEPT_S))


def _alike(one: Question, other: Question) -> bool:
    """Whether an answer to one would pass for an answer to the other; exceptions always do."""
    return one.unit == other.unit and one.code == other.code
