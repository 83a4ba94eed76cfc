"""``python -m tests.chaos ROUNDS [--store NAME ...]``: kills at random moments, under load.

A real broker, a real server, a node that knows which alarms must exist, a receiver that fails one
time in ten, somebody who answers some calls. In one round of three the server is killed once more
while it starts. With ``--store`` the server, the store or both are killed, ROUNDS times for each
store named. Afterwards nothing may be lost or doubled: readings that were acknowledged, alarms,
escalation steps, messages.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.backing import Backing, HistoryServer, RecordsServer
from tests.chaos.run import Chaos

STORES = ("victoriametrics", "influxdb", "postgresql")


def backing(store: str, folder: Path) -> Backing:
    """Return a store that has not been started."""
    if store == "postgresql":
        return RecordsServer(folder / "postgresql")
    return HistoryServer(store, folder)


def run(rounds: int, seed: int, store: str = "") -> int:
    """Kill so many times; return 1 when anything went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="plantroom-chaos-"))
    print(f"{rounds} rounds, {store or 'server'}, seed {seed}, in {folder}", flush=True)
    made = backing(store, folder) if store else None
    chaos = Chaos(folder, rounds=rounds, seed=seed, backing=made)
    scores = asyncio.run(chaos.run())
    print(f"{chaos.killed_in_start} of {rounds} kills came twice, the second during the start")
    still = [end - start for start, end in chaos.up.still]
    print(f"the disk stood still {len(still)} times, for {max(still, default=0)} ms at most")
    for name, score in scores.items():
        print(score.line(name))
        for note in score.notes[:20]:
            print(f"    {note}")
    wrong = any(score.lost or score.doubled or score.late for score in scores.values())
    if wrong:
        print(f"records and logs of the run are in {folder}")
    else:
        shutil.rmtree(folder)
    return int(wrong)


def main() -> int:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=200)
    parser.add_argument("--store", choices=STORES, nargs="+", default=[""])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    asked = parser.parse_args()
    return max(map(partial(run, asked.rounds, asked.seed), asked.store))


if __name__ == "__main__":
    sys.exit(main())
