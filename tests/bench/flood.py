"""``python -m tests.bench.flood PORT MESSAGES [SITE]``: an edge node as fast as it is acked.

Ten pumps with twenty points each, all of them plausible, so that the alarm rules look and stay
silent; every message is journaled, and at most ``WINDOW`` of them are unacknowledged, as with an
agent that empties its journal.
"""

import sys
import threading
import time

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack
from protocols.sparkplug.names import CLASS
from protocols.sparkplug.payload import (
    Metric,
    decode_payload,
    encode_metrics,
    encode_payload,
    seal,
    uuid_of,
)

STATES = {"run": True, "command": True, "fault": False, "auto": True}
NUMBERS = {
    "frequency": 45.0,
    "speed": 1400.0,
    "current": 20.0,
    "power": 11.0,
    "energy": 5000.0,
    "run_hours": 900.0,
    "starts": 40.0,
    "fault_code": 0.0,
    "warning_code": 0.0,
    "outlet_pressure": 400.0,
    "inlet_pressure": 200.0,
    "differential_pressure": 200.0,
    "flow": 30.0,
    "medium_temperature": 60.0,
    "bearing_temperature": 50.0,
    "motor_temperature": 70.0,
}
BASE = list({**STATES, **NUMBERS}.items())
DEVICES, POINTS, WINDOW = 10, len(BASE), 4000
GROUP, NODE = "bench", "flood"


class Flood:
    def __init__(self, port: int, messages: int, site: str = GROUP) -> None:
        self.messages = messages
        self.site = site
        self.acked = 0
        self.moved = threading.Condition()
        self.client = Client(CallbackAPIVersion.VERSION2, clean_session=True)
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"spBv1.0/{site}/NCMD/{NODE}", 1)
        self.client.loop_start()
        self.seq = 0

    def on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        ack = decode_ack(decode_payload(message.payload))
        if ack is not None:
            with self.moved:
                self.acked += sum(last - first + 1 for first, last in ack[1])
                self.moved.notify()

    def send(self, kind: str, payload: bytes, device: str = "") -> None:
        self.client.publish(f"spBv1.0/{self.site}/{kind}/{NODE}{device}", payload)
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
                    name=name,
                    alias=device * POINTS + point,
                    datatype=DataType.BOOLEAN if name in STATES else DataType.DOUBLE,
                    value=value,
                    timestamp=now,
                )
                for point, (name, value) in enumerate(BASE, 1)
            ]
            points.append(Metric(name=CLASS, datatype=DataType.STRING, value="heating_pump"))
            payload = encode_payload(points, timestamp=now, seq=self.seq)
            self.send("DBIRTH", payload, f"/d{device}")

    def data(self, start: int, offset: int) -> tuple[str, bytes]:
        device = offset % DEVICES
        at = start + offset // DEVICES
        fragment = encode_metrics(
            Metric(
                alias=device * POINTS + point,
                value=base if name in STATES else base + offset % 70 / 7,
                timestamp=at,
            )
            for point, (name, base) in enumerate(BASE, 1)
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
    Flood(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]).run()
