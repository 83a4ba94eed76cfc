"""Which questions are still owed an answer (pure).

RTU and ASCII frames carry no number. A late answer to "100, one register" looks like the answer
to "200, one register" of the same unit, so while the first is owed the second must not be asked.
The same read may be: whichever answer comes is an answer to it. An exception fits every question
of its function: while another is owed, it is not held against the one that was asked last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edge_agent.drivers.modbus import Question

_WORST_MARGIN: Final = 3.0  # times the worst lateness seen of a unit
_KEPT_S: Final = 60.0  # an answer that comes later than this belongs to no question of ours
_REMEMBERED_S: Final = 3600.0  # how long a unit is held to have become late
_MOST_OWED: Final = 3  # by one unit within its horizon: a slow one that is asked more gets slower
_MOST_REPEATS: Final = 3
_MOST_NUMBERED: Final = 64


class Late(NamedTuple):
    """An answer that came when nobody waited for it any more.

    Attributes:
        after_s: From sending the question to its answer, seconds.
    """

    unit: int
    after_s: float


@dataclass(slots=True)
class _Owed:
    """An unanswered question; ``heard``: the unit has answered something since."""

    question: Question
    sent_s: float
    heard: bool = False


@dataclass
class OwedAnswers:
    """Unanswered questions of a line, each for its unit's horizon after it was sent.

    A unit's horizon grows with the latest answer that ever came from it.

    Attributes:
        shortest_s: Horizon of a unit that was never late.
    """

    shortest_s: float
    _owed: list[_Owed] = field(default_factory=list[_Owed])
    _worst: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])

    def __bool__(self) -> bool:
        return bool(self._owed)

    def handed_on(self, shortest_s: float) -> "OwedAnswers":
        """Return the same questions for the next owner of the line; both keep them up to date."""
        return OwedAnswers(shortest_s, self._owed, self._worst)

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
        mine = self._of(question.unit)
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
        mine = self._of(question.unit)
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

    def came(self, unit: int, pdu: bytes, asked: Question | None, now_s: float) -> Late | None:
        """Take a frame for the late answer that it is; None: it answers ``asked``, or nothing."""
        waiting = asked if asked is not None and asked.unit == unit else None
        if waiting is not None and waiting.answered_by(pdu):
            return None
        mine = self._of(unit)
        owed = next(
            (
                one
                for one in mine
                if one.question.answered_by(pdu)
                or (one.question.refused_by(pdu) and not (waiting and _same(one, waiting)))
            ),
            None,
        )
        if owed is None and not (waiting and waiting.adapted_by(pdu)):
            owed = next((one for one in mine if one.question.adapted_by(pdu)), None)
        if owed is None:
            return None
        self._owed.remove(owed)
        late_s = now_s - owed.sent_s
        worst_s, _ = self._worst.get(unit, (0.0, now_s))
        self._worst[unit] = (max(worst_s, late_s), now_s)
        return Late(unit, late_s)

    def questions(self) -> Sequence[Question]:
        """What is owed, oldest first, each once."""
        return list(dict.fromkeys(owed.question for owed in self._owed))

    def _of(self, unit: int) -> list[_Owed]:
        return [owed for owed in self._owed if owed.question.unit == unit]

    def _rivals(self, question: Question) -> list[_Owed]:
        return [
            owed
            for owed in self._owed
            if _alike(owed.question, question) and not _same(owed, question)
        ]

    def _forget(self, now_s: float) -> None:
        self._owed[:] = [owed for owed in self._owed if self._kept_until(owed, now_s) > now_s]

    def _kept_until(self, owed: _Owed, now_s: float) -> float:
        horizon_s = self.horizon_s(owed.question.unit, now_s)
        # An answer in order: one that came since is not followed by an older one for long.
        return owed.sent_s + (horizon_s if owed.heard else max(horizon_s, _KEPT_S))


def _alike(one: Question, other: Question) -> bool:
    """Whether an answer to one would pass for an answer to the other.

    Writes of one place are alike whatever they write: which of them was done must not be mixed up.
    """
    if one.unit != other.unit or one.code != other.code:
        return False
    if not one.wanted:
        return one.place == other.place
    return (one.head, one.size) == (other.head, other.size)


def _same(owed: _Owed, question: Question) -> bool:
    """Whether any answer to the one is as good for the other; an echo is not."""
    return bool(question.wanted) and owed.question == question


@dataclass
class NumberedAnswers:
    """Unanswered questions on Modbus TCP, where a late answer says whose it is."""

    _asked: dict[int, tuple[int, float]] = field(default_factory=dict[int, tuple[int, float]])

    def add(self, transaction: int, unit: int, sent_s: float) -> None:
        """Note that the wait for an answer was given up."""
        self._asked[transaction] = (unit, sent_s)
        if len(self._asked) > _MOST_NUMBERED:
            del self._asked[next(iter(self._asked))]

    def came(self, transaction: int, unit: int, now_s: float) -> Late | None:
        """Take a frame for the late answer that it is; None: nobody asked for it."""
        asked, sent_s = self._asked.pop(transaction, (unit, None))
        return None if sent_s is None or asked != unit else Late(unit, now_s - sent_s)
