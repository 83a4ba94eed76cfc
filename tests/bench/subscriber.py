"""Hears what a poller publishes: how many values, how late, how regularly."""

import json
import threading
import time
from collections import defaultdict
from itertools import pairwise

import paho.mqtt.client as mqtt

from protocols.sparkplug import sparkplug_b_pb2 as pb
from protocols.sparkplug.journal_ack import encode_ack, ranges_of
from protocols.sparkplug.payload import parse_uuid
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
        self._lock = threading.Lock()
        self._unacknowledged: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._closed = threading.Event()
        self._acknowledging = threading.Thread(target=self._acknowledge)
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_connect = lambda client, *_: client.subscribe(topic)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._acknowledging.start()

    def close(self) -> None:
        """Disconnect."""
        self._closed.set()
        self._acknowledging.join()
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
        if sparkplug and (named := parse_uuid(payload.uuid)):
            heard = parse_topic(message.topic)
            command = Topic(heard.group, MessageKind.NCMD, heard.node).format()
            with self._lock:
                self._unacknowledged[command, named[0]].append(named[1])
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

    def _acknowledge(self) -> None:
        """Acknowledge what was heard, beside the hearing: a receiver's work is no latency."""
        while not self._closed.wait(_ACK_EVERY_S):
            with self._lock:
                heard, self._unacknowledged = self._unacknowledged, defaultdict(list)
            for (command, journal_id), offsets in heard.items():
                ack = encode_ack(journal_id, ranges_of(offsets), time.time_ns() // 1_000_000)
                self._client.publish(command, ack, qos=1)
