"""Somebody else's edge node with store and forward, which obeys STATE to the letter.

It knows nothing of acknowledgements: what it has sent while the host was said to be online, on a
connection that lived on, is done with. Only the last moments before an end count as not sent.
"""

import threading
import time
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt

from protocols.errors import FrameError
from protocols.sparkplug import sparkplug_b_pb2 as pb
from protocols.sparkplug.state import decode_state
from tests.fakes.sparkplug_node import BOOLEAN, INT64, now_ms
from tests.patience import PATIENCE_S

_PERIOD_S = 0.05


class ObedientNode:
    """Counts for ever; ``produced`` are all readings it ever made.

    Args:
        port: Of the broker.
        host_id: Whose STATE it obeys.
        horizon_s: How much of what was sent before an end counts as not sent, seconds.
    """

    def __init__(self, port: int, *, group: str, node: str, host_id: str, horizon_s: float) -> None:
        self.group, self.node = group, node
        self.produced: list[tuple[int, int]] = []
        self.refused: list[str] = []
        self._stored: list[tuple[int, int]] = []
        self._sent: list[tuple[float, tuple[int, int]]] = []
        self._horizon_s = horizon_s
        self._state_topic = f"spBv1.0/STATE/{host_id}"
        self._newest = -1
        self._born = self._connected = self._host_online = False
        self._seq = 0
        self._bd_seq = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"{group}-{node}"
        )
        client.reconnect_delay_set(1, 1)
        client.on_pre_connect = self._pre_connect
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(target=self._count, name="obedient node")

    @property
    def born(self) -> bool:
        return self._born

    @property
    def key(self) -> str:
        return f"{self.group}/{self.node}/tank/count"

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def state(self, payload: bytes) -> None:
        """Say anything in the host's name, retained."""
        self._client.publish(self._state_topic, payload, qos=1, retain=True).wait_for_publish(
            PATIENCE_S
        )

    def _count(self) -> None:
        value, at = 0, now_ms()
        while not self._stop.wait(_PERIOD_S):
            value, at = value + 1, max(at + 1, now_ms())
            with self._lock:
                self.produced.append((at, value))
                if self._born:
                    self._send([(at, value)], historical=False)
                else:
                    self._stored.append((at, value))

    def _pre_connect(self, client: mqtt.Client, _data: object) -> None:
        self._bd_seq = (self._bd_seq + 1) % 256
        client.will_set(self._topic("NDEATH"), self._death(), qos=1)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        with self._lock:
            self._connected, self._host_online = True, False
            client.subscribe([(self._topic("NCMD"), 1), (self._state_topic, 1)])

    def _on_disconnect(self, *_: Any) -> None:
        with self._lock:
            self._end()
            self._connected = False

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._lock:
            if message.topic == self._state_topic:
                self._hear_host(client, bytes(message.payload))
            elif self._born:
                self._be_born()

    def _hear_host(self, client: mqtt.Client, payload: bytes) -> None:
        try:
            said = decode_state(payload)
        except FrameError:
            return
        if said.timestamp < self._newest:
            self.refused.append(repr(payload))
            return
        self._newest = said.timestamp
        if said.online and not self._born:
            self._be_born()
            stored, self._stored = self._stored, []
            for start in range(0, len(stored), 100):
                self._send(stored[start : start + 100], historical=True)
        elif not said.online and self._born:
            self._end()
            client.publish(self._topic("NDEATH"), self._death(), qos=0)

    def _end(self) -> None:
        if self._born:
            now_s = time.monotonic()
            late = [row for at_s, row in self._sent if now_s - at_s < self._horizon_s]
            self._stored = late + self._stored
        self._born, self._sent = False, []

    def _be_born(self) -> None:
        self._born, self._seq = True, 0
        birth = pb.Payload(timestamp=now_ms())
        birth.metrics.add(name="bdSeq", datatype=INT64, long_value=self._bd_seq)
        birth.metrics.add(name="Node Control/Rebirth", datatype=BOOLEAN, boolean_value=False)
        self._publish("NBIRTH", birth)
        device = pb.Payload(timestamp=now_ms())
        device.metrics.add(name="count", alias=1, datatype=INT64, is_null=True)
        self._publish("DBIRTH", device, "tank")

    def _send(self, rows: list[tuple[int, int]], *, historical: bool) -> None:
        payload = pb.Payload(timestamp=now_ms())
        for at, value in rows:
            metric = payload.metrics.add(alias=1, timestamp=at, long_value=value)
            if historical:
                metric.is_historical = True
        self._publish("DDATA", payload, "tank")
        now_s = time.monotonic()
        self._sent += [(now_s, row) for row in rows]
        while self._sent and now_s - self._sent[0][0] > self._horizon_s:
            del self._sent[0]

    def _publish(self, kind: str, payload: pb.Payload, device: str | None = None) -> None:
        payload.seq = self._seq
        self._seq = (self._seq + 1) % 256
        self._client.publish(self._topic(kind, device), payload.SerializeToString(), qos=0)

    def _death(self) -> bytes:
        death = pb.Payload(timestamp=now_ms())
        death.metrics.add(name="bdSeq", datatype=INT64, long_value=self._bd_seq)
        return death.SerializeToString()

    def _topic(self, kind: str, device: str | None = None) -> str:
        return "/".join(["spBv1.0", self.group, kind, self.node] + ([device] if device else []))
