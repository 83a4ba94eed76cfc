"""Questions that are given or refused as a whole, and planners that ask nothing wider (pure)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from config.computed import class_points
from config.point_kinds import AnyPoint
from config.protocol import Protocol
from edge_agent.drivers.question import Barrier, NoVariants, Question, Unavailable
from edge_agent.errors import CommandError
from protocols.reading import Value

SPACE: Final = "identifier"


class WholeQuestion(ABC):
    """A question without parts; nothing stands in its way but the device."""

    @property
    @abstractmethod
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""

    @property
    def table(self) -> str:
        """What an address is here."""
        return SPACE

    @property
    def length(self) -> int:
        """No limit of lengths is looked for."""
        return 0

    def halves(self, points: Mapping[str, Any]) -> Sequence[Self]:
        """Return nothing: it is given as a whole."""
        del points
        return ()

    def apart(self, points: Mapping[str, Any]) -> Sequence[Self]:
        """Return nothing: such questions do not overlap."""
        del points
        return ()

    def barrier(self, parts: Sequence[Any]) -> Barrier:
        """Return one that means nothing: it has no parts that may be given."""
        del parts
        return Barrier(SPACE, 0)

    def crosses(self, barrier: Barrier) -> bool:
        """Whether a known barrier explains its refusal: none does."""
        del barrier
        return False


Asked = TypeVar("Asked", bound=Question)
Placed = TypeVar("Placed", bound=AnyPoint)


class WholePlanner(ABC, Generic[Asked, Placed]):
    """Plans such questions; see ``Planner``. No point is written unless a protocol says how.

    Args:
        points: The points of the device.

    Attributes:
        equipment: What a device of this protocol is, as people say it.
    """

    equipment: ClassVar[str] = "meter"

    def __init__(self, points: Mapping[str, Placed]) -> None:
        self._points = points

    @property
    def gap_s(self) -> float:
        """Silence kept before each question, seconds: none."""
        return 0.0

    @abstractmethod
    def alone(self, point: str) -> Asked:
        """Return the question for one point."""

    def wanted(self, period_s: float, unavailable: Unavailable) -> list[str]:
        """Return the points of one period that the device may give."""
        names = class_points(self._points, period_s)
        return [name for name in names if name not in unavailable.points]

    def variants(self, unavailable: Callable[[], Unavailable]) -> NoVariants:
        """Return how else they can be asked: in no way."""
        del unavailable
        return NoVariants()

    def values_of(self, own: Asked, asked: Asked, values: Sequence[int], /) -> Sequence[int]:
        """Return them: nothing wider is asked in its place."""
        del own, asked
        return values

    def target(self, point: str) -> Any:  # noqa: ANN401 (each protocol has its own)
        """Return where a write of this point goes: the point itself."""
        return point

    def write_wire_s(self, target: Any, /) -> float:  # noqa: ANN401 (as above)
        """Time that the bytes of a command alone need, seconds."""
        del target
        return 0.0

    def needs_own(self, point: str) -> bool:
        """Return that no point is a part of another."""
        del point
        return False

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Refuse: no point is written.

        Raises:
            CommandError: Always.
        """
        del point, value, into
        raise CommandError(f"no point of a {self.equipment} can be written")

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Whether what was read is what was written."""
        del point
        return list(written) == list(read)
