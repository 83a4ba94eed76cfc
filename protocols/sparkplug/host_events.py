"""What goes into a host's session and what comes out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from protocols.sparkplug.births import Table
from protocols.sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from protocols.sparkplug.topics import Topic


class Message(NamedTuple):
    """A message as it arrived.

    Attributes:
        data: Its bytes, for whoever stores births.
        arrived_at: UTC ms; the session's only clock.
    """

    topic: Topic
    payload: WirePayload
    data: bytes
    arrived_at: int


class NodeBorn(NamedTuple):
    """The node is online; its devices follow with their own births."""

    message: Message
    bd_seq: int


class DeviceBorn(NamedTuple):
    """A device is declared, and online unless it says otherwise."""

    device: str
    message: Message
    table: Table


class Data(NamedTuple):
    """Values; ``table.find(metric)`` tells what each is. ``device`` None = of the node."""

    device: str | None
    message: Message
    table: Table


class DeviceDied(NamedTuple):
    """A device is offline; without message when it did not follow the birth of its node."""

    device: str
    message: Message | None


class NodeDied(NamedTuple):
    """The node and all its devices are offline."""

    message: Message


class AskRebirth(NamedTuple):
    """Send ``Node Control/Rebirth`` to the node."""

    reason: str


Event = NodeBorn | DeviceBorn | Data | DeviceDied | NodeDied | AskRebirth


class NodePhase(StrEnum):
    """What is known of the node."""

    UNKNOWN = "unknown"
    ALIVE = "alive"
    DEAD = "dead"


@dataclass(slots=True)
class Counters:
    """What went wrong on the way, for the metrics."""

    gaps: int = 0
    duplicates: int = 0
    """Messages whose seq had passed already: sent twice, or late."""
    malformed: int = 0
    """Messages without a seq in 0..255."""
    undecodable: int = 0
    """Messages of a node or device without birth, or with one that may be out of date."""
    foreign_deaths: int = 0
    """Deaths of another session of the node."""
