"""Questions whose answers say what they are for, as meters answer, and planners of them (pure)."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from config.computed import class_points
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.question import Barrier
from edge_agent.drivers.whole import SPACE, Placed, WholePlanner, WholeQuestion

ANSWER_S: Final = 0.1
"""From a request to the beginning of its answer, seconds, where nothing better is known."""


@dataclass(frozen=True)
class IdentifiedQuestion(WholeQuestion):
    """One identifier; its answer repeats it.

    Attributes:
        identifier: As printed, high byte first.
        size: Bytes of its answer.
        points: What is made of the answer.
    """

    identifier: int
    size: int
    points: tuple[str, ...]

    @property
    def digits(self) -> int:
        """Hexadecimal digits of the identifier as it is printed."""
        return 4

    @property
    def address(self) -> str:
        """The identifier as it is printed."""
        return f"{self.identifier:0{self.digits}X}"

    @property
    def weight(self) -> int:
        """How long its answer is, as a power of two of bytes."""
        return self.size.bit_length()

    @property
    def shape(self) -> int:
        """An answer says which identifier it is for."""
        return self.identifier

    @property
    def described(self) -> Mapping[str, object]:
        """The identifier, as a field of a log event."""
        return {"identifier": self.address}

    def barrier(self, parts: Sequence[Any]) -> Barrier:
        """Return that it is not given, and its parts are."""
        del parts
        return Barrier(SPACE, self.identifier)

    def crosses(self, barrier: Barrier) -> bool:
        """Whether it is what is known not to be given."""
        return barrier == (SPACE, self.identifier)


Asked = TypeVar("Asked", bound=IdentifiedQuestion)


class IdentifiedPlanner(WholePlanner[Asked, Placed]):
    """Plans such questions; see ``Planner``. No point is written unless a protocol says how.

    Args:
        points: The points of the device.
        line: How its line is spoken on.
        answer_s: What the meter takes to begin its answer, seconds.
    """

    def __init__(
        self, points: Mapping[str, Placed], line: FrameLine, *, answer_s: float | None = None
    ) -> None:
        super().__init__(points)
        self._line = line
        self._answer_s = ANSWER_S if answer_s is None else answer_s

    @property
    def gap_s(self) -> float:
        """Silence kept before each request, seconds."""
        return self._line.turnaround_s

    @abstractmethod
    def wire_s(self, question: Asked, /) -> float:
        """Time that the bytes of a read alone need, seconds."""

    def singles(self, period_s: float) -> Sequence[Asked]:
        """Return the questions for one point of a period each, those with short answers first."""
        asked = map(self.alone, class_points(self._points, period_s))
        found = {(one.address, one.size): one for one in asked}
        return sorted(found.values(), key=lambda one: one.size)

    def expected_s(self, question: Asked, /) -> float:
        """Predicted time of a read, seconds."""
        return self.gap_s + self.wire_s(question) + self._answer_s
