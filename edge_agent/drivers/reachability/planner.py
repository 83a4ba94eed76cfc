"""Points of a host to the probes that are sent to it, outcomes to readings (pure).

An outcome is an answer whether the host is there or not: two whole numbers, 1 or 0 and the
microseconds to the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from config.computed import class_points
from config.protocol import Protocol
from config.reachability import REACHABLE, Probe, ProbePoint
from edge_agent.drivers.question import Reader, Unavailable
from edge_agent.drivers.values import (
    NOT_AVAILABLE,
    Unusable,
    believable,
    plain,
    reader_of,
    usable,
)
from edge_agent.drivers.whole import WholePlanner, WholeQuestion
from protocols.reading import Value

_ANSWER_S: Final = 0.01
_US_PER_MS: Final = 1000


@dataclass(frozen=True)
class ProbeQuestion(WholeQuestion):
    """One probe.

    Attributes:
        probe: How the host is asked.
        tcp_port: Of a connection; 0 of a ping.
        refused_is_there: Whether a refused connection is an answer of the host.
        points: What is made of the outcome.
    """

    probe: Probe
    tcp_port: int
    refused_is_there: bool
    points: tuple[str, ...]

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.REACHABILITY

    @property
    def size(self) -> int:
        """One outcome."""
        return 1

    @property
    def table(self) -> Probe:
        """How it is asked."""
        return self.probe

    @property
    def address(self) -> int:
        """The TCP port."""
        return self.tcp_port

    @property
    def weight(self) -> int:
        """All outcomes are alike."""
        return 1

    @property
    def shape(self) -> "ProbeQuestion":
        """An outcome is certainly that of its probe."""
        return self

    @property
    def described(self) -> Mapping[str, object]:
        """How it is asked, as fields of a log event."""
        return {"probe": self.probe, "tcp_port": self.tcp_port}


class ProbePlanner(WholePlanner[ProbeQuestion, ProbePoint]):
    """Plans the probes of a host, and converts their outcomes; see ``Planner``.

    Args:
        points: The points of the device.
        answer_s: What a host and the network take to answer, seconds.
    """

    equipment: ClassVar[str] = "host"

    def __init__(self, points: Mapping[str, ProbePoint], *, answer_s: float | None = None) -> None:
        super().__init__(points)
        self._answer_s = _ANSWER_S if answer_s is None else answer_s

    @property
    def asks(self) -> type[ProbeQuestion]:
        """The class of its questions."""
        return ProbeQuestion

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[ProbeQuestion]:
        """Return each probe once."""
        return self._questions(self.wanted(period_s, unavailable))

    def _questions(self, names: Sequence[str]) -> list[ProbeQuestion]:
        groups: dict[tuple[Probe, int, bool], list[str]] = {}
        for name in names:
            point = self._points[name]
            key = (point.probe, point.tcp_port or 0, point.refused_is_there)
            groups.setdefault(key, []).append(name)
        return [ProbeQuestion(*key, tuple(group)) for key, group in groups.items()]

    def alone(self, point: str) -> ProbeQuestion:
        """Return the question for one point."""
        return self._questions([point])[0]

    def singles(self, period_s: float) -> Sequence[ProbeQuestion]:
        """Return each probe of a period."""
        return self._questions(list(class_points(self._points, period_s)))

    def reader(self, question: ProbeQuestion, /) -> Reader:
        """Return what makes the readings of an outcome."""
        points = [self._points[name] for name in question.points]

        def decode(outcome: Sequence[int]) -> list[Value | Unusable]:
            there, took_us = outcome
            round_trip = took_us / _US_PER_MS if there else NOT_AVAILABLE
            return [bool(there) if one.gives == REACHABLE else round_trip for one in points]

        finishers = [usable(believable(one, plain)) for one in points]
        return reader_of(question.points, finishers, decode)

    def expected_s(self, question: ProbeQuestion, /) -> float:
        """Predicted time of a probe; those that are not answered are waited for together."""
        del question
        return self._answer_s

    def wire_s(self, question: ProbeQuestion, /) -> float:
        """Return nothing: bytes are no bottleneck."""
        del question
        return 0.0
