"""Points of a CJ/T 188 meter to the identifiers that are read, answers to readings (pure).

One answer carries all fields of its identifier, so each identifier is asked once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from config.cjt188 import VALVE, FieldPoint
from config.protocol import Protocol
from edge_agent.drivers.cjt188.valves import ValveTarget
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.identified import IdentifiedPlanner, IdentifiedQuestion
from edge_agent.drivers.question import Reader, Unavailable
from edge_agent.drivers.values import (
    NOT_AVAILABLE,
    UNDECODABLE,
    Finish,
    Unusable,
    believable,
    plain,
    reader_of,
    scaler,
    usable,
)
from edge_agent.errors import CommandError
from protocols.cjt188.dialect import Dialect
from protocols.cjt188.frames import ANSWER, Frame
from protocols.cjt188.readings import Measured, Valve, decode_reading
from protocols.cjt188.requests import CLOSE_VALVE, READ, Request, read, set_valve
from protocols.errors import FrameError
from protocols.reading import Value

_VALVE_WORDS: Final = {Valve.ABNORMAL.value: "fault"}
"""Where the equipment classes have another word."""


@dataclass(frozen=True)
class FieldQuestion(IdentifiedQuestion):
    """One identifier of one meter.

    Attributes:
        meter_type: T.
        dialect: What the maker does differently.
    """

    meter_type: int
    dialect: Dialect

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.CJT188

    def request(self, address: str) -> Request:
        """Return the request for it."""
        return read(self.meter_type, address, self.identifier, dialect=self.dialect)


class FieldPlanner(IdentifiedPlanner[FieldQuestion, FieldPoint]):
    """Plans reads of a meter, and converts them; see ``Planner``.

    Args:
        points: The points of the device.
        address: Of the meter, 14 digits.
        meter_type: T.
        dialect: What its maker does differently.
        line: How its line is spoken on.
        answer_s: What the meter takes to begin its answer, seconds.
    """

    def __init__(
        self,
        points: Mapping[str, FieldPoint],
        *,
        address: str,
        meter_type: int,
        dialect: Dialect,
        line: FrameLine,
        answer_s: float | None = None,
    ) -> None:
        super().__init__(points, line, answer_s=answer_s)
        self._address = address
        self._meter_type = meter_type
        self._dialect = dialect

    @property
    def asks(self) -> type[FieldQuestion]:
        """The class of its questions."""
        return FieldQuestion

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[FieldQuestion]:
        """Return one question for each identifier."""
        return self._questions(self.wanted(period_s, unavailable))

    def _questions(self, names: Sequence[str]) -> list[FieldQuestion]:
        groups: dict[int, list[str]] = {}
        for name in names:
            groups.setdefault(self._points[name].number, []).append(name)
        return [self._question(identifier, group) for identifier, group in groups.items()]

    def _question(self, identifier: int, names: Sequence[str]) -> FieldQuestion:
        asked = read(self._meter_type, self._address, identifier, dialect=self._dialect)
        size = asked.answer_bytes
        return FieldQuestion(identifier, size, tuple(names), self._meter_type, self._dialect)

    def alone(self, point: str) -> FieldQuestion:
        """Return the question for one point."""
        return self._questions([point])[0]

    def reader(self, question: FieldQuestion, /) -> Reader:
        """Return what makes the readings of an answer, which are the data of its frame."""
        points = [self._points[name] for name in question.points]

        def decode(data: Sequence[int]) -> list[Value | Unusable]:
            try:
                found = self._fields(question.identifier, data)
            except FrameError:
                return [UNDECODABLE] * len(points)
            return [_raw(found.get(point.field)) for point in points]

        return reader_of(question.points, [_finisher(one) for one in points], decode)

    def _fields(self, identifier: int, data: Sequence[int]) -> dict[str, Measured]:
        frame = Frame(self._meter_type, self._address, READ | ANSWER, bytes(data))
        reading = decode_reading(frame, expected=identifier, dialect=self._dialect)
        return {value.name: value for value in reading.values}

    def target(self, point: str) -> ValveTarget:
        """Return the valve."""
        del point
        return ValveTarget(self._meter_type, self._dialect)

    def write_wire_s(self, target: ValveTarget, /) -> float:
        """Time that the bytes of a command alone need, seconds."""
        command = set_valve(target.meter_type, self._address, CLOSE_VALVE, dialect=target.dialect)
        return self._line.wire_s(len(command.encode()) + command.answer_bytes)

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Return whether the valve is to be open.

        Raises:
            CommandError: It is not the valve, not writable, or the word is none of its states.
        """
        del into
        wanted = self._points[point]
        if wanted.writable is None:
            raise CommandError("no point of a meter can be written but its valve, where writable")
        if value not in wanted.commanded_words:
            raise CommandError(f"expected {' or '.join(wanted.commanded_words)}, got {value!r}")
        return (int(value == Valve.OPEN),)

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Whether the status says that the valve is where it was sent."""
        try:
            found = self._fields(self._points[point].number, read)
        except FrameError:
            return False
        now = found.get(VALVE)
        return now is not None and now.value == (Valve.OPEN if written[0] else Valve.CLOSED)

    def wire_s(self, question: FieldQuestion, /) -> float:
        """Time that the bytes of a read alone need, seconds."""
        asked = len(question.request(self._address).encode())
        return self._line.wire_s(asked + question.size)


def _raw(measured: Measured | None) -> Value | Unusable:
    if measured is None:
        return NOT_AVAILABLE
    if measured.value is not None:
        return measured.value
    return NOT_AVAILABLE if set(measured.raw) <= {0x00, 0xFF} else UNDECODABLE


def _finisher(point: FieldPoint) -> Finish:
    """Return raw value -> value or why it is none."""
    return usable(believable(point, _plain_finisher(point)))


def _plain_finisher(point: FieldPoint) -> Finish:
    bit = point.bit
    if bit is not None:
        return lambda raw: bool(raw >> bit & 1) is not point.inverted
    if point.field == VALVE:
        return lambda raw: _VALVE_WORDS.get(raw, raw)
    return scaler(point.scale, 0.0) if point.is_scaled else plain
