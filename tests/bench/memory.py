"""Resident memory of an agent with one port of each protocol, beside one with Modbus alone.

Readers of doors have a process of their own (ADR-43), which is told beside it.

Real lines (a pty, a socket) with a simulated device on each; what listens waits for its equipment.
"""

import asyncio
import os
import tempfile
import time
import tty
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from config.load import load_agent
from config.protocol import Protocol
from plantroom.processes import Child, free_port
from simulators.cjt188 import MeterSettings as FlowMeterSettings
from simulators.cjt188 import SimulatedMeter as FlowMeter
from simulators.cjt188 import meter_unit as flow_meter_unit
from simulators.counter import BenchDevice
from simulators.dlt645.meter import MeterSettings, SimulatedMeter
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.equipment.meter import ElectricityMeter
from simulators.line import LineTiming, Responder
from simulators.line_protocols import LineFraming, meter_unit
from simulators.mbus import SimulatedSlave
from simulators.modbus import ModbusServer
from simulators.osdp_reader import OsdpLine
from simulators.serial_line import SerialLine
from simulators.wire_settings import MbusSlave
from tests.bench.agent import agent_file
from tests.bench.installed import gateway_command
from tests.bench.measure import rss_mb
from tests.mosquitto import Mosquitto

SETTLED_S = 30.0
METER, WATER_METER, HEAT_METER = "201000000012", "78330011223344", "24110001"
READER_KEY = "000102030405060708090a0b0c0d0e0f"
EXTRAS = ("mbus", "osdp")
FLOATS = 20


def _name(text: str) -> dict[str, str]:
    return {"en": text, "zh": "设备"}


@asynccontextmanager
async def _equipment(folder: Path) -> AsyncGenerator[dict[str, str | int]]:
    """Run a device on each wire; yields where they are."""
    started_s = time.time()
    meter = SimulatedMeter(
        "meter",
        equipment=ElectricityMeter(seed=1, started_s=started_s),
        settings=MeterSettings(METER),
        started_s=started_s,
    )
    water = FlowMeter(
        "water",
        equipment=WaterMeter(seed=1, started_s=started_s),
        settings=FlowMeterSettings(0x10, WATER_METER),
        started_s=started_s,
    )
    heat = MbusSlave(identification=HEAT_METER)
    slave = SimulatedSlave(
        "heat",
        equipment=HeatMeter(seed=1, started_s=started_s),
        settings=heat.settings(),
        started_s=started_s,
    )
    lines: Mapping[str, tuple[LineFraming, dict[int, Responder]]] = {
        "rtu": ("rtu", {1: BenchDevice(floats=FLOATS)}),
        "dlt645": ("dlt645", {meter_unit(METER): meter}),
        "cjt188": ("cjt188", {flow_meter_unit(0x10, WATER_METER): water}),
        "mbus": ("mbus", {heat.number: slave}),
    }
    async with AsyncExitStack() as stack:
        for name, (framing, units) in lines.items():
            timing = LineTiming(baud=9600 if framing == "rtu" else 2400, turnaround_s=0.02)
            line = SerialLine(units, path=folder / name, timing=timing, framing=framing)
            await stack.enter_async_context(line)
        tcp = await stack.enter_async_context(ModbusServer({1: BenchDevice(floats=FLOATS)}))
        readers = OsdpLine(folder / "osdp", {1: bytes.fromhex(READER_KEY)})
        await stack.enter_async_context(readers)
        panel, far = os.openpty()
        tty.setraw(far)
        stack.callback(os.close, panel)
        stack.callback(os.close, far)
        yield {"tcp": tcp.port, "panel": os.ttyname(far)}


def _with_each_protocol(folder: Path, places: Mapping[str, Any]) -> dict[str, Any]:
    """Return ports and devices: one port of each protocol."""
    floats = agent_file([places["tcp"]], 0, period_s=1.0)["devices"]["d0"]
    line = {"parity": "N"}  # a pty refuses another
    keys = folder / "keys"
    keys.write_text(f"1 {READER_KEY}\n")
    keys.chmod(0o600)
    doors = {"device": str(folder / "osdp"), "key_file": str(keys), "readers": {1: {}}}
    ports = {
        "tcp": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": places["tcp"]},
        "rtu": {"kind": "modbus_rtu", "device": str(folder / "rtu"), **line},
        "dlt645": {"kind": "dlt645", "device": str(folder / "dlt645"), **line},
        "cjt188": {"kind": "cjt188", "device": str(folder / "cjt188"), **line},
        "mbus": {"kind": "mbus", "device": str(folder / "mbus"), **line},
        "doors": {"kind": "osdp", **doors},
        "network": {"kind": "reachability"},
        "fire": {"kind": "gb26875_tcp", "host": "127.0.0.1", "port": free_port()},
        "panel": {"kind": "fire_panel", "format": "gst200", "device": places["panel"], **line},
    }
    devices = {
        "tcp-1": {**floats, "port": "tcp"},
        "rtu-1": {**floats, "port": "rtu", "period_s": 5.0},
        "meter-1": {"port": "dlt645", "meter": METER, "profile": "dlt645-single-phase"},
        "water-1": {"port": "cjt188", "meter": WATER_METER, "profile": "cjt188-water"},
        "heat-1": {"port": "mbus", "meter": HEAT_METER, "profile": "mbus-heat"},
        "door-1": {"port": "doors", "unit": 1, "profile": "osdp-door"},
        "camera-1": {"port": "network", "host": "127.0.0.1", "profile": "network-camera"},
        "fire-1": {"port": "fire", "source": 889},
        "fire-2": {"port": "panel"},
    }
    named = {name: {"name": _name(name), **one} for name, one in devices.items()}
    return {"ports": ports, "devices": named}


async def _rss_mb(
    folder: Path, name: str, content: Mapping[str, Any], extras: Sequence[str] = ()
) -> float:
    """Run an agent until it has settled; returns its resident memory, without its children's."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**content, "journal": {"path": f"{name}.db"}}))
    command = [*gateway_command(folder / f"{name}.env", extras), "agent", "run", str(path)]
    log = folder / f"{name}.log"
    async with Child(name, command, log=log, ready_event="agent_ready") as agent:
        await asyncio.sleep(SETTLED_S)
        down = [row for row in agent.tail.splitlines() if "_down" in row]
        if down:
            raise AssertionError(f"{name}: not all ports work:\n" + "\n".join(down))
        return round(rss_mb(agent.pid), 1)


async def _run(folder: Path) -> dict[str, Any]:
    async with Mosquitto(folder / "broker") as broker, _equipment(folder) as places:
        modbus = agent_file([places["tcp"]], broker.port, period_s=1.0)  # type: ignore[list-item]
        every = {**modbus, **_with_each_protocol(folder, places)}
        alone_mb = await _rss_mb(folder, "modbus", modbus)
        each_mb = await _rss_mb(folder, "each", every, EXTRAS)
        spoken = {one.protocol for one in load_agent(folder / "each.yaml").devices.values()}
    return {
        "modbus_tcp_rss_mb": alone_mb,
        "each_protocol_rss_mb": each_mb,
        "protocols": sorted(spoken),
        "not_measured": sorted(set(Protocol) - spoken),
    }


def run() -> dict[str, Any]:
    """Resident memory of an agent with one port of each protocol."""
    with tempfile.TemporaryDirectory(prefix="plantroom-memory-") as folder:
        return asyncio.run(_run(Path(folder)))
