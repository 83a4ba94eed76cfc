"""One simulated unit: a model of plant behind registers."""

from collections.abc import Mapping

from config.points import Point
from protocols.reading import Value
from simulators.equipment.base import Equipment
from simulators.errors import UnknownNameError
from simulators.image import RegisterImage, check_value
from simulators.line import SILENT, Reply
from simulators.slave import answer

# Registers are laid out anew when they are older than this; a real device measures as often.
_REFRESH_S = 0.05


class SimulatedUnit:
    """Answers requests with the values of its model.

    Attributes:
        name: Name in the estate file.
        held: Values that no longer follow the model: frozen, set by hand, or written by a master.
    """

    def __init__(self, name: str, *, equipment: Equipment, points: Mapping[str, Point]) -> None:
        self.name = name
        self.equipment = equipment
        self.points = points
        self.held: dict[str, Value] = {}
        self._image = RegisterImage(points, written=self._written)
        self._shown_s: float | None = None
        self._now_s = 0.0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU."""
        if not pdu:
            return SILENT
        self._show(now_s)
        return Reply(answer(self._image, pdu))

    def happen(self, event: str, now_s: float) -> None:
        """Let an event of the equipment begin; ``clear`` ends it.

        Raises:
            UnknownNameError: this equipment has no such event.
        """
        known = self.equipment.events | {"clear"}
        if event not in known:
            raise UnknownNameError(f"{self.name}: no event {event!r}; there are {sorted(known)}")
        self.equipment.happen(event, now_s)
        self._shown_s = None

    def get(self, point: str, now_s: float) -> Value:
        """Return the value that a master would read, before the rounding of the registers."""
        self._check(point)
        return self._values(now_s).get(point)

    def hold(self, point: str, value: Value) -> None:
        """Let a point show a value until it is released.

        Raises:
            UnknownNameError: no such point.
            ValueRangeError: the point cannot carry the value.
        """
        self._check(point)
        check_value(self.points[point], value)
        self.held[point] = value
        self._shown_s = None

    def freeze(self, point: str, now_s: float) -> None:
        """Let a point stay at its value of now."""
        self.hold(point, self.get(point, now_s))

    def release(self) -> None:
        """Let every point follow the model again."""
        self.held.clear()
        self._shown_s = None

    def _check(self, point: str) -> None:
        if point not in self.points:
            known = sorted(self.points)
            raise UnknownNameError(f"{self.name}: no point {point!r}; there are {known}")

    def _values(self, now_s: float) -> dict[str, Value]:
        return {**self.equipment.values(now_s), **self.held}

    def _show(self, now_s: float) -> None:
        self._now_s = now_s
        if self._shown_s is None or not 0 <= now_s - self._shown_s < _REFRESH_S:
            self._image.show(self._values(now_s))
            self._shown_s = now_s

    def _written(self, point: str, value: Value) -> None:
        if not self.equipment.command(point, value, self._now_s):
            self.held[point] = value
        self._shown_s = None
