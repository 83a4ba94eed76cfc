"""Hears what a poller publishes: how many values, how late, how regularly."""

import json
import time
from collections import defaultdict
from itertools import pairwise

import paho.mqtt.client as mqtt

from protocols.sparkplug import sparkplug_b_pb2 as pb
from protocols.sparkplug.journal_ack import encode_ack, parse_uuid, ranges_of
from protocols.sparkplug.topics import MessageKind, Topic, parse_topic

_ACK_EVERY_S = 0.5


class Subscriber:
    """Counts values, keeps latencies and reading times (ms) per device while ``recording``.

    To an agent it is the server: what it hears it acknowledges twice a second.

    Attributes:
        counts: The first value of each message; bench devices count their reads in it.
    """

    def __init__(self, port: int, topic: str) -> None:
        self.recording = False
        self.values = 0
        self.latencies_ms: list[float] = []
        self.taken_at: dict[str, list[int]] = defaultdict(list)
        self.counts: dict[str, list[float]] = defaultdict(list)
        self._unacknowledged: dict[str, list[int]] = defaultdict(list)
        self._acknowledged_s = 0.0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_connect = lambda client, *_: client.subscribe(topic)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def periods_s(self) -> list[float]:
        """Seconds between consecutive readings of each device."""
        return [
            (later - earlier) / 1000
            for times in self.taken_at.values()
            for earlier, later in pairwise(times)
        ]

    def reads_lost_or_doubled(self) -> int:
        """How often the device's own count did not go on by one."""
        return sum(
            later != earlier + 1
            for counts in self.counts.values()
            for earlier, later in pairwise(counts)
        )

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        now = time.time_ns() / 1e6
        sparkplug = message.topic.startswith("spBv1.0/")
        payload = pb.Payload.FromString(message.payload if sparkplug else b"")
        if sparkplug:
            self._acknowledge(message.topic, payload.uuid)
        if not self.recording:
            return
        if sparkplug:
            at, count = payload.metrics[0].timestamp, len(payload.metrics)
            self.counts[message.topic].append(payload.metrics[0].float_value)
        else:
            said = json.loads(message.payload)
            at, count = said["at"], len(said["values"])
        self.values += count
        self.latencies_ms.append(now - at)
        self.taken_at[message.topic].append(at)

    def _acknowledge(self, topic: str, uuid: str) -> None:
        named = parse_uuid(uuid)
        if named is None:
            return
        self._unacknowledged[named[0]].append(named[1])
        if time.monotonic() - self._acknowledged_s < _ACK_EVERY_S:
            return
        self._acknowledged_s = time.monotonic()
        heard = parse_topic(topic)
        command = Topic(heard.group, MessageKind.NCMD, heard.node).format()
        for journal_id, offsets in self._unacknowledged.items():
            ack = encode_ack(journal_id, ranges_of(offsets), time.time_ns() // 1_000_000)
            self._client.publish(command, ack, qos=1)
        self._unacknowledged.clear()
