"""A peer on the lines of ``bus``: how often modpoll asks the healthy units.

Not part of any benchmark run, because modpoll is no dependency of ours. With modpoll 1.6 and
pyserial in a virtual environment elsewhere: ``python -m tests.bench.bus_peer /path/to/modpoll``.
"""

import asyncio
import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from plantroom.processes import Child
from tests.bench.bus import CASES, Case, line_command
from tests.bench.measure import percentile

SECONDS = 180.0
# With its own defaults (3 s, 0.5 s between two questions) modpoll does worse: the fair setting.
EXTRA = ("--interval", "0", "--timeout", "1")
PEER_CASES = ("all_alive", "one_dead", "three_dead", "tcp_dead")


def point_table(case: Case) -> str:
    """Return what modpoll asks: ten registers of each unit."""
    rows: list[str] = []
    for unit in range(1, case.units + 1):
        rows += [f"device,meter{unit},{unit},,", "poll,holding_register,0,10,BE_BE"]
        rows += [f"ref,m{unit}r{number},{number},uint16,r" for number in range(10)]
    return "\n".join(rows) + "\n"


async def _asked(modpoll: str, name: str, folder: Path) -> Path:
    """Let modpoll poll one case; returns the account of the far end."""
    case = CASES[name]
    path, asked, table = (folder / f"{name}.{end}" for end in ("tty", "json", "csv"))
    table.write_text(point_table(case))
    told: dict[str, Any] = {
        "units": case.units,
        "faults": {str(number): dict(fault) for number, fault in case.faults.items()},
        "path": "" if case.tcp else str(path),
        "asked": str(asked),
    }
    log = folder / f"{name}.log"
    async with Child("line", line_command(told), log=log, ready_event="ready") as line:
        where = (
            ["--tcp", "127.0.0.1", "--tcp-port", str(line.ready["port"])]
            if case.tcp
            else ["--serial", str(path), "--serial-baud", "9600"]
        )
        options = ["-r", f"{case.period_s:g}", "-d", *EXTRA]
        command = [modpoll, "-f", str(table), *where, *options]
        async with Child("modpoll", command, log=folder / f"{name}.peer.log"):
            await asyncio.sleep(SECONDS)
    return asked


async def _run_all(modpoll: str, folder: Path) -> list[Path]:
    return await asyncio.gather(*(_asked(modpoll, name, folder) for name in PEER_CASES))


def main(modpoll: str) -> None:
    """Print the gaps between two questions to a healthy unit."""
    with tempfile.TemporaryDirectory(prefix="plantroom-peer-") as folder:
        for name, path in zip(
            PEER_CASES, asyncio.run(_run_all(modpoll, Path(folder))), strict=True
        ):
            asked = json.loads(path.read_text())
            gaps = [
                later - earlier
                for unit in CASES[name].healthy
                for earlier, later in pairwise(asked[str(unit)])
            ]
            mean = round(fmean(gaps), 2) if gaps else None
            print(f"{name:12} gap {mean} s, p99 {percentile(gaps, 99):.2f} s, {len(gaps)} gaps")


if __name__ == "__main__":
    main(sys.argv[1])
