"""A reading over the limit until its webhook has arrived, under 10,000 values a second.

Three rounds of 200 fire alarms at random moments; the load comes from a process of its own. The
disk of a shared machine stands still now and then, so the figures are medians of the rounds; each
round's and the worst of all alarms stand beside them. The load:
``python -m tests.bench.chain PORT [PERIOD_S]``.
"""

import asyncio
import base64
import secrets
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import yaml

from plantroom.processes import Child, free_port, init_server, plantroom_command
from plantroom.receiver import Receiver
from tests.bench.measure import percentile
from tests.fakes.sparkplug_node import BOOLEAN, DOUBLE, STRING, PlainNode, Tag, now_ms
from tests.mosquitto import Mosquitto

# Fires: urgent messages leave at once, also in the flood that 200 alarms are.
ROUNDS, TRIPS = 3, 200
TRIP_EVERY_S = (0.05, 0.15)
LOAD_DEVICES = 100
LOAD_PERIOD_S = 0.2
TAGS = 20
REPORT_EVERY = 500


def load(port: int, period_s: float = LOAD_PERIOD_S) -> None:
    """Publish 100 devices x 20 values each period until killed; print how many it were."""
    with PlainNode(port, group="bench", node="load") as node:
        node.birth()
        for number in range(LOAD_DEVICES):
            tags = [Tag("Properties/Class", STRING, "electricity_meter")]
            tags += [Tag(f"voltage_{k}", DOUBLE, 230.0) for k in range(TAGS)]
            node.device_birth(f"meter-{number}", tags)
        print('{"event": "ready"}', flush=True)
        start, step = time.monotonic(), 0
        while True:
            due = start + step * period_s / LOAD_DEVICES
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            values = {f"voltage_{k}": 230.0 + (step + k) % 7 for k in range(TAGS)}
            node.data(f"meter-{step % LOAD_DEVICES}", values)
            step += 1
            if step % REPORT_EVERY == 0:
                rate = TAGS * step / (time.monotonic() - start)
                print(f'{{"event": "load", "values_per_s": {rate:.0f}}}', flush=True)


async def _run(folder: Path) -> dict[str, Any]:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    (folder / "secret").write_text(secret)
    receiver = Receiver(secret, now_ms=now_ms)
    async with Mosquitto(folder / "broker") as broker, receiver:
        path = _server_file(folder, broker.port, receiver.url)
        (folder / "password").write_text("correct horse battery")
        await init_server(
            path,
            user="admin",
            password_file=folder / "password",
            log=folder / "init.log",
        )
        server = Child(
            "server",
            plantroom_command("server", "run", str(path)),
            log=folder / "server.log",
            ready_event="server_ready",
        )
        command = [sys.executable, "-m", "tests.bench.chain", str(broker.port)]
        generator = Child("load", command, log=folder / "load.log", ready_event="ready")
        async with server, generator:
            with PlainNode(broker.port, group="bench", node="gw") as node:
                return await _trip(node, receiver, generator)


async def _trip(node: PlainNode, receiver: Receiver, generator: Child) -> dict[str, Any]:
    node.birth()
    for number in range(ROUNDS * TRIPS):
        tags = [Tag("Properties/Class", STRING, "fire_panel"), Tag("fire", BOOLEAN, value=False)]
        node.device_birth(f"panel-{number}", tags)
    # Not all of 700 new devices are registered by then: that is part of the first round.
    await asyncio.sleep(5)
    random = Random(1)  # noqa: S311 (moments, not a secret)
    tripped_at: dict[str, int] = {}
    for number in range(ROUNDS * TRIPS):
        tripped_at[f"bench/gw/panel-{number}"] = now_ms()
        node.data(f"panel-{number}", {"fire": True})
        await asyncio.sleep(random.uniform(*TRIP_EVERY_S))
    async with asyncio.timeout(30):
        while not tripped_at.keys() <= _arrived(receiver).keys():
            await asyncio.sleep(0.1)
    arrived_at = _arrived(receiver)
    latencies = [float(arrived_at[key] - at) for key, at in tripped_at.items()]
    rounds = [latencies[start : start + TRIPS] for start in range(0, len(latencies), TRIPS)]
    return {
        "p50_ms": round(median(percentile(one, 50) for one in rounds), 1),
        "p99_ms": round(median(percentile(one, 99) for one in rounds), 1),
        "p99_ms_of_rounds": [round(percentile(one, 99), 1) for one in rounds],
        "worst_ms": max(latencies),
        "messages": len(receiver.deliveries),
        "values_per_s": _reported(generator),
    }


def _arrived(receiver: Receiver) -> dict[str, int]:
    """When the first message about each equipment arrived, UTC ms."""
    arrived: dict[str, int] = {}
    for delivery in receiver.deliveries:
        # The digest of the flood that all this is has no incident.
        incident = delivery.body["data"].get("incident", {})
        arrived.setdefault(incident.get("equipment_key", ""), delivery.at)
    return arrived


def _reported(generator: Child) -> int:
    said = [line for line in generator.tail.splitlines() if "values_per_s" in line]
    return round(float(yaml.safe_load(said[-1])["values_per_s"]))


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


if __name__ == "__main__":
    load(int(sys.argv[1]), *map(float, sys.argv[2:]))
