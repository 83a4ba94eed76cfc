"""``make bench-shards``: what a value costs when one, two or four processes ingest.

Four sites send the same values as fast as they are acknowledged; each belongs to another one of
four shards. What counts is CPU for a million values, which a busy machine changes little; values
per second say something on a machine only that has a core for each process.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import flood
from tests.bench.measure import cpu_s
from tests.e2e.divided import divided_house, site_of

SHARDS = (1, 2, 4)
_SETTLE_S, _IDLE_S = 20.0, 10.0
_SITES = 4
_MESSAGES = 10_000
"""Of each site; twenty values in each."""


def run() -> dict[str, Any]:
    """CPU s for a million values with 1, 2 and 4 ingest shards."""
    figures: dict[str, Any] = {}
    for count in SHARDS:
        found = asyncio.run(_run(count, _MESSAGES))
        figures |= {f"{count}_shards_{name}": value for name, value in found.items()}
    return figures


async def _run(count: int, messages: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with divided_house(Path(folder), shards=count, apis=0) as house:
            ours = [child.pid for child in house.shards]
            pids = [*ours, *house.others.values()]
            idle = await _idle(pids)
            before = {pid: cpu_s(pid) for pid in pids}
            began = time.perf_counter()
            floods = [
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.bench.flood"),
                    *(str(house.port), str(messages), site_of(number, _SITES)),
                )
                for number in range(1, _SITES + 1)
            ]
            statuses = [await one.wait() for one in floods]
            elapsed_s = time.perf_counter() - began
            used = {pid: cpu_s(pid) - before[pid] - idle[pid] * elapsed_s for pid in pids}
    assert statuses == [0] * _SITES
    values = _SITES * messages * flood.POINTS
    per_million = {pid: seconds / values * 1e6 for pid, seconds in used.items()}
    of_others = {
        f"{name}_cpu_s_per_million": round(per_million[pid], 2)
        for name, pid in house.others.items()
    }
    return {
        "cpu_s_per_million": round(sum(per_million[pid] for pid in ours), 2),
        "largest_part_cpu_s_per_million": round(max(per_million[pid] for pid in ours), 2),
        **of_others,
        "idle_cores": round(sum(idle[pid] for pid in ours), 3),
        "values_per_s": round(values / elapsed_s),
        "values": values,
    }


async def _idle(pids: list[int]) -> dict[int, float]:
    """CPU that each process takes a second while nothing is sent: no part of a value's price."""
    await asyncio.sleep(_SETTLE_S)
    before = {pid: cpu_s(pid) for pid in pids}
    began = time.perf_counter()
    await asyncio.sleep(_IDLE_S)
    elapsed_s = time.perf_counter() - began
    return {pid: (cpu_s(pid) - before[pid]) / elapsed_s for pid in pids}
