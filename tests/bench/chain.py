"""A reading over the limit until its webhook has arrived, under 10,000 values a second."""

import asyncio
import base64
import secrets
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from plantroom.processes import Child, free_port, plantroom_command
from plantroom.receiver import Receiver
from tests.bench.measure import percentile
from tests.fakes.sparkplug_node import BOOLEAN, DOUBLE, STRING, PlainNode, Tag, now_ms
from tests.mosquitto import Mosquitto

# Fires: urgent messages leave at once, also in the flood that 200 alarms are.
TRIPS = 200
TRIP_EVERY_S = 0.1
LOAD_DEVICES = 100
LOAD_PERIOD_S = 0.2
TAGS = 20


def _load(node: PlainNode, stop: threading.Event, sent: list[int]) -> None:
    """Publish 100 devices x 20 values each 0.2 s until told to stop."""
    start = time.monotonic()
    step = 0
    while not stop.is_set():
        due = start + step * LOAD_PERIOD_S / LOAD_DEVICES
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        values = {f"voltage_{k}": 230.0 + (step + k) % 7 for k in range(TAGS)}
        node.data(f"meter-{step % LOAD_DEVICES}", values)
        sent.append(TAGS)
        step += 1


def _births(node: PlainNode) -> None:
    node.birth()
    for number in range(LOAD_DEVICES):
        tags = [Tag("Properties/Class", STRING, "electricity_meter")]
        tags += [Tag(f"voltage_{k}", DOUBLE, 230.0) for k in range(TAGS)]
        node.device_birth(f"meter-{number}", tags)
    for number in range(TRIPS):
        tags = [Tag("Properties/Class", STRING, "fire_panel"), Tag("fire", BOOLEAN, value=False)]
        node.device_birth(f"panel-{number}", tags)


async def _run(folder: Path) -> dict[str, Any]:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    (folder / "secret").write_text(secret)
    receiver = Receiver(secret, now_ms=now_ms)
    async with Mosquitto(folder / "broker") as broker, receiver:
        path = _server_file(folder, broker.port, receiver.url)
        server = Child(
            "server",
            plantroom_command("server", "run", str(path)),
            log=folder / "server.log",
            ready_event="server_ready",
        )
        async with server:
            with PlainNode(broker.port, group="bench", node="gw") as node:
                return await _trip(node, receiver)


async def _trip(node: PlainNode, receiver: Receiver) -> dict[str, Any]:
    _births(node)
    await asyncio.sleep(3)
    stop, sent = threading.Event(), list[int]()
    thread = threading.Thread(target=_load, args=(node, stop, sent), daemon=True)
    thread.start()
    await asyncio.sleep(2)
    started, before = time.monotonic(), len(sent)
    tripped_at: dict[str, int] = {}
    for number in range(TRIPS):
        tripped_at[f"bench/gw/panel-{number}"] = now_ms()
        node.data(f"panel-{number}", {"fire": True})
        await asyncio.sleep(TRIP_EVERY_S)
    rate = TAGS * (len(sent) - before) / (time.monotonic() - started)
    async with asyncio.timeout(30):
        while len(receiver.deliveries) < TRIPS:
            await asyncio.sleep(0.1)
    stop.set()
    thread.join()
    latencies = [
        float(delivery.at - tripped_at[delivery.body["data"]["incident"]["equipment_key"]])
        for delivery in receiver.deliveries
    ]
    return {
        "p50_ms": round(percentile(latencies, 50), 1),
        "p99_ms": round(percentile(latencies, 99), 1),
        "messages": len(receiver.deliveries),
        "values_per_s": round(rate),
    }


def _server_file(folder: Path, broker_port: int, url: str) -> Path:
    path = folder / "server.yaml"
    webhook = {"name": "bench", "url": url, "secret_file": "secret", "allow_private": True}
    settings = {
        "data_dir": "data",
        "mqtt": {"port": broker_port},
        "http": {"port": free_port()},
        "messages": {"webhooks": [webhook]},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def run() -> dict[str, Any]:
    """A reading over the limit until its webhook has arrived, under 10,000 values a second."""
    with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as folder:
        return asyncio.run(_run(Path(folder)))
