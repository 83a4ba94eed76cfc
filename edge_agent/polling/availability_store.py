"""Where it is kept what devices refuse, so that a restart need not learn it again."""

from typing import Protocol

from edge_agent.polling.plan import NOTHING, Learned


class AvailabilityStore(Protocol):
    """Keeps what was learned of each device, for as long as its points stay the same."""

    def load(self, device: str, points_digest: str) -> Learned:
        """Return what is known; nothing if the points are others than they were."""
        ...

    def keep(self, device: str, points_digest: str, learned: Learned) -> None:
        """Replace what is known of the device. Called from the event loop: must not block."""
        ...


class MemoryAvailability:
    """Kept while the process runs."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Learned]] = {}

    def load(self, device: str, points_digest: str) -> Learned:
        """Return what is known; nothing if the points are others than they were."""
        digest, learned = self._known.get(device, ("", NOTHING))
        return learned if digest == points_digest else NOTHING

    def keep(self, device: str, points_digest: str, learned: Learned) -> None:
        """Replace what is known of the device."""
        self._known[device] = (points_digest, learned)
