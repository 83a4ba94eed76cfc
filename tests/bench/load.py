"""``make bench-load``: a reading over the limit until its webhook, beside readers and neighbours.

One case is one server of its own. Each gives ``<case>_p50_ms``, ``<case>_p99_ms``,
``<case>_worst_ms``, ``<case>_alarms`` and ``<case>_lost``, and what else it has to say. The p99 of
the cases ``idle`` and ``loaded`` is the median of three rounds, as in ``chain``: the disk of a
shared machine stands still now and then (``<case>_disk_still_ms`` is the longest).
``python -m tests.bench load [CASE ...]`` runs the named cases only.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.load_hostile import HOSTILE
from tests.bench.load_ingest import beside, births, flood
from tests.bench.load_readers import hostile, idle, loaded
from tests.bench.load_site import Outcome
from tests.bench.measure import machine, percentile
from tests.chaos.disk import watched_disk

Case = Callable[[Path], Awaitable[Outcome]]

CASES: dict[str, Case] = {
    "idle": idle,
    "loaded": loaded,
    "flood": flood,
    "births": births,
}
# Run when they are named.
FURTHER: dict[str, Case] = {
    **{
        name: partial(beside, name)
        for name in (
            *("alarms", "loop", "reconnect", "storm"),
            *("backlog", "garbage", "large", "restless"),
        )
    },
    **{name: partial(hostile, name) for name in HOSTILE},
}
KNOWN = CASES | FURTHER


def run(names: Sequence[str] = ()) -> dict[str, Any]:
    """Reading to webhook with nothing else, beside readers, a flooding gateway, first births."""
    figures: dict[str, Any] = {"machine": machine()}
    for name in names or CASES:
        with tempfile.TemporaryDirectory(prefix="plantroom-load-") as folder:
            outcome = asyncio.run(_run(KNOWN[name], Path(folder)))
        figures |= {f"{name}_{key}": value for key, value in _figures(outcome).items()}
    return figures


async def _run(case: Case, folder: Path) -> Outcome:
    still: list[tuple[int, int]] = []
    async with watched_disk(folder, still):
        outcome = await case(folder)
    longest = max((ended - began for began, ended in still), default=0)
    return outcome._replace(more={**outcome.more, "disk_still_ms": longest})


def _figures(outcome: Outcome) -> dict[str, Any]:
    latencies = outcome.latencies
    size = max(1, -(-len(latencies) // outcome.rounds))
    rounds = [latencies[start : start + size] for start in range(0, len(latencies), size)]
    worst = [round(percentile(one, 99), 1) for one in rounds]
    figures: dict[str, Any] = {
        "p50_ms": round(percentile(latencies, 50), 1),
        "p99_ms": round(median(worst or [0.0]), 1),
        "worst_ms": max(latencies, default=0.0),
        "alarms": len(latencies) + outcome.lost,
        "lost": outcome.lost,
    }
    if outcome.rounds > 1:
        figures["p99_ms_of_rounds"] = worst
    return figures | outcome.more
