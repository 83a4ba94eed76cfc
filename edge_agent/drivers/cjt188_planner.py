"""Points of a CJ/T 188 meter to the identifiers that are read, answers to readings (pure).

One answer carries all fields of its identifier, so each identifier is asked once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from config.cjt188 import VALVE, FieldPoint
from config.computed import class_points
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.question import Barrier, NoVariants, Reader, Unavailable
from edge_agent.drivers.values import (
    NOT_AVAILABLE,
    UNDECODABLE,
    Finish,
    Unusable,
    believable,
    plain,
    reader_of,
    scaler,
)
from edge_agent.errors import CommandError
from protocols.cjt188.dialect import Dialect
from protocols.cjt188.frames import ANSWER, Frame
from protocols.cjt188.readings import Measured, Valve, decode_reading
from protocols.cjt188.requests import READ, Request, read
from protocols.errors import FrameError
from protocols.reading import Value

_SPACE: Final = "identifier"
_ANSWER_S: Final = 0.1  # from a request to the beginning of its answer
_READ_ONLY: Final = "no point of a meter can be written"
_VALVE_WORDS: Final = {Valve.ABNORMAL.value: "fault"}
"""Where the equipment classes have another word."""


class FieldQuestion(NamedTuple):
    """One identifier of one meter.

    Attributes:
        meter_type: T.
        identifier: As printed.
        dialect: What the maker does differently.
        points: What is made of the answer.
    """

    meter_type: int
    identifier: int
    dialect: Dialect
    points: tuple[str, ...]

    def request(self, address: str) -> Request:
        """Return the request for it."""
        return read(self.meter_type, address, self.identifier, dialect=self.dialect)

    @property
    def size(self) -> int:
        """Bytes of its longest answer."""
        return self.request(_ANY_METER).answer_bytes

    @property
    def table(self) -> Literal["identifier"]:
        """What an address is here."""
        return _SPACE

    @property
    def address(self) -> str:
        """The identifier as it is printed."""
        return f"{self.identifier:04X}"

    @property
    def length(self) -> int:
        """No limit of lengths is looked for."""
        return 0

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

    def halves(self, points: Mapping[str, FieldPoint]) -> "tuple[FieldQuestion, ...]":
        """Return nothing: an identifier is given as a whole."""
        del points
        return ()

    def apart(self, points: Mapping[str, FieldPoint]) -> "tuple[FieldQuestion, ...]":
        """Return nothing: identifiers do not overlap."""
        del points
        return ()

    def barrier(self, parts: Sequence["FieldQuestion"]) -> Barrier:
        """Return that it is not given."""
        del parts
        return Barrier(_SPACE, self.identifier)

    def crosses(self, barrier: Barrier) -> bool:
        """Whether it is what is known not to be given."""
        return barrier == (_SPACE, self.identifier)


_ANY_METER: Final = "0" * 14


class FieldPlanner:
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
        self._points = points
        self._address = address
        self._meter_type = meter_type
        self._dialect = dialect
        self._line = line
        self._answer_s = _ANSWER_S if answer_s is None else answer_s

    @property
    def asks(self) -> type[FieldQuestion]:
        """The class of its questions."""
        return FieldQuestion

    @property
    def gap_s(self) -> float:
        """Silence kept before each request, seconds."""
        return self._line.turnaround_s

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[FieldQuestion]:
        """Return one question for each identifier."""
        wanted = class_points(self._points, period_s)
        return self._questions([name for name in wanted if name not in unavailable.points])

    def _questions(self, names: Sequence[str]) -> list[FieldQuestion]:
        groups: dict[int, list[str]] = {}
        for name in names:
            groups.setdefault(self._points[name].number, []).append(name)
        return [
            FieldQuestion(self._meter_type, identifier, self._dialect, tuple(group))
            for identifier, group in groups.items()
        ]

    def alone(self, point: str) -> FieldQuestion:
        """Return the question for one point."""
        return self._questions([point])[0]

    def smallest(self, period_s: float) -> FieldQuestion | None:
        """Return the question with the shortest answer of a period."""
        asked = self._questions(list(class_points(self._points, period_s)))
        return min(asked, key=lambda one: one.size, default=None)

    def reader(self, question: FieldQuestion, /) -> Reader:
        """Return what makes the readings of an answer, which are the data of its frame."""
        points = [self._points[name] for name in question.points]

        def decode(data: Sequence[int]) -> list[Value | Unusable]:
            frame = Frame(question.meter_type, self._address, READ | ANSWER, bytes(data))
            try:
                reading = decode_reading(
                    frame, expected=question.identifier, dialect=question.dialect
                )
            except FrameError:
                return [UNDECODABLE] * len(points)
            found = {value.name: value for value in reading.values}
            return [_raw(found.get(point.field)) for point in points]

        return reader_of(question.points, [_finisher(one) for one in points], decode)

    def variants(self, unavailable: Callable[[], Unavailable]) -> NoVariants:
        """Return how else identifiers can be asked."""
        del unavailable
        return NoVariants()

    def expected_s(self, question: FieldQuestion, /) -> float:
        """Predicted time of a read, seconds."""
        return self.gap_s + self.wire_s(question) + self._answer_s

    def wire_s(self, question: FieldQuestion, /) -> float:
        """Time that the bytes of a read alone need, seconds."""
        asked = len(question.request(self._address).encode())
        return self._line.wire_s(asked + question.size)

    def values_of(
        self, own: FieldQuestion, asked: FieldQuestion, values: Sequence[int], /
    ) -> Sequence[int]:
        """Return them: nothing wider than an identifier is asked in its place."""
        del own, asked
        return values

    def target(self, point: str) -> str:
        """Return the point itself."""
        return point

    def write_wire_s(self, target: str, /) -> float:
        """Return nothing: no point is written."""
        del target
        return 0.0

    def needs_own(self, point: str) -> bool:
        """Return that no point is a part of another."""
        del point
        return False

    def encoded(self, point: str, value: Value, *, into: Sequence[int] = ()) -> Sequence[int]:
        """Refuse: no point is written."""
        del point, value, into
        raise CommandError(_READ_ONLY)

    def reads_back(self, point: str, written: Sequence[int], read: Sequence[int]) -> bool:
        """Return whether it is the same."""
        del point
        return list(written) == list(read)


def _raw(measured: Measured | None) -> Value | Unusable:
    if measured is None:
        return NOT_AVAILABLE
    if measured.value is not None:
        return measured.value
    return NOT_AVAILABLE if set(measured.raw) <= {0x00, 0xFF} else UNDECODABLE


def _finisher(point: FieldPoint) -> Finish:
    """Return raw value -> value or why it is none."""
    finish = believable(point, _plain_finisher(point))

    def usable(raw: Value | Unusable) -> Value | Unusable:
        return raw if type(raw) is Unusable else finish(raw)

    return usable


def _plain_finisher(point: FieldPoint) -> Finish:
    bit = point.bit
    if bit is not None:
        return lambda raw: bool(raw >> bit & 1) is not point.inverted
    if point.field == VALVE:
        return lambda raw: _VALVE_WORDS.get(raw, raw)
    return scaler(point.scale, 0.0) if point.is_scaled else plain
