"""What the Sparkplug host keeps of each node, and what came of the messages."""

from dataclasses import dataclass, field

from protocols.sparkplug import host_events as said
from protocols.sparkplug.host_session import HostSession
from server.ingest.acks import Acks
from server.ingest.births import StoredBirth
from server.ingest.decode import Intake
from server.ingest.status import StatusChange
from server.ingest.unit import Unit


@dataclass(slots=True)
class Node:
    """One edge node."""

    group: str
    name: str
    session: HostSession
    units: dict[str | None, Unit] = field(default_factory=dict[str | None, Unit])
    """By device; None is the node itself."""
    counted: said.Counters = field(default_factory=said.Counters)
    """What the metrics know of the session's counters."""

    @property
    def key(self) -> str:
        """site/gateway."""
        return f"{self.group}/{self.name}"


@dataclass(slots=True)
class Harvest:
    """What came of the messages since it was last taken away."""

    intake: Intake = field(default_factory=Intake)
    births: dict[str, StoredBirth] = field(default_factory=dict[str, StoredBirth])
    changes: list[StatusChange] = field(default_factory=list[StatusChange])
    acks: Acks = field(default_factory=Acks)
    requests: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    """Topic and payload of rebirth requests."""
