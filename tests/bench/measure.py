"""What the benchmarks share: CPU and memory of a process, percentiles, the machine."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
RESULTS = Path(".bench")


def cpu_s(pid: int) -> float:
    """User plus system seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Resident memory of a process, megabytes of 1,048,576 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(values: Sequence[float], percent: int) -> float:
    """The ``percent`` percentile; 0 for no values."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def machine() -> str:
    """One line about the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def save(name: str, figures: dict[str, Any]) -> None:
    """Write ``.bench/<name>.json``."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
