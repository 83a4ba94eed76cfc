"""What the ingest keeps of each gateway, and what waits for the history."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.sparkplug import host_events
from protocols.sparkplug.births import Table
from protocols.sparkplug.host_session import HostSession
from protocols.sparkplug.topics import Topic
from server.assets.ledger import EquipmentBirth
from server.history.base import Batch
from server.ingest.acks import Acks
from server.ingest.births import StoredBirth, equipment_birth
from server.ingest.decode import DecodedBatch
from server.ingest.status import StatusChange
from server.ingest.unit import Unit

_MAX_BD_SEQ = 2**63 - 1


class Newborn(NamedTuple):
    """A birth, as things were when it came."""

    device: str | None
    message: host_events.Message
    table: Table
    birth: EquipmentBirth
    online: bool
    bd_seq: int
    """Of the session of its node."""


Happened = (
    Newborn
    | host_events.Data
    | host_events.DeviceDied
    | host_events.NodeDied
    | host_events.AskRebirth
)


@dataclass(slots=True)
class Node:
    """One edge node, and what came of its messages and is not settled."""

    group: str
    name: str
    session: HostSession
    key: str = ""
    """site/gateway."""
    units: dict[str | None, Unit] = field(default_factory=dict[str | None, Unit])
    """By device; None is the node itself."""
    counted: host_events.Counters = field(default_factory=host_events.Counters)
    """What the metrics know of the session's counters."""
    events: deque[tuple[Happened, int]] = field(default_factory=deque[tuple[Happened, int]])
    """What waits behind a birth that has to be entered, with its arrival; in order."""
    births: dict[str, StoredBirth] = field(default_factory=dict[str, StoredBirth])
    changes: list[StatusChange] = field(default_factory=list[StatusChange])
    decoded: DecodedBatch = field(default_factory=DecodedBatch)
    acks: list[tuple[Topic, str]] = field(default_factory=list[tuple[Topic, str]])
    """Topic and uuid of the messages in ``decoded``."""
    oldest_at: int = 0
    """Arrival of the oldest message that is not settled, UTC ms; 0: all are."""

    def __post_init__(self) -> None:
        self.key = f"{self.group}/{self.name}"

    @property
    def unwritten(self) -> int:
        """Births and states that are not in the records yet."""
        return len(self.births) + len(self.changes)


@dataclass(slots=True)
class Ready:
    """What the alarms have seen and the history has not."""

    batch: Batch = field(default_factory=Batch)
    acks: Acks = field(default_factory=Acks)
    values: dict[str, int] = field(default_factory=dict[str, int])
    """How many are of each gateway."""

    def take(self, node: Node) -> None:
        """Take over what is settled of a gateway."""
        batch = node.decoded.batch
        if len(batch):
            self.batch.extend(batch)
            self.values[node.key] = self.values.get(node.key, 0) + len(batch)
            batch.clear()
        for topic, uuid in node.acks:
            self.acks.add(topic, uuid)
        node.acks.clear()


def prepared(node: Node, event: host_events.Event) -> Happened:
    """Return the event; a birth as things are now, because it may have to wait."""
    match event:
        case host_events.DeviceBorn(device, message, table):
            pass
        case host_events.NodeBorn(message, _):
            device, table = None, node.session.node
        case _:
            return event
    birth = equipment_birth(message.topic, message.payload, table)
    bd_seq = min(node.session.bd_seq, _MAX_BD_SEQ)
    return Newborn(device, message, table, birth, table.online, bd_seq)
