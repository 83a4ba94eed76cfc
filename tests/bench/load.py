"""``make bench-load``: a reading over the limit until its webhook, beside readers and neighbours.

One case is one server of its own. Each gives ``<case>_p50_ms``, ``<case>_p99_ms``,
``<case>_worst_ms``, ``<case>_alarms`` and ``<case>_lost``, and what else it has to say.
``python -m tests.bench load [CASE ...]`` runs the named cases only.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.load_ingest import beside, births, flood
from tests.bench.load_readers import idle, loaded, pages
from tests.bench.load_site import Outcome
from tests.bench.measure import machine, percentile

Case = Callable[[Path], Awaitable[Outcome]]

CASES: dict[str, Case] = {
    "idle": idle,
    "loaded": loaded,
    "flood": flood,
    "births": births,
    "pages": pages,
}
# Run when they are named.
FURTHER: dict[str, Case] = {
    name: partial(beside, name) for name in ("alarms", "loop", "reconnect", "storm")
}


def run(names: Sequence[str] = ()) -> dict[str, Any]:
    """Reading to webhook with nothing else, beside readers, a flooding gateway, first births."""
    figures: dict[str, Any] = {"machine": machine()}
    for name in names or CASES:
        with tempfile.TemporaryDirectory(prefix="plantroom-load-") as folder:
            outcome = asyncio.run(_run((CASES | FURTHER)[name], Path(folder)))
        figures |= {f"{name}_{key}": value for key, value in _figures(outcome).items()}
    return figures


async def _run(case: Case, folder: Path) -> Outcome:
    return await case(folder)


def _figures(outcome: Outcome) -> dict[str, Any]:
    latencies = outcome.latencies
    return {
        "p50_ms": round(percentile(latencies, 50), 1),
        "p99_ms": round(percentile(latencies, 99), 1),
        "worst_ms": max(latencies, default=0.0),
        "alarms": len(latencies) + outcome.lost,
        "lost": outcome.lost,
        **outcome.more,
    }
