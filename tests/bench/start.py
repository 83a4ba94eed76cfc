"""A server starts on embedded defaults: how long it takes, its CPU, and that of a new reader."""

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.load_readers import pids
from tests.bench.load_site import Site
from tests.bench.measure import cpu_s

ROUNDS = 5


async def _once(folder: Path) -> dict[str, float]:
    async with Site(folder) as site:
        await site.server.stop()
        began = time.monotonic()
        await site.server.start()
        ready_s = time.monotonic() - began
        started = pids(site)
        spent = {name: cpu_s(pid) for name, pid in started.items()}
        os.kill(started["reader"], signal.SIGKILL)
        began = time.monotonic()
        await site.get("/readyz")  # who connects meanwhile waits
        return {
            "ready_s": ready_s,
            "cpu_s": sum(spent.values()),
            "server_cpu_s": spent["server"],
            "reader_cpu_s": spent["reader"],
            "reader_replaced_s": time.monotonic() - began,
        }


def run() -> dict[str, Any]:
    """Seconds and CPU of a server's start, and seconds until a killed reader is replaced."""
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as folder:
            rounds.append(asyncio.run(_once(Path(folder))))
    return {name: round(median(one[name] for one in rounds), 2) for name in rounds[0]}
