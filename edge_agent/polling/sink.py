"""Where polled readings go; the uplink implements it."""

from collections.abc import Sequence
from typing import Protocol

from protocols.reading import Reading


class ReadingSink(Protocol):
    """Takes what the ports found out. All are synchronous and cheap.

    A port never hands over readings or states of a device before its ``device_up`` or after its
    ``device_down``. ``device_down`` may come first: a device that never answered.
    """

    def device_up(self, device: str, at: int) -> None:
        """The device answers; ``at`` is UTC ms of its first good reply."""
        ...

    def device_down(self, device: str, at: int, reason: str) -> None:
        """The device does not answer; ``reason`` is a fixed word such as ``timeout``."""
        ...

    def device_state(self, device: str, at: int, state: str, reason: str) -> None:
        """While it is up: ``degraded`` (an answer is missing, and why), or ``online`` again."""
        ...

    def publish(self, device: str, readings: Sequence[Reading]) -> None:
        """Readings worth reporting, at least one, all of one device."""
        ...
