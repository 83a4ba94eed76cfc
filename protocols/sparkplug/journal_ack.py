"""The acknowledgement that Sparkplug lacks: which rows of an edge node's journal are stored.

A journaled message carries journal id and offset as its uuid (see payload). The server answers with
an NCMD whose uuid is the journal id and whose metric is a UInt64Array of closed ranges
``[first, last, first, last, ...]``. Other hosts and nodes ignore both.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import JOURNAL_ACK
from protocols.sparkplug.payload import Metric, Payload, encode_payload

__all__ = [
    "JOURNAL_ACK",
    "Range",
    "decode_ack",
    "encode_ack",
    "ranges_of",
]

Range: TypeAlias = tuple[int, int]
"""First and last offset, both included."""


def ranges_of(offsets: Iterable[int]) -> list[Range]:
    """Return the fewest closed ranges that hold exactly these offsets, ascending."""
    ranges: list[Range] = []
    for offset in sorted(set(offsets)):
        if ranges and ranges[-1][1] == offset - 1:
            ranges[-1] = (ranges[-1][0], offset)
        else:
            ranges.append((offset, offset))
    return ranges


def encode_ack(journal_id: str, ranges: Sequence[Range], timestamp: int) -> bytes:
    """Return the payload of an NCMD that acknowledges these rows."""
    if not journal_id:
        raise ValueRangeError("an acknowledgement needs the id of a journal")
    flat = [offset for pair in ranges for offset in pair]
    metric = Metric(
        name=JOURNAL_ACK, timestamp=timestamp, datatype=DataType.UINT64_ARRAY, value=flat
    )
    return encode_payload([metric], timestamp=timestamp, uuid=journal_id)


def decode_ack(payload: Payload) -> tuple[str, list[Range]] | None:
    """Return journal id and ranges, None when the message is no acknowledgement.

    FrameError when it is one but a range is torn: nothing may be deleted on its word.
    """
    flat = next((metric.value for metric in payload.metrics if metric.name == JOURNAL_ACK), None)
    if flat is None:
        return None
    if not payload.uuid or not isinstance(flat, list) or len(flat) % 2:
        raise FrameError("a journal acknowledgement without journal id or with half a range")
    ranges = list(zip(flat[::2], flat[1::2], strict=True))
    if any(first > last for first, last in ranges):
        raise FrameError(f"a journal acknowledgement with a reversed range: {ranges}")
    return payload.uuid, ranges
