"""A connection that keeps what was published, as slow and as lost as the test wants."""

from protocols.sparkplug.payload import Payload, decode_payload
from protocols.sparkplug.topics import MessageKind, Topic, parse_topic


class FakeConnection:
    def __init__(self) -> None:
        self.sent: list[tuple[Topic, Payload]] = []
        self.queued_bytes = 0
        self.lost = False
        self.disconnected = False
        self.asked: list[str] = []

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.lost:
            return False
        self.sent.append((parse_topic(topic), decode_payload(payload)))
        return True

    def disconnect(self) -> None:
        self.disconnected = True

    def subscribe_again(self, name: str) -> None:
        self.asked.append(name)

    def data(self) -> list[Payload]:
        return [payload for topic, payload in self.sent if topic.kind is MessageKind.DDATA]

    def offsets(self) -> list[int]:
        return [int((payload.uuid or "").rpartition("/")[2]) for payload in self.data()]
