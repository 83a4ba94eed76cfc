"""Topics of Sparkplug B: ``spBv1.0/<group>/<kind>/<node>[/<device>]``."""

from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from protocols.errors import FrameError, ValueRangeError

NAMESPACE: Final = "spBv1.0"
STATE: Final = "STATE"
_FORBIDDEN: Final = frozenset("+#/\0")
_NODE_PARTS: Final = 4
_DEVICE_PARTS: Final = 5
_STATE_PARTS: Final = 3


class MessageKind(StrEnum):
    """Kinds of messages; N = of a node, D = of a device."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    NDATA = "NDATA"
    DDATA = "DDATA"
    NCMD = "NCMD"
    DCMD = "DCMD"

    @property
    def of_device(self) -> bool:
        """Whether the topic ends with a device."""
        return self.value[0] == "D"


class Topic(NamedTuple):
    """Where a message belongs.

    Attributes:
        group: Group id; here the site.
        kind: What the message is.
        node: Edge node id; here the gateway.
        device: None for messages of the node itself.
    """

    group: str
    kind: MessageKind
    node: str
    device: str | None = None

    def format(self) -> str:
        """Return the text of the topic; ValueRangeError when an id cannot be part of one."""
        return _spell(self)


def check_id(text: str) -> str:
    """Return an id of a group, node, device or host; ValueRangeError when it is none."""
    if not text or not _FORBIDDEN.isdisjoint(text):
        raise ValueRangeError(f"{text!r} cannot be part of a topic: empty, or one of + # / in it")
    return text


# The same few thousand topics are seen for ever; garbage raises and is not kept.
@lru_cache(maxsize=16384)
def _spell(topic: Topic) -> str:
    if topic.kind.of_device == (topic.device is None):
        raise ValueRangeError(f"{topic.kind} with device {topic.device!r}")
    ids = [check_id(topic.group), topic.kind.value, check_id(topic.node)]
    if topic.device is not None:
        ids.append(check_id(topic.device))
    return "/".join([NAMESPACE, *ids])


@lru_cache(maxsize=16384)
def parse_topic(topic: str) -> Topic:
    """Return the parts of a topic of a node or device; FrameError for every other topic."""
    parts = topic.split("/")
    if parts[0] != NAMESPACE or len(parts) not in {_NODE_PARTS, _DEVICE_PARTS}:
        raise FrameError(f"not a topic of Sparkplug B: {topic[:200]!r}")
    kind = MessageKind.__members__.get(parts[2])
    if kind is None or kind.of_device != (len(parts) == _DEVICE_PARTS):
        raise FrameError(f"not a kind of message of Sparkplug B: {topic[:200]!r}")
    ids = [parts[1], *parts[3:]]
    if not all(ids) or not _FORBIDDEN.isdisjoint("".join(ids)):
        raise FrameError(f"an id of the topic is empty or has + or # in it: {topic[:200]!r}")
    return Topic(parts[1], kind, parts[3], parts[4] if len(parts) == _DEVICE_PARTS else None)


def state_topic(host_id: str) -> str:
    """Return the topic on which a host says whether it is there."""
    return f"{NAMESPACE}/{STATE}/{check_id(host_id)}"


def parse_state_topic(topic: str) -> str | None:
    """Return the host id of a STATE topic, None for every other topic."""
    parts = topic.split("/")
    if len(parts) == _STATE_PARTS and parts[:2] == [NAMESPACE, STATE] and parts[2]:
        return parts[2]
    return None
