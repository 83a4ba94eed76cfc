"""Points of a reader to looks at it, what they show to readings (pure).

The panel has the states of a reader at hand, so that a look costs the line nothing; what it is
said to cost is the poll of the panel itself, by which it comes to know them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from config.computed import class_points
from config.osdp import OsdpPoint
from config.ports import OsdpPort
from config.protocol import Protocol
from edge_agent.drivers.osdp.known import CARD, decode_answer
from edge_agent.drivers.question import Reader, Unavailable
from edge_agent.drivers.values import NOT_AVAILABLE
from edge_agent.drivers.whole import WholePlanner, WholeQuestion
from edge_agent.errors import CommandError
from protocols.reading import Quality, Reading, Value

_POLL_BYTES: Final = 28
"""A poll and its answer inside a secure channel."""
_ANSWER_S: Final = 0.02
_WEIGHT: Final = 1


@dataclass(frozen=True)
class ReaderQuestion(WholeQuestion):
    """A look at a reader.

    Attributes:
        places: Which parts of it.
        points: What is made of them.
        at_once: How it is now; else what it was since the last look is told as well.
    """

    places: tuple[str, ...]
    points: tuple[str, ...]
    at_once: bool = False

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.OSDP

    @property
    def size(self) -> int:
        """Parts that are looked at."""
        return len(self.places)

    @property
    def address(self) -> str:
        """Its parts."""
        return ", ".join(self.places)

    @property
    def weight(self) -> int:
        """All looks are alike."""
        return _WEIGHT

    @property
    def shape(self) -> tuple[str, ...]:
        """What is looked at; nothing comes late."""
        return self.places

    @property
    def described(self) -> Mapping[str, object]:
        """The parts, as a field of a log event."""
        return {"reader": self.address}


class OutputTarget(NamedTuple):
    """Where a command goes.

    Attributes:
        number: Of the output.
        tenths: Tenths of a second after which the reader switches it off; 0: never.
    """

    number: int
    tenths: int

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.OSDP


class ReaderPlanner(WholePlanner[ReaderQuestion, OsdpPoint]):
    """Plans looks at a reader, and converts what they show; see ``Planner``."""

    def __init__(self, points: Mapping[str, OsdpPoint], port: OsdpPort) -> None:
        super().__init__(points)
        bits = 1 + port.character_bits + (port.parity != "N") + port.stop_bits
        self._poll_s = _POLL_BYTES * bits / port.baud + _ANSWER_S

    @property
    def asks(self) -> type[ReaderQuestion]:
        """The class of its questions."""
        return ReaderQuestion

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[ReaderQuestion]:
        """Return one look for all points of a period."""
        names = tuple(self.wanted(period_s, unavailable))
        return [self._question(names)] if names else []

    def alone(self, point: str) -> ReaderQuestion:
        """Return the look at one point as it is now."""
        return self._question((point,), at_once=True)

    def singles(self, period_s: float) -> Sequence[ReaderQuestion]:
        """Return a look at each point of a period; one at a card takes it, as in a cycle."""
        names = class_points(self._points, period_s)
        return [
            self._question((name,), at_once=self._points[name].reader != CARD) for name in names
        ]

    def _question(self, names: tuple[str, ...], *, at_once: bool = False) -> ReaderQuestion:
        places = dict.fromkeys(self._points[name].where for name in names)
        return ReaderQuestion(tuple(places), names, at_once)

    def reader(self, question: ReaderQuestion, /) -> Reader:
        """Return what makes the readings of a look."""
        points = [(name, self._points[name]) for name in question.points]

        def read(values: Sequence[int], taken_at: int) -> list[Reading]:
            answer = decode_answer(values)
            readings: list[Reading] = []
            for name, point in points:
                readings += _readings(name, point, answer.get(point.where), taken_at)
                if question.at_once and not readings:
                    readings.append(_unavailable(name, taken_at))
            return readings

        return read

    def expected_s(self, question: ReaderQuestion, /) -> float:
        """Time of the line until the panel knows of a change, seconds."""
        del question
        return self._poll_s

    def wire_s(self, question: ReaderQuestion, /) -> float:
        """Time of the line for one look: none."""
        del question
        return 0.0

    def target(self, point: str) -> OutputTarget:
        """Return the output."""
        found = self._points[point]
        return OutputTarget(found.number, round(10 * (found.pulse_s or 0)))

    def write_wire_s(self, target: OutputTarget, /) -> float:
        """Time that a command and the look at its output need, seconds."""
        del target
        return 4 * self._poll_s

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Return whether the output is to be on.

        Raises:
            CommandError: It is no state.
        """
        del into
        if not isinstance(value, bool):
            raise CommandError(f"expected true or false, got {value!r}")
        return (int(value is not self._points[point].inverted),)

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Whether the output is as it was switched."""
        now = decode_answer(read).get(self._points[point].where)
        return now is not None and [int(now)] == list(written)


def _readings(name: str, point: OsdpPoint, raw: Any, taken_at: int) -> list[Reading]:  # noqa: ANN401
    if point.reader == CARD:
        return [Reading(name, card, Quality.GOOD, at_ms) for card, at_ms in raw or ()]
    if raw is None:
        return [_unavailable(name, taken_at)]
    value = raw if not point.is_state else raw is not point.inverted
    return [Reading(name, value, Quality.GOOD, taken_at)]


def _unavailable(name: str, at_ms: int) -> Reading:
    return Reading(name, None, Quality.BAD, at_ms, str(NOT_AVAILABLE))
