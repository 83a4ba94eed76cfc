"""What a port asks, whatever the protocol: questions, and the planner that a device has (ADR-35).

The polling knows when something may be asked and what its outcome means for a unit; a planner
knows what is asked for which points, and what an answer or a refusal says.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from config.points import Table
from config.protocol import Protocol as Spoken
from protocols.reading import Reading, Value

Reader: TypeAlias = Callable[[Sequence[Any], int], list[Reading]]
"""Makes the readings of (what an answer carries, UTC ms at which it came)."""


Space: TypeAlias = Table | Literal["identifier"]


class Barrier(NamedTuple):
    """A place that no question may cross, though what lies on both sides of it is given.

    Attributes:
        space: A table of registers, or the space of block identifiers.
        address: No request may reach from below this address over it; a block identifier.
    """

    space: Space
    address: int


@dataclass(frozen=True)
class Unavailable:
    """What a device does not give, as far as it is known.

    Attributes:
        points: Points that it does not give, and why, a fixed word.
        barriers: What no question may cross, and why.
        longest: Length of the longest question that it answers; 0: any.
    """

    points: Mapping[str, str] = field(default_factory=dict[str, str])
    barriers: Mapping[Barrier, str] = field(default_factory=dict[Barrier, str])
    longest: int = 0


ALL_AVAILABLE: Final = Unavailable()


class Addressed(Protocol):
    """What is sent to a device: a question, or the target of a write."""

    @property
    def protocol(self) -> Spoken:
        """The protocol in which it is sent."""
        ...


class Question(Addressed, Protocol):
    """One question to a device; equal ones are the same, so it can be a key."""

    @property
    def points(self) -> tuple[str, ...]:
        """The points that its answer carries, in their order in the answer."""
        ...

    @property
    def size(self) -> int:
        """How much is asked, in the protocol's own measure: registers, bits or bytes."""
        ...

    @property
    def length(self) -> int:
        """``size`` where a device may have a limit that shows by silence; else 0."""
        ...

    @property
    def weight(self) -> int:
        """How long the answer is, as a power of two."""
        ...

    @property
    def shape(self) -> Hashable:
        """Answers of one unit to questions of one shape cannot be told apart."""
        ...

    @property
    def table(self) -> str:
        """A table of registers, or ``identifier``."""
        ...

    @property
    def address(self) -> int | str:
        """Where in it, as people say it; questions of one shape and address are one."""
        ...

    @property
    def described(self) -> Mapping[str, object]:
        """What it asks for, as fields of a log event."""
        ...

    def halves(self, points: Mapping[str, Any]) -> "Sequence[Question]":
        """Return the parts in which it is asked when it is refused; none where it has none."""
        ...

    def apart(self, points: Mapping[str, Any]) -> "Sequence[Question]":
        """Return the parts that overlap, each for itself, where ``halves`` finds none."""
        ...

    def barrier(self, parts: Sequence[Any]) -> Barrier:
        """Return what a refusal means when all of these parts are given."""
        ...

    def crosses(self, barrier: Barrier) -> bool:
        """Whether a known barrier explains its refusal."""
        ...


Questions: TypeAlias = Sequence[Question]


class Variants(Protocol):
    """How else the questions of one device can be asked (ADR-26).

    Attributes:
        planned: What the device is asked: what is in it is known to be readable.
    """

    planned: Any

    def cuts(self, question: Any, /) -> Iterator[Questions]:
        """Return each cut in two, the better first."""
        ...

    def wider(self, question: Any, /, now_s: float) -> Iterator[Any]:
        """Return questions that ask for more than is needed, the safest first."""
        ...

    def narrow(self, question: Any, /) -> Any:
        """Return the question without what its points do not need."""
        ...

    def refused(self, question: Any, /, now_s: float, *, permanent: bool = True) -> None:
        """Record that a device does not take a question for more than was needed."""
        ...

    def silent(self, question: Any, /, now_s: float) -> None:
        """Record that a question for more than was needed was not answered."""
        ...

    def answered(self, question: Any, /) -> None:
        """Record that a question was answered."""
        ...


class NoVariants:
    """No other ways to ask: an answer says what it is for, so that none is mistaken."""

    planned: Any = ()

    def cuts(self, question: Any, /) -> Iterator[Questions]:
        """Yield nothing."""
        del question
        yield from ()

    def wider(self, question: Any, /, now_s: float) -> Iterator[Any]:
        """Yield nothing."""
        del question, now_s
        yield from ()

    def narrow(self, question: Any, /) -> Any:
        """Return it: it asks for no more than its points."""
        return question

    def refused(self, question: Any, /, now_s: float, *, permanent: bool = True) -> None:
        """Do nothing: no wider question is asked."""

    def silent(self, question: Any, /, now_s: float) -> None:
        """Do nothing: no wider question is asked."""

    def answered(self, question: Any, /) -> None:
        """Do nothing: no wider question is asked."""


class Announcement(NamedTuple):
    """What is told to all devices of a port at once; none answers.

    Attributes:
        unit: The address of all.
        target: What is sent, as the driver takes it.
        told: What the log says of it.
    """

    unit: Any
    target: Any
    told: Mapping[str, Any]


class Announcements(Protocol):
    """What a port tells all of its devices by itself, and when."""

    def first_at(self, now_ms: int, /) -> int:
        """Return when it is due next, UTC ms."""
        ...

    def held_back(self, now_ms: int, /) -> tuple[str, int]:
        """Return why it must not go out now, and when to look again; empty: it may."""
        ...

    def announcement(self, now_ms: int, /) -> Announcement:
        """Return what is told now."""
        ...


class Planner(Protocol):
    """What is asked of one device, and what its answers and writes are."""

    @property
    def asks(self) -> type[Any]:
        """The class of its questions."""
        ...

    @property
    def gap_s(self) -> float:
        """Silence that the driver keeps before each question, seconds."""
        ...

    def plan(self, period_s: float, unavailable: Unavailable) -> Questions:
        """Return the fewest questions that read the points of one period once.

        Raises:
            ConfigError: A point cannot be asked.
        """
        ...

    def alone(self, point: str) -> Question:
        """Return the question for one point."""
        ...

    def singles(self, period_s: float) -> Questions:
        """Return the questions for one point of a period each, the shortest first.

        Those of points that may be read at any time; equal ones once.
        """
        ...

    def reader(self, question: Any, /) -> Reader:
        """Return what makes the readings of its answers."""
        ...

    def variants(self, unavailable: Callable[[], Unavailable]) -> Variants:
        """Return how else its questions can be asked; ``unavailable`` says what it lacks now."""
        ...

    def expected_s(self, question: Any, /) -> float:
        """Predicted time of one question and its answer, seconds."""
        ...

    def wire_s(self, question: Any, /) -> float:
        """Time that the bytes of a question and its answer alone need, seconds."""
        ...

    def values_of(self, own: Any, asked: Any, values: Sequence[int], /) -> Sequence[int]:
        """Return what belongs to ``own`` of the answer to a wider question."""
        ...

    def target(self, point: str) -> Any:
        """Return where a write of this point goes."""
        ...

    def write_wire_s(self, target: Any, /) -> float:
        """Time that the bytes of a write alone need, seconds."""
        ...

    def needs_own(self, point: str) -> bool:
        """Whether a write must know what the device holds now: the point is a part of it."""
        ...

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Return what to write so that the point reads as ``value``.

        Raises:
            CommandError: The value has no code.
        """
        ...

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Whether what was read is what was written."""
        ...
