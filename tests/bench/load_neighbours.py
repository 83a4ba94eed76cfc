"""Bad neighbours of a gateway: ``python -m tests.bench.load_neighbours NAME PORT SECONDS``.

``flood`` sends 78,000 values a second and waits for nobody; ``births`` are the first births of 700
devices.
"""

import socket
import sys
import time
from collections.abc import Callable
from random import Random

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import BD_SEQ, CLASS, REBIRTH
from protocols.sparkplug.payload import Metric, encode_metrics, encode_payload, seal, uuid_of
from tests.bench.flood import BASE, POINTS, STATES
from tests.fakes.sparkplug_node import now_ms

FLOOD_VALUES_PER_S = 78_000
DEVICES, GATEWAYS = 700, 7
GROUP = "load"
_FLOOD_DEVICES = 10
_PANELS = 500
_REPORT_EVERY = 5_000


class RawNode:
    """An edge node on a bare socket: what it sends costs next to nothing."""

    def __init__(self, port: int, group: str, name: str, *, dies: bool = False) -> None:
        self._group, self._name, self._seq = group, name, 0
        self._socket = socket.create_connection(("127.0.0.1", port))
        client_id = f"{group}-{name}".encode()
        flags = b"\x06" if dies else b"\x02"
        body = b"\0\4MQTT\4" + flags + b"\0\0" + len(client_id).to_bytes(2, "big") + client_id
        if dies:
            death = [Metric(name=BD_SEQ, datatype=DataType.INT64, value=0)]
            will = (f"spBv1.0/{group}/NDEATH/{name}".encode(), encode_payload(death, timestamp=0))
            body += b"".join(len(part).to_bytes(2, "big") + part for part in will)
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        self._socket.recv(4)

    def publish(self, kind: str, payload: bytes, device: str = "") -> None:
        topic = f"spBv1.0/{self._group}/{kind}/{self._name}{device}".encode()
        body = len(topic).to_bytes(2, "big") + topic + payload
        self._socket.sendall(b"\x30" + _length(len(body)) + body)

    def birth(self) -> None:
        now = now_ms()
        metrics = [
            Metric(name=BD_SEQ, datatype=DataType.INT64, value=0, timestamp=now),
            Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=False, timestamp=now),
        ]
        self.publish("NBIRTH", encode_payload(metrics, timestamp=now, seq=0))
        self._seq = 0

    def death(self) -> None:
        metrics = [Metric(name=BD_SEQ, datatype=DataType.INT64, value=0)]
        self.publish("NDEATH", encode_payload(metrics, timestamp=now_ms()))

    def device_birth(self, number: int, *, kind: str = "heating_pump") -> None:
        now = now_ms()
        metrics = [
            Metric(
                name=name,
                alias=number * POINTS + point,
                datatype=DataType.BOOLEAN if name in STATES else DataType.DOUBLE,
                value=value,
                timestamp=now,
            )
            for point, (name, value) in enumerate(BASE, 1)
        ]
        metrics.append(Metric(name=CLASS, datatype=DataType.STRING, value=kind))
        payload = encode_payload(metrics, timestamp=now, seq=self.next_seq())
        self.publish("DBIRTH", payload, f"/d{number}")

    def data(self, number: int, step: int) -> None:
        now = now_ms()
        fragment = encode_metrics(
            Metric(
                alias=number * POINTS + point,
                value=base if name in STATES else base + step % 70 / 7,
                timestamp=now,
            )
            for point, (name, base) in enumerate(BASE, 1)
        )
        payload = seal(fragment, timestamp=now, seq=self.next_seq(), uuid=None)
        self.publish("DDATA", payload, f"/d{number}")

    def history(self, number: int, step: int) -> None:
        """All points of a device as its journal has them, an hour old."""
        at = now_ms() - 3_600_000 + step
        fragment = encode_metrics(
            Metric(
                alias=number * POINTS + point,
                value=base if name in STATES else base + step % 70 / 7,
                timestamp=at,
                is_historical=True,
            )
            for point, (name, base) in enumerate(BASE, 1)
        )
        uuid = uuid_of("backlog", step)
        self.publish(
            "DDATA", seal(fragment, timestamp=at, seq=self.next_seq(), uuid=uuid), f"/d{number}"
        )

    def panel_birth(self, number: int) -> None:
        now = now_ms()
        fire = Metric(
            name="fire", alias=number, datatype=DataType.BOOLEAN, value=False, timestamp=now
        )
        kind = Metric(name=CLASS, datatype=DataType.STRING, value="fire_panel")
        payload = encode_payload([fire, kind], timestamp=now, seq=self.next_seq())
        self.publish("DBIRTH", payload, f"/p{number}")

    def fire(self, number: int, *, fire: bool) -> None:
        now = now_ms()
        metric = Metric(alias=number, value=fire, timestamp=now)
        payload = encode_payload([metric], timestamp=now, seq=self.next_seq())
        self.publish("DDATA", payload, f"/p{number}")

    def huge_birth(self) -> None:
        now = now_ms()
        metrics = [
            Metric(
                name=f"point-{k:080}", alias=k, datatype=DataType.DOUBLE, value=1.0, timestamp=now
            )
            for k in range(1, 8_000)
        ]
        payload = encode_payload(metrics, timestamp=now, seq=self.next_seq())
        self.publish("DBIRTH", payload, "/huge")

    def huge_data(self) -> None:
        now = now_ms()
        metrics = [
            Metric(name=f"point-{k:080}", datatype=DataType.DOUBLE, value=1.0, timestamp=now)
            for k in range(1, 8_000)
        ]
        self.publish("DDATA", encode_payload(metrics, timestamp=now, seq=self.next_seq()), "/huge")

    def rename(self, name: str) -> None:
        self._name = name

    def close(self) -> None:
        self._socket.close()

    def next_seq(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq


def _length(size: int) -> bytes:
    coded = bytearray()
    while True:
        size, low = divmod(size, 128)
        coded.append(low | (128 if size else 0))
        if not size:
            return bytes(coded)


def flood(port: int, seconds: float) -> None:
    """Send 20-metric messages at the rate of the flood; print the rate at the end."""
    node = RawNode(port, GROUP, "flood")
    node.birth()
    for number in range(_FLOOD_DEVICES):
        node.device_birth(number)
    print('{"event": "ready"}', flush=True)
    time.sleep(2)
    start, step = time.monotonic(), 0
    per_s = FLOOD_VALUES_PER_S / POINTS
    while (now := time.monotonic()) < start + seconds:
        while step < (now - start) * per_s:
            node.data(step % _FLOOD_DEVICES, step)
            step += 1
            if step % _REPORT_EVERY == 0:
                rate = step * POINTS / (time.monotonic() - start)
                print(f'{{"event": "load", "values_per_s": {rate:.0f}}}', flush=True)
        time.sleep(0.002)


def births(port: int, _seconds: float) -> None:
    """Let 700 devices of seven gateways be born as fast as the broker takes it."""
    nodes = [RawNode(port, GROUP, f"new-{number}") for number in range(GATEWAYS)]
    print('{"event": "ready"}', flush=True)
    for node in nodes:
        node.birth()
    for number in range(DEVICES // GATEWAYS):
        for node in nodes:
            node.device_birth(number)
    time.sleep(3600)


def alarms(port: int, seconds: float) -> None:
    """Let every value of 500 fire panels begin or end an alarm, as fast as the broker takes it."""
    node = RawNode(port, GROUP, "alarming")
    node.birth()
    for number in range(_PANELS):
        node.panel_birth(number)
    print('{"event": "ready"}', flush=True)
    time.sleep(5)
    start, step = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        step += 1
        for number in range(_PANELS):
            node.fire(number, fire=step % 2 == 1)
            time.sleep(0.001)


def loop(port: int, seconds: float) -> None:
    """Be born again and again, with a device whose birth has nearly 1 MB."""
    node = RawNode(port, GROUP, "looping")
    print('{"event": "ready"}', flush=True)
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        node.birth()
        node.huge_birth()
        time.sleep(0.05)


def reconnect(port: int, seconds: float) -> None:
    """Connect, be born with 20 devices, and break the connection, every second."""
    print('{"event": "ready"}', flush=True)
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        node = RawNode(port, GROUP, "restless", dies=True)
        node.birth()
        for number in range(20):
            node.device_birth(number)
        time.sleep(1)
        node.close()


def storm(port: int, _seconds: float) -> None:
    """1,500 gateways that nobody knows send data and are born with a device when they are asked."""
    node = RawNode(port, GROUP, "storm")
    print('{"event": "ready"}', flush=True)
    for number in range(1_500):
        node.rename(f"node-{number}")
        node.data(0, 1)
    for number in range(1_500):
        node.rename(f"node-{number}")
        node.birth()
        node.device_birth(0)
    time.sleep(3600)


def backlog(port: int, seconds: float) -> None:
    """Replay hundreds of thousands of journaled values as fast as the broker takes them."""
    node = RawNode(port, GROUP, "returning")
    node.birth()
    for number in range(_FLOOD_DEVICES):
        node.device_birth(number)
    print('{"event": "ready"}', flush=True)
    time.sleep(2)
    start, step = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        node.history(step % _FLOOD_DEVICES, step)
        step += 1


def garbage(port: int, seconds: float) -> None:
    """Publish bytes that are no payload, of every kind, as fast as the broker takes them."""
    node = RawNode(port, GROUP, "garbled")
    node.birth()
    node.device_birth(0)
    random = Random(1)  # noqa: S311 (no secret)
    some = [random.randbytes(random.choice((3, 300, 30_000))) for _ in range(200)]
    print('{"event": "ready"}', flush=True)
    start, step = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        kind = ("DDATA", "DBIRTH", "NBIRTH", "NDEATH")[step % 4]
        node.publish(kind, some[step % 200], "/d0" if kind.startswith("D") else "")
        step += 1


def large(port: int, seconds: float) -> None:
    """Publish data of nearly 1 MB as fast as the broker takes them."""
    node = RawNode(port, GROUP, "verbose")
    node.birth()
    node.huge_birth()
    print('{"event": "ready"}', flush=True)
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        node.huge_data()


def restless(port: int, seconds: float) -> None:
    """Die and be born ten times a second, with 20 devices that describe themselves differently."""
    node = RawNode(port, GROUP, "changing")
    print('{"event": "ready"}', flush=True)
    start, step = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        step += 1
        node.birth()
        for number in range(20):
            node.device_birth(number, kind=("heating_pump", "lift")[step % 2])
        time.sleep(0.05)
        node.death()
        time.sleep(0.05)


NEIGHBOURS: dict[str, Callable[[int, float], None]] = {
    "flood": flood,
    "births": births,
    "alarms": alarms,
    "loop": loop,
    "reconnect": reconnect,
    "storm": storm,
    "backlog": backlog,
    "garbage": garbage,
    "large": large,
    "restless": restless,
}


if __name__ == "__main__":
    NEIGHBOURS[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]))
