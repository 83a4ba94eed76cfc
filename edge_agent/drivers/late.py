"""Which questions on a serial line are still owed an answer (pure).

RTU frames carry no number. A late answer to "100, one register" looks like the answer to "200, one
register" of the same unit, so while the first is owed the second must not be asked. The same
question may be: whichever answer comes is an answer to it.
"""

from dataclasses import dataclass, field

from edge_agent.drivers.modbus import Question


@dataclass
class OwedAnswers:
    """Unanswered questions, each for ``horizon_s`` after it was sent."""

    horizon_s: float
    _owed: list[tuple[Question, float]] = field(default_factory=list[tuple[Question, float]])

    def add(self, question: Question, sent_s: float) -> None:
        """Note that the wait for an answer was given up."""
        self._owed.append((question, sent_s))

    def clear_at(self, question: Question, now_s: float) -> float:
        """When no owed answer can be taken for this question's; in the past if that is now."""
        if not self._owed:
            return 0.0
        self._owed = [entry for entry in self._owed if entry[1] + self.horizon_s > now_s]
        return max(
            (
                sent + self.horizon_s
                for owed, sent in self._owed
                if _alike(owed, question) and owed.pdu != question.pdu
            ),
            default=0.0,
        )

    def came(self, question: Question) -> None:
        """Note that one answer to this question has arrived."""
        for index, (owed, _) in enumerate(self._owed):
            if owed == question:
                del self._owed[index]
                return

    def questions(self) -> list[Question]:
        """What is owed, oldest first."""
        return [question for question, _ in self._owed]


def _alike(one: Question, other: Question) -> bool:
    """Whether an answer to one would pass for an answer to the other; exceptions always do."""
    return one.unit == other.unit and one.code == other.code
