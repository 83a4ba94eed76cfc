"""An edge node that keeps every message until it is acknowledged, and remembers what was."""

import threading
import time
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack
from protocols.sparkplug.names import REBIRTH
from protocols.sparkplug.payload import (
    Metric,
    decode_payload,
    encode_metrics,
    encode_payload,
    mark_historical,
    seal,
    uuid_of,
)
from protocols.sparkplug.topics import MessageKind, Topic

DEVICE, POINT = "meter", "count"
_RESEND_S = 1.0


class JournalingNode:
    """Counts upwards ``rate`` times a second; the journal is a dictionary.

    ``acked`` holds taken_at and value of each message that the host said is stored.
    """

    def __init__(self, port: int, *, group: str, node: str, rate: float) -> None:
        self.acked: dict[int, int] = {}
        self.waiting: dict[int, tuple[int, int, float]] = {}
        self._group, self._node, self._rate = group, node, rate
        self._seq, self._offset, self._last_at = 0, 0, 0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._rebirth = threading.Event()
        self._points = [POINT]
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"{group}-{node}")
        will = Metric(name="bdSeq", datatype=DataType.INT64, value=0)
        self._client.will_set(self._topic("NDEATH"), encode_payload([will], timestamp=0), qos=1)
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(self._topic("NCMD"), qos=1)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, name="journaling-node")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def key(self) -> str:
        """Key of the counting point."""
        return f"{self._group}/{self._node}/{DEVICE}/{POINT}"

    def new_point(self, name: str) -> None:
        """Be born again with one more point."""
        self._points.append(name)
        self._rebirth.set()

    def _run(self) -> None:
        self._bear()
        due = time.monotonic()
        resend_at = due + _RESEND_S
        while not self._ending.is_set():
            due += 1 / self._rate
            self._ending.wait(max(0.0, due - time.monotonic()))
            if self._rebirth.is_set():
                self._rebirth.clear()
                self._bear()
            self._offset += 1
            self._last_at = max(time.time_ns() // 1_000_000, self._last_at + 1)
            self._publish(self._offset, self._last_at)
            if time.monotonic() >= resend_at:
                resend_at = time.monotonic() + _RESEND_S
                self._resend()

    def _resend(self) -> None:
        old = time.monotonic() - _RESEND_S
        with self._lock:
            late = [(o, at) for o, (at, _, sent) in self.waiting.items() if sent < old]
        for offset, at in late[:2000]:
            self._publish(offset, at, historical=True)

    def _publish(self, offset: int, at: int, *, historical: bool = False) -> None:
        fragment = encode_metrics([Metric(alias=1, timestamp=at, value=offset)])
        if historical:
            fragment = mark_historical(fragment)
        with self._lock:
            self.waiting[offset] = (at, offset, time.monotonic())
        uuid = uuid_of("enemy", offset)
        self._send("DDATA", seal(fragment, timestamp=at, seq=self._seq, uuid=uuid))

    def _bear(self) -> None:
        self._seq = 0
        now = time.time_ns() // 1_000_000
        own = [
            Metric(name="bdSeq", datatype=DataType.INT64, value=0),
            Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=False),
        ]
        self._send("NBIRTH", encode_payload(own, timestamp=now, seq=0))
        points = [
            Metric(name=name, alias=alias, datatype=DataType.UINT64, timestamp=now)
            for alias, name in enumerate(self._points, 1)
        ]
        self._send("DBIRTH", encode_payload(points, timestamp=now, seq=self._seq))

    def _send(self, kind: str, payload: bytes) -> None:
        self._client.publish(self._topic(kind), payload)
        self._seq = (self._seq + 1) % 256

    def _topic(self, kind: str) -> str:
        named = MessageKind(kind)
        return Topic(self._group, named, self._node, DEVICE if named.of_device else None).format()

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        payload = decode_payload(bytes(message.payload))
        ack = decode_ack(payload)
        if ack is None:
            self._rebirth.set()
            return
        with self._lock:
            for first, last in ack[1]:
                for offset in range(first, last + 1):
                    row = self.waiting.pop(offset, None)
                    if row is not None:
                        self.acked[row[0]] = row[1]
