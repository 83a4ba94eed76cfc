"""Acknowledgements of journaled messages, gathered per node and sent once they are durable."""

from collections.abc import Iterator

from protocols.sparkplug.journal_ack import encode_ack, ranges_of
from protocols.sparkplug.payload import parse_uuid
from protocols.sparkplug.topics import MessageKind, Topic

_MOST_RANGES = 2_000
"""Of one message; it then has about 32 KB."""


class Acks:
    """What may be acknowledged after the next batch is durable."""

    def __init__(self) -> None:
        self._offsets: dict[tuple[str, str, str], list[int]] = {}
        self.count = 0

    def add(self, topic: Topic, uuid: str) -> None:
        """Add a message whose values are all in the batch; other software's uuids mean nothing."""
        row = parse_uuid(uuid)
        if row is None:
            return
        journal_id, offset = row
        self._offsets.setdefault((topic.group, topic.node, journal_id), []).append(offset)
        self.count += 1

    def journals(self) -> list[tuple[str, str]]:
        """Return the key of each gateway and its journals, in the order of their first message."""
        return [(f"{group}/{node}", journal) for group, node, journal in self._offsets]

    def take(self, now_ms: int) -> Iterator[tuple[str, bytes]]:
        """Return topic and payload of each acknowledgement and forget them."""
        taken, self._offsets, self.count = self._offsets, {}, 0
        for (group, node, journal_id), offsets in taken.items():
            topic = Topic(group, MessageKind.NCMD, node).format()
            ranges = ranges_of(offsets)
            for start in range(0, len(ranges), _MOST_RANGES):
                yield topic, encode_ack(journal_id, ranges[start : start + _MOST_RANGES], now_ms)
