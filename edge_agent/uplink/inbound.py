"""What the broker delivers to an agent, as one of a few kinds of message (pure)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from protocols.errors import FrameError
from protocols.reading import Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import Range, decode_ack
from protocols.sparkplug.names import PROPERTY_BY, REBIRTH
from protocols.sparkplug.payload import decode_payload
from protocols.sparkplug.state import decode_state
from protocols.sparkplug.topics import MessageKind, parse_state_topic, parse_topic


class HostState(NamedTuple):
    """The primary host says whether it is there."""

    host_id: str
    online: bool
    timestamp: int


class Rebirth(NamedTuple):
    """A host asks for all births again."""


class Acknowledgement(NamedTuple):
    """The server has stored these rows."""

    journal_id: str
    ranges: list[Range]


class PointCommand(NamedTuple):
    """One value that a point of a device shall take.

    Attributes:
        point: Name, or the alias where only that was sent.
        key: Idempotency key; None when the sender gave none.
        sent_at: UTC ms by the sender's clock; None when it said nothing.
        by: Who asks; empty when it said nothing.
        why: What for; likewise.
    """

    device: str
    point: str | int
    value: Value
    key: str | None
    sent_at: int | None
    by: str = ""
    why: str = ""


Inbound: TypeAlias = HostState | Rebirth | Acknowledgement | PointCommand
DatatypesOf = Callable[[str], Mapping[int | str, DataType]]
"""Device to alias or name to datatype."""


def read_message(topic: str, payload: bytes, datatypes_of: DatatypesOf) -> list[Inbound]:
    """Return what a message asks for, nothing for what this node does not know.

    Raises FrameError on anything torn.
    """
    host_id = parse_state_topic(topic)
    if host_id is not None:
        return [_host_state(host_id, payload)]
    parsed = parse_topic(topic)
    match parsed.kind:
        case MessageKind.NCMD:
            return _node_command(payload)
        case MessageKind.DCMD:
            device = parsed.device or ""
            return _device_command(device, payload, datatypes_of(device))
        case _:
            return []


def _host_state(host_id: str, payload: bytes) -> HostState:
    return HostState(host_id, *decode_state(payload))


def _node_command(data: bytes) -> list[Inbound]:
    payload = decode_payload(data, datatypes={REBIRTH: DataType.BOOLEAN})
    found: list[Inbound] = []
    acknowledged = decode_ack(payload)
    if acknowledged is not None:
        found.append(Acknowledgement(*acknowledged))
    if any(metric.name == REBIRTH and metric.value is True for metric in payload.metrics):
        found.append(Rebirth())
    return found


def _device_command(
    device: str, data: bytes, datatypes: Mapping[int | str, DataType]
) -> list[Inbound]:
    payload = decode_payload(data, datatypes=datatypes)
    found: list[Inbound] = []
    for metric in payload.metrics:
        point = metric.name if metric.name is not None else metric.alias
        if point is None or isinstance(metric.value, list):
            raise FrameError(f"a command for {device!r} without a point or with a list")
        sent_at = metric.timestamp if metric.timestamp is not None else payload.timestamp
        key = payload.uuid
        if key is not None and len(payload.metrics) > 1:
            # Several points in one message: each is a command of its own.
            key = f"{key}/{point}"
        by = (metric.properties or {}).get(PROPERTY_BY)
        why = metric.reason
        found.append(PointCommand(device, point, metric.value, key, sent_at, str(by or ""), why))
    return found
