"""Hears what a poller publishes: how many values, how late, how regularly."""

import json
import time
from collections import defaultdict
from itertools import pairwise

import paho.mqtt.client as mqtt

from protocols.sparkplug import sparkplug_b_pb2 as pb


class Subscriber:
    """Counts values, keeps latencies and reading times (ms) per device while ``recording``."""

    def __init__(self, port: int, topic: str) -> None:
        self.recording = False
        self.values = 0
        self.latencies_ms: list[float] = []
        self.taken_at: dict[str, list[int]] = defaultdict(list)
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

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if not self.recording:
            return
        now = time.time_ns() / 1e6
        if message.topic.startswith("spBv1.0/"):
            payload = pb.Payload.FromString(message.payload)
            at, count = payload.metrics[0].timestamp, len(payload.metrics)
        else:
            said = json.loads(message.payload)
            at, count = said["at"], len(said["values"])
        self.values += count
        self.latencies_ms.append(now - at)
        self.taken_at[message.topic].append(at)
