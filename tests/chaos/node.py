"""An edge node that journals what it sends and sends again what is not acknowledged.

Its points are switched by a plan, so that it knows which alarms must exist.
"""

import threading
import time
from typing import NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack
from protocols.sparkplug.names import BD_SEQ, CLASS, REBIRTH
from protocols.sparkplug.payload import (
    Metric,
    decode_payload,
    encode_metrics,
    encode_payload,
    mark_historical,
    seal,
    uuid_of,
)

GROUP, NODE = "chaos", "gw"
ACK_TIMEOUT_S = 2.0
_JOURNAL = "chaos-journal"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Sent(NamedTuple):
    """A journaled row that is not acknowledged."""

    device: str
    fragment: bytes
    at_s: float
    at: int
    """UTC ms of the newest attempt."""
    again: bool


class Heard(NamedTuple):
    """What the node knows of an acknowledged value, UTC ms."""

    sent_at: int
    """The attempt that was acknowledged."""
    acked_at: int
    again: bool
    """It was not the first attempt."""


class Node:
    """Devices with boolean points; every method may be called from one thread only."""

    def __init__(self, port: int) -> None:
        self.states: dict[str, dict[str, tuple[bool, int]]] = {}
        """Device to point to (value, since)."""
        self.heard: dict[tuple[str, str, int], Heard] = {}
        """(device, point, taken_at) to how it arrived."""
        self.resent: list[int] = []
        """When anything was sent again, UTC ms."""
        self._aliases: dict[tuple[str, str], int] = {}
        self._unacked: dict[int, Sent] = {}
        self._holds: dict[int, tuple[str, str, int]] = {}
        self._offset = 0
        self._seq = 0
        self._lock = threading.Lock()
        self._rebirth = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="chaos-node")
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"spBv1.0/{GROUP}/NCMD/{NODE}", 1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def unacked(self) -> int:
        return len(self._unacked)

    def birth(self) -> None:
        """NBIRTH and the births of all devices, with the values as they are."""
        at = now_ms()
        self._seq = 0
        own = [
            Metric(name=BD_SEQ, datatype=DataType.INT64, value=0, timestamp=at),
            Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=False, timestamp=at),
        ]
        self._publish("NBIRTH", encode_payload(own, timestamp=at, seq=self._next_seq()))
        for device in self.states:
            self._device_birth(device)

    def add(self, device: str, points: list[str]) -> None:
        at = now_ms()
        self.states[device] = dict.fromkeys(points, (False, at))
        for point in points:
            self._aliases[device, point] = len(self._aliases) + 1
        self._device_birth(device)

    def forget(self, device: str) -> None:
        """Leave the device out of further births; what is journaled still goes up."""
        self.states.pop(device, None)

    def switch(self, device: str, point: str, *, on: bool) -> int:
        """Change a point and return when, UTC ms."""
        at = max(now_ms(), self.states[device][point][1] + 1)
        self.states[device][point] = on, at
        self._journal(device, point, value=on, at=at)
        return at

    def tick(self) -> None:
        """Send again what waits for too long, repeat all values, be born when asked."""
        if self._rebirth.is_set():
            self._rebirth.clear()
            self.birth()
        due = time.monotonic() - ACK_TIMEOUT_S
        with self._lock:
            again = [(n, row) for n, row in self._unacked.items() if row.at_s < due]
        if again:
            self.resent.append(now_ms())
        for offset, row in again:
            self._send(offset, row.device, mark_historical(row.fragment), again=True)

    def repeat(self) -> None:
        """Report every value as an agent does now and then, changed or not."""
        for device, points in self.states.items():
            for point, (on, since) in points.items():
                self._journal(device, point, value=on, at=max(now_ms(), since + 1))

    def _journal(self, device: str, point: str, *, value: bool, at: int) -> None:
        alias = self._aliases[device, point]
        metric = Metric(
            name=point, alias=alias, value=value, datatype=DataType.BOOLEAN, timestamp=at
        )
        fragment = encode_metrics([metric])
        self._offset += 1
        self._holds[self._offset] = device, point, at
        self._send(self._offset, device, fragment)

    def _send(self, offset: int, device: str, fragment: bytes, *, again: bool = False) -> None:
        with self._lock:
            if again and offset not in self._unacked:
                return  # acknowledged meanwhile
            self._unacked[offset] = Sent(device, fragment, time.monotonic(), now_ms(), again)
        payload = seal(
            fragment, timestamp=now_ms(), seq=self._next_seq(), uuid=uuid_of(_JOURNAL, offset)
        )
        self._publish("DDATA", payload, device)

    def _device_birth(self, device: str) -> None:
        at = now_ms()
        metrics = [Metric(name=CLASS, datatype=DataType.STRING, value="chaos", timestamp=at)]
        metrics += [
            Metric(
                name=point,
                alias=self._aliases[device, point],
                datatype=DataType.BOOLEAN,
                value=on,
                timestamp=since,
            )
            for point, (on, since) in self.states[device].items()
        ]
        self._publish("DBIRTH", encode_payload(metrics, timestamp=at, seq=self._next_seq()), device)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        payload = decode_payload(message.payload)
        ack = decode_ack(payload)
        if ack is None:
            if any(metric.name == REBIRTH and metric.value for metric in payload.metrics):
                self._rebirth.set()
            return
        at = now_ms()
        with self._lock:
            for first, last in ack[1]:
                for offset in range(first, last + 1):
                    row = self._unacked.pop(offset, None)
                    if row is not None:
                        heard = Heard(row.at, at, row.again)
                        self.heard.setdefault(self._holds.pop(offset), heard)

    def _next_seq(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % 256
        return seq

    def _publish(self, kind: str, payload: bytes, device: str = "") -> None:
        end = f"/{device}" if device else ""
        self._client.publish(f"spBv1.0/{GROUP}/{kind}/{NODE}{end}", payload)
