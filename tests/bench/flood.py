"""``python -m tests.bench.flood PORT MESSAGES``: an edge node that sends as fast as it is acked.

Ten devices with twenty doubles each; every message is journaled, and at most ``WINDOW`` of them
are unacknowledged, as with an agent that empties its journal.
"""

import sys
import threading
import time

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack, uuid_of
from protocols.sparkplug.payload import (
    Metric,
    decode_payload,
    encode_metrics,
    encode_payload,
    seal,
)

DEVICES, POINTS, WINDOW = 10, 20, 4000
GROUP, NODE = "bench", "flood"


class Flood:
    def __init__(self, port: int, messages: int) -> None:
        self.messages = messages
        self.acked = 0
        self.moved = threading.Condition()
        self.client = Client(CallbackAPIVersion.VERSION2, clean_session=True)
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"spBv1.0/{GROUP}/NCMD/{NODE}", 1)
        self.client.loop_start()
        self.seq = 0

    def on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        ack = decode_ack(decode_payload(message.payload))
        if ack is not None:
            with self.moved:
                self.acked += sum(last - first + 1 for first, last in ack[1])
                self.moved.notify()

    def send(self, kind: str, payload: bytes, device: str = "") -> None:
        self.client.publish(f"spBv1.0/{GROUP}/{kind}/{NODE}{device}", payload)
        self.seq = (self.seq + 1) % 256

    def bear(self) -> None:
        now = time.time_ns() // 1_000_000 - 2 * self.messages
        node = [
            Metric(name="bdSeq", datatype=DataType.INT64, value=0, timestamp=now),
            Metric(name="Node Control/Rebirth", datatype=DataType.BOOLEAN, value=False),
        ]
        self.send("NBIRTH", encode_payload(node, timestamp=now, seq=self.seq))
        for device in range(DEVICES):
            points = [
                Metric(
                    name=f"p{point}",
                    alias=device * POINTS + point + 1,
                    datatype=DataType.DOUBLE,
                    value=0.0,
                    timestamp=now,
                )
                for point in range(POINTS)
            ]
            payload = encode_payload(points, timestamp=now, seq=self.seq)
            self.send("DBIRTH", payload, f"/d{device}")

    def data(self, start: int, offset: int) -> tuple[str, bytes]:
        device = offset % DEVICES
        at = start + offset // DEVICES
        fragment = encode_metrics(
            Metric(alias=device * POINTS + point + 1, value=offset + point / 7, timestamp=at)
            for point in range(POINTS)
        )
        seq = (self.seq + offset) % 256
        uuid = uuid_of("bench", offset)
        return f"/d{device}", seal(fragment, timestamp=at, seq=seq, uuid=uuid)

    def run(self) -> None:
        self.bear()
        start = time.time_ns() // 1_000_000 - self.messages
        # All is encoded before, so that the sender is not what is measured.
        prepared = [self.data(start, offset) for offset in range(self.messages)]
        for sent, (device, payload) in enumerate(prepared):
            if sent - self.acked >= WINDOW:
                with self.moved:
                    self.moved.wait_for(lambda sent=sent: sent - self.acked < WINDOW // 2)
            self.send("DDATA", payload, device)
        with self.moved:
            self.moved.wait_for(lambda: self.acked >= self.messages)
        self.client.disconnect()
        self.client.loop_stop()


if __name__ == "__main__":
    Flood(int(sys.argv[1]), int(sys.argv[2])).run()
