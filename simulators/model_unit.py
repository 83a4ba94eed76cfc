"""A simulated unit apart from its protocol: a model of plant, and values that are held."""

from collections.abc import Collection

from protocols.reading import Value
from simulators.equipment.base import Equipment
from simulators.errors import UnknownNameError


class ModelUnit:
    """A model of plant whose values a protocol shows.

    Args:
        name: Name in the estate file.
        equipment: The model.
        points: Names of its values that a master can read.

    Attributes:
        name: Name in the estate file.
        point_names: Names of its values that a master can read.
        held: Values that no longer follow the model: frozen, set by hand, or written by a master.
    """

    def __init__(self, name: str, *, equipment: Equipment, points: Collection[str]) -> None:
        self.name = name
        self.equipment = equipment
        self.held: dict[str, Value] = {}
        self.point_names = points

    def happen(self, event: str, now_s: float) -> None:
        """Let an event of the equipment begin; ``clear`` ends it.

        Raises:
            UnknownNameError: this equipment has no such event.
        """
        known = self.equipment.events | {"clear"}
        if event not in known:
            raise UnknownNameError(f"{self.name}: no event {event!r}; there are {sorted(known)}")
        self.equipment.happen(event, now_s)
        self._changed()

    def get(self, point: str, now_s: float) -> Value:
        """Return the value that a master would read, before it is rounded for the line."""
        self._check(point)
        return self._values(now_s).get(point)

    def hold(self, point: str, value: Value) -> None:
        """Let a point show a value until it is released.

        Raises:
            UnknownNameError: no such point.
            ValueRangeError: the point cannot carry the value.
        """
        self._check(point)
        self._check_value(point, value)
        self.held[point] = value
        self._changed()

    def freeze(self, point: str, now_s: float) -> None:
        """Let a point stay at its value of now."""
        self.hold(point, self.get(point, now_s))

    def release(self) -> None:
        """Let every point follow the model again."""
        self.held.clear()
        self._changed()

    def _check(self, point: str) -> None:
        if point not in self.point_names:
            known = sorted(self.point_names)
            raise UnknownNameError(f"{self.name}: no point {point!r}; there are {known}")

    def _check_value(self, point: str, value: Value) -> None:
        """Raise ValueRangeError when the point cannot carry the value."""

    def _changed(self) -> None:
        """Show no value that was laid out before."""

    def _values(self, now_s: float) -> dict[str, Value]:
        return {**self.equipment.values(now_s), **self.held}
