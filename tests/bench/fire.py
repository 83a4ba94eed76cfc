"""A fire at a panel until the webhook with its place has arrived, through all real processes.

Panels behind transmission devices of their own (GB/T 26875.3 over TCP) and panels that print on
serial lines of the gateway, one fire each, at random moments. Timed from the last byte that the
equipment writes.
"""

import asyncio
import base64
import secrets
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import yaml

from plantroom.processes import Child, free_port, init_server, plantroom_command
from plantroom.receiver import Receiver
from simulators.fire_panel import FirePanel
from simulators.panel_formats import FORMATS
from simulators.transmission_device import DeviceSettings, TransmissionDevice
from tests.bench.measure import percentile
from tests.fakes.sparkplug_node import now_ms
from tests.mosquitto import Mosquitto

FIRES, LINES = 100, 20
FIRE_EVERY_S = (0.05, 0.15)
_FIRE = 3
_PATIENCE_S = 60


class _Site:
    """A server and a gateway with so many panels; everything ends with ``stack``."""

    def __init__(self, folder: Path, *, devices: int, lines: int) -> None:
        self.folder = folder
        self.port = free_port()
        self.devices = [
            TransmissionDevice(DeviceSettings("127.0.0.1", self.port, 1 + number))
            for number in range(devices)
        ]
        self.panels = [
            FirePanel(folder / f"line-{number}", FORMATS["tx3004"]()) for number in range(lines)
        ]
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        (folder / "secret").write_text(secret)
        self.receiver = Receiver(secret, now_ms=now_ms)

    async def enter(self, stack: AsyncExitStack) -> None:
        """Start all processes and connect all panels."""
        broker = await stack.enter_async_context(Mosquitto(self.folder / "broker"))
        await stack.enter_async_context(self.receiver)
        server = self._server_file(broker.port)
        (self.folder / "password").write_text("correct horse battery")
        await init_server(
            server,
            user="admin",
            password_file=self.folder / "password",
            log=self.folder / "init.log",
        )
        for panel in self.panels:
            await stack.enter_async_context(panel)
        agent = self._agent_file(broker.port)
        await stack.enter_async_context(self._child("server", "server_ready", server))
        await stack.enter_async_context(self._child("agent", "agent_ready", agent))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = [tasks.create_task(device.run()) for device in self.devices]
        stack.callback(lambda: [task.cancel() for task in running])
        async with asyncio.timeout(_PATIENCE_S):
            while not all(device.counts["asked_90"] for device in self.devices):
                await asyncio.sleep(0.1)

    def _child(self, name: str, ready: str, file: Path) -> Child:
        command = plantroom_command(name, "run", str(file))
        return Child(name, command, log=self.folder / f"{name}.log", ready_event=ready)

    def _server_file(self, broker_port: int) -> Path:
        path = self.folder / "server.yaml"
        url = self.receiver.url
        webhook = {"name": "bench", "url": url, "secret_file": "secret", "allow_private": True}
        settings = {
            "data_dir": "data",
            "mqtt": {"port": broker_port},
            "http": {"port": free_port()},
            "messages": {"webhooks": [webhook]},
        }
        path.write_text(yaml.safe_dump(settings))
        return path

    def _agent_file(self, broker_port: int) -> Path:
        path = self.folder / "agent.yaml"
        ports: dict[str, Any] = {
            "fire": {"kind": "gb26875_tcp", "host": "127.0.0.1", "port": self.port}
        }
        devices: dict[str, Any] = {
            f"panel-{one}": {"port": "fire", "source": 1 + one, "name": _named(f"Panel {one}")}
            for one in range(len(self.devices))
        }
        for one, panel in enumerate(self.panels):
            port = {"kind": "fire_panel", "format": "tx3004", "device": str(panel.path)}
            ports[f"line-{one}"] = port
            devices[f"printer-{one}"] = {"port": f"line-{one}", "name": _named(f"Printer {one}")}
        settings = {
            "site": "bench",
            "gateway": "gw",
            "mqtt": {"port": broker_port},
            "status": {"port": 0},
            "uplink": {"clock_grace_s": 0},
            "ports": ports,
            "devices": devices,
        }
        path.write_text(yaml.safe_dump(settings, allow_unicode=True))
        return path


async def measure(folder: Path, *, devices: int, lines: int) -> dict[str, list[float]]:
    """Return how long each fire took to its message, ms, by ``tcp`` and ``line``.

    Raises:
        AssertionError: A message lacks the place of its fire.
        TimeoutError: A message does not come.
    """
    site = _Site(folder, devices=devices, lines=lines)
    async with AsyncExitStack() as stack:
        await site.enter(stack)
        await asyncio.sleep(5)  # until the server has registered them all
        began = {
            kind: await _burn(fires, site.receiver)
            for kind, fires in (("tcp", _tcp_fires(site)), ("line", _line_fires(site)))
        }
        arrived = _arrived(site.receiver)
        return {
            kind: [float(arrived[key] - at) for key, at in fires.items()]
            for kind, fires in began.items()
        }


def _tcp_fires(site: _Site) -> dict[str, Callable[[], object]]:
    def burning(device: TransmissionDevice, number: int) -> Callable[[], object]:
        return lambda: device.show(_FIRE, (10, 2, f"room {number}"))

    return {f"bench/gw/panel-{one}": burning(each, one) for one, each in enumerate(site.devices)}


def _line_fires(site: _Site) -> dict[str, Callable[[], object]]:
    def burning(panel: FirePanel) -> Callable[[], object]:
        return lambda: panel.obey(b'{"do": "fire", "loop": 2, "point": 17}')

    return {f"bench/gw/printer-{one}": burning(each) for one, each in enumerate(site.panels)}


async def _burn(fires: dict[str, Callable[[], object]], receiver: Receiver) -> dict[str, int]:
    """Begin the fires one after the other; returns when each began, UTC ms."""
    random = Random(1)  # noqa: S311 (moments, not a secret)
    began: dict[str, int] = {}
    for key, begin in fires.items():
        began[key] = now_ms()
        begin()
        await asyncio.sleep(random.uniform(*FIRE_EVERY_S))
    async with asyncio.timeout(_PATIENCE_S):
        while not began.keys() <= _arrived(receiver).keys():
            await asyncio.sleep(0.1)
    return began


def _arrived(receiver: Receiver) -> dict[str, int]:
    """When the first message about the fire of each equipment arrived, UTC ms."""
    arrived: dict[str, int] = {}
    for delivery in receiver.deliveries:
        # The digest of the flood that all this is has no incident.
        key = delivery.body["data"].get("incident", {}).get("equipment_key", "")
        text = str(delivery.body)
        if not key or key in arrived or "fire_panel.fire" not in text:
            continue
        number = key.rpartition("-")[2]
        place = f"room {number}" if "panel-" in key else "17号"
        assert place in text, f"{key}: a message without its place: {text}"
        arrived[key] = delivery.at
    return arrived


def _named(name: str) -> dict[str, str]:
    return {"en": name, "zh": name}


def run() -> dict[str, Any]:
    """A fire at a panel until the webhook with its place has arrived."""
    with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as folder:
        took = asyncio.run(measure(Path(folder), devices=FIRES, lines=LINES))
    return {
        f"{kind}_{name}_ms": round(percentile(times, percent), 1)
        for kind, times in took.items()
        for name, percent in (("p50", 50), ("p99", 99))
    } | {f"{kind}_worst_ms": max(times) for kind, times in took.items()}
