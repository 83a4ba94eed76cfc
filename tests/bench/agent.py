"""50 devices x 20 float32 @ 1 s: what the agent costs, beside a bare poller in the same run."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from plantroom.processes import Child, plantroom_command
from tests.bench.measure import cpu_s, percentile, rss_mb
from tests.bench.subscriber import Subscriber
from tests.mosquitto import Mosquitto

DEVICES = 50
WARM_UP_S = 6
MEASURED_S = 30


def agent_file(ports: list[int], broker: int, *, period_s: float) -> dict[str, Any]:
    """Return an agent file that polls 20 float32 of one device on each port."""
    points = {
        f"v{number}": {
            "table": "holding",
            "address": 2 * number,
            "type": "float32",
            "report_all": True,
        }
        for number in range(20)
    }
    return {
        "site": "bench",
        "gateway": "gw",
        "mqtt": {"host": "127.0.0.1", "port": broker},
        "status": {"port": 0},
        "ports": {
            f"p{number}": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": port}
            for number, port in enumerate(ports)
        },
        "devices": {
            f"d{number}": {
                "port": f"p{number}",
                "unit": 1,
                "class": "electricity_meter",
                "name": {"en": f"Device {number}", "zh": f"设备 {number}"},
                "period_s": period_s,
                "points": points,
            }
            for number in range(len(ports))
        },
    }


async def _measure(child: Child, subscriber: Subscriber) -> dict[str, float]:
    await asyncio.sleep(WARM_UP_S)
    subscriber.recording = True
    before = cpu_s(child.pid)
    await asyncio.sleep(MEASURED_S)
    spent = cpu_s(child.pid) - before
    subscriber.recording = False
    values = subscriber.values
    return {
        "values_per_s": round(values / MEASURED_S, 1),
        "cpu_s_per_1000_values": round(1000 * spent / values, 4) if values else float("nan"),
        "rss_mb": round(rss_mb(child.pid), 1),
        "read_to_publish_p99_ms": round(percentile(subscriber.latencies_ms, 99), 1),
        "period_p99_s": round(percentile(subscriber.periods_s(), 99), 3),
    }


async def _run(folder: Path) -> dict[str, Any]:
    simulator = Child(
        "simulator",
        plantroom_command("simulate", "bench", "--devices", str(DEVICES), "--base-port", "0"),
        log=folder / "simulator.log",
        ready_event="ready",
    )
    async with Mosquitto(folder / "broker") as broker, simulator:
        ports = simulator.ready["ports"]
        path = folder / "agent.yaml"
        path.write_text(yaml.safe_dump(agent_file(ports, broker.port, period_s=1.0)))
        agent = Child(
            "agent",
            plantroom_command("agent", "run", str(path)),
            log=folder / "agent.log",
            ready_event="agent_ready",
        )
        subscriber = Subscriber(broker.port, "spBv1.0/bench/DDATA/#")
        async with agent:
            ours = await _measure(agent, subscriber)
        subscriber.close()
        polled = [",".join(map(str, ports)), "1.0"]
        bare = Child(
            "bare",
            [sys.executable, "-m", "tests.bench.bare_poller", str(broker.port), *polled],
            log=folder / "bare.log",
        )
        subscriber = Subscriber(broker.port, "bare/#")
        async with bare:
            floor = await _measure(bare, subscriber)
        subscriber.close()
    return {
        **ours,
        "bare_cpu_s_per_1000_values": floor["cpu_s_per_1000_values"],
        "cpu_ratio_to_bare": round(
            ours["cpu_s_per_1000_values"] / floor["cpu_s_per_1000_values"], 2
        ),
        "bare": floor,
    }


def run() -> dict[str, Any]:
    """Measure and return the figures."""
    with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as folder:
        return asyncio.run(_run(Path(folder)))
