"""``python -m tests.chaos ROUNDS [SEED]``: the server is killed at random moments, under load.

A real broker, a real server, a node that knows which alarms must exist, a receiver that fails one
time in ten, somebody who answers some calls. In one round of three the server is killed once more
while it starts. Afterwards nothing may be lost or doubled: alarms, escalation steps, messages.
"""

import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Chaos


def main(rounds: int, seed: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="plantroom-chaos-"))
    print(f"{rounds} rounds, seed {seed}, in {folder}", flush=True)
    chaos = Chaos(folder, rounds=rounds, seed=seed)
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


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    sys.exit(main(number, int(sys.argv[2]) if len(sys.argv) > 2 else secrets.randbelow(1_000_000)))
