"""A sink that remembers."""

from collections.abc import Sequence

from protocols.reading import Quality, Reading


class ListSink:
    """Everything in the order in which it came."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.states: list[tuple[str, str, str]] = []
        self.log: list[tuple[str, Reading]] = []

    def device_up(self, device: str, at: int) -> None:
        del at
        self.events.append(("up", device, ""))

    def device_down(self, device: str, at: int, reason: str) -> None:
        del at
        self.events.append(("down", device, reason))

    def device_state(self, device: str, at: int, state: str, reason: str) -> None:
        del at
        self.states.append((device, state, reason))

    def publish(self, device: str, readings: Sequence[Reading]) -> None:
        assert readings
        assert self.events
        self.log += [(device, reading) for reading in readings]

    def of(self, device: str, point: str) -> list[Reading]:
        return [r for name, r in self.log if name == device and r.point == point]

    def times_s(self, device: str, point: str) -> list[float]:
        """When good readings were taken, seconds."""
        return [r.taken_at / 1000 for r in self.of(device, point) if r.quality is Quality.GOOD]
