"""Points of an M-Bus slave to the one question that reads it, its records to readings (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from config.coding import DataType
from config.mbus import MbusSettings, RecordPoint
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.identified import IdentifiedPlanner
from edge_agent.drivers.mbus.question import RecordsQuestion
from edge_agent.drivers.question import Reader, Unavailable
from edge_agent.drivers.values import (
    NOT_AVAILABLE,
    UNDECODABLE,
    Finish,
    Unusable,
    believable,
    reader_of,
    scaler,
    usable,
)
from protocols.mbus.frames import SHORT_BYTES
from protocols.mbus.master import ACK_BYTES
from protocols.mbus.record import Record
from protocols.reading import Value

_SELECTION_BYTES: Final = 17
_WHOLE: Final = 2**53


class RecordPlanner(IdentifiedPlanner[RecordsQuestion, RecordPoint]):
    """Plans reads of a slave, and converts them; see ``Planner``.

    Args:
        points: The points of the device.
        selected: It is asked by its secondary address.
        settings: How it answers.
        line: How its line is spoken on.
        answer_s: What it takes to begin an answer, seconds.
    """

    def __init__(
        self,
        points: Mapping[str, RecordPoint],
        line: FrameLine,
        *,
        selected: bool,
        settings: MbusSettings,
        answer_s: float | None = None,
    ) -> None:
        super().__init__(points, line, answer_s=answer_s)
        self._begins = selected or settings.reset
        self._reset = settings.reset
        self._telegrams = settings.telegrams
        begin = (_SELECTION_BYTES if selected else SHORT_BYTES) + ACK_BYTES
        asked = settings.telegrams * SHORT_BYTES + settings.answer_bytes
        self._wire_s = line.wire_s(begin * self._begins + asked)
        self._size = settings.answer_bytes

    @property
    def asks(self) -> type[RecordsQuestion]:
        """The class of its questions."""
        return RecordsQuestion

    def plan(self, period_s: float, unavailable: Unavailable) -> Sequence[RecordsQuestion]:
        """Return the one question, if a point of this period may be given."""
        names = self.wanted(period_s, unavailable)
        return [self._question(names)] if names else []

    def alone(self, point: str) -> RecordsQuestion:
        """Return the question for one point: its slave says all or nothing."""
        return self._question([point])

    def _question(self, names: Sequence[str]) -> RecordsQuestion:
        return RecordsQuestion(0, self._size, tuple(names), self._wire_s, self._reset)

    def wire_s(self, question: RecordsQuestion, /) -> float:
        """Time that the bytes of a read alone need, seconds."""
        return question.wire_s

    def expected_s(self, question: RecordsQuestion, /) -> float:
        """Predicted time of a read, seconds: each telegram, and what begins it, is asked apart."""
        exchanges = self._begins + self._telegrams
        return question.wire_s + exchanges * (self.gap_s + self._answer_s)

    def reader(self, question: RecordsQuestion, /) -> Reader:
        """Return what makes the readings of an answer, which are its records."""
        points = [self._points[name] for name in question.points]

        def decode(records: Sequence[Any]) -> list[Value | Unusable]:
            if not records:
                return [UNDECODABLE] * len(points)
            return [_raw(_found(records, point)) for point in points]

        return reader_of(question.points, [_finisher(one) for one in points], decode)


def _found(records: Sequence[Record], point: RecordPoint) -> Record | None:
    fitting = [
        one
        for one in records
        if (one.storage, one.tariff, one.subunit) == (point.storage, point.tariff, point.subunit)
        and (one.function, one.quantity) == (point.function, point.quantity)
        and point.vif in {"", one.vif}
    ]
    return fitting[point.nth] if point.nth < len(fitting) else None


def _raw(record: Record | None) -> Value | Unusable:
    if record is None:
        return NOT_AVAILABLE
    return UNDECODABLE if record.value is None else record.value


def _finisher(point: RecordPoint) -> Finish:
    """Return raw value -> value or why it is none."""
    return usable(believable(point, _plain_finisher(point)))


def _plain_finisher(point: RecordPoint) -> Finish:
    bit = point.bit
    if bit is not None:

        def part(raw: Value) -> Value | Unusable:
            if not isinstance(raw, int) or raw < 0:
                return UNDECODABLE
            return bool(raw >> bit & 1) is not point.inverted

        return part
    if point.type is DataType.STRING:
        return _text
    scaled = scaler(point.scale, 0.0)
    return lambda raw: UNDECODABLE if isinstance(raw, str) else scaled(raw)


def _text(raw: Value) -> Value:
    """Return it as text; a serial number has no decimal point."""
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < _WHOLE:
        return str(int(raw))
    return str(raw)
