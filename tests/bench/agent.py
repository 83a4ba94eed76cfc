"""50 devices x 20 float32 @ 1 s: what the agent costs, beside a bare poller in the same run.

The two take turns and the figures are medians of their turns: a neighbour's minute is not ours.
Then the same devices @ 0.1 s, and one device as fast as it can.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from plantroom.processes import Child, plantroom_command
from tests.bench.installed import gateway_command
from tests.bench.measure import cpu_s, percentile, rss_mb
from tests.bench.subscriber import Subscriber
from tests.mosquitto import Mosquitto

DEVICES = 50
WARM_UP_S = 6
MEASURED_S = 30
TURNS = 3
BACK_TO_BACK_S = 0.0001


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
        "uplink": {"clock_grace_s": 0},
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


_numbers = count()


@cache
def _gateway(folder: Path) -> list[str]:
    return gateway_command(folder)


@asynccontextmanager
async def _agent(
    folder: Path, ports: list[int], broker: int, *, period_s: float
) -> AsyncGenerator[Child]:
    name = f"agent-{next(_numbers)}"
    path = folder / f"{name}.yaml"
    settings = agent_file(ports, broker, period_s=period_s)
    settings["journal"] = {"path": f"{name}.db"}
    path.write_text(yaml.safe_dump(settings))
    command = [*_gateway(folder / "gateway"), "agent", "run", str(path)]
    log = folder / f"{name}.log"
    async with Child("agent", command, log=log, ready_event="agent_ready") as child:
        yield child


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


async def _of_agent(
    folder: Path, ports: list[int], broker: int, *, period_s: float
) -> dict[str, float]:
    subscriber = Subscriber(broker, "spBv1.0/bench/DDATA/#")
    try:
        async with _agent(folder, ports, broker, period_s=period_s) as agent:
            figures = await _measure(agent, subscriber)
    finally:
        subscriber.close()
    messages = sum(map(len, subscriber.counts.values()))
    return {
        **figures,
        "cores": round(figures["cpu_s_per_1000_values"] * figures["values_per_s"] / 1000, 2),
        "reads_per_s": round(messages / MEASURED_S, 1),
        "reads_lost_or_doubled": subscriber.reads_lost_or_doubled(),
    }


async def _of_bare(folder: Path, ports: list[int], broker: int) -> dict[str, float]:
    polled = [",".join(map(str, ports)), "1.0"]
    command = [sys.executable, "-m", "tests.bench.bare_poller", str(broker), *polled]
    subscriber = Subscriber(broker, "bare/#")
    try:
        async with Child("bare", command, log=folder / "bare.log") as bare:
            return await _measure(bare, subscriber)
    finally:
        subscriber.close()


async def _run(folder: Path) -> dict[str, Any]:
    simulator = Child(
        "simulator",
        plantroom_command("simulate", "bench", "--devices", str(DEVICES), "--base-port", "0"),
        log=folder / "simulator.log",
        ready_event="ready",
    )
    async with Mosquitto(folder / "broker") as broker, simulator:
        ports = simulator.ready["ports"]
        turns = [
            (
                await _of_agent(folder, ports, broker.port, period_s=1.0),
                await _of_bare(folder, ports, broker.port),
            )
            for _ in range(TURNS)
        ]
        ours, floor = (_medians(one) for one in zip(*turns, strict=True))
        fast = await _of_agent(folder, ports, broker.port, period_s=0.1)
        one = await _of_agent(folder, ports[:1], broker.port, period_s=BACK_TO_BACK_S)
    return {
        **ours,
        "bare_cpu_s_per_1000_values": floor["cpu_s_per_1000_values"],
        "cpu_ratio_to_bare": round(
            ours["cpu_s_per_1000_values"] / floor["cpu_s_per_1000_values"], 2
        ),
        "fast_values_per_s": fast["values_per_s"],
        "fast_cores": fast["cores"],
        "fast_read_to_publish_p99_ms": fast["read_to_publish_p99_ms"],
        "fast_reads_lost_or_doubled": fast["reads_lost_or_doubled"],
        "one_device_reads_per_s": one["reads_per_s"],
        "one_device_reads_lost_or_doubled": one["reads_lost_or_doubled"],
        "one_device_read_to_publish_p99_ms": one["read_to_publish_p99_ms"],
        "one_device_cores": one["cores"],
        "bare": floor,
    }


def _medians(turns: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure; what was lost or doubled in all turns together."""
    summed = {"reads_lost_or_doubled"}
    return {
        name: (sum if name in summed else median)(one[name] for one in turns) for name in turns[0]
    }


def run() -> dict[str, Any]:
    """CPU, memory and latency at 1,000 and 10,000 values/s; one device back to back."""
    with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as folder:
        return asyncio.run(_run(Path(folder)))
