"""One simulated unit with registers."""

from collections.abc import Mapping

from config.points import Point
from protocols.reading import Value
from simulators.equipment.base import Equipment
from simulators.image import RegisterImage, check_value
from simulators.line import SILENT, Reply
from simulators.model_unit import ModelUnit
from simulators.slave import answer

# Registers are laid out anew when they are older than this; a real device measures as often.
_REFRESH_S = 0.05


class SimulatedUnit(ModelUnit):
    """Answers Modbus requests with the values of its model."""

    def __init__(self, name: str, *, equipment: Equipment, points: Mapping[str, Point]) -> None:
        super().__init__(name, equipment=equipment, points=points)
        self.points = points
        self._image = RegisterImage(points, written=self._written)
        self._shown_s: float | None = None
        self._now_s = 0.0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU."""
        if not pdu:
            return SILENT
        self._show(now_s)
        return Reply(answer(self._image, pdu))

    def _check_value(self, point: str, value: Value) -> None:
        check_value(self.points[point], value)

    def _changed(self) -> None:
        self._shown_s = None

    def _show(self, now_s: float) -> None:
        self._now_s = now_s
        if self._shown_s is None or not 0 <= now_s - self._shown_s < _REFRESH_S:
            self._image.show(self._values(now_s))
            self._shown_s = now_s

    def _written(self, point: str, value: Value) -> None:
        if not self.equipment.command(point, value, self._now_s):
            self.held[point] = value
        self._shown_s = None
