"""Makes ``version_before.tar.xz``: the data folder of a gateway that was killed, and what is in it.

Run it in a checkout of the version whose data shall be taken over, with that version's Python, and
adapt it to the names of that version (these are the names of commit a538e23, 28 November 2026):

    cd CHECKOUT && .venv/bin/python THIS_REPOSITORY/tests/cases/agent_data/write.py

It writes the archive beside itself. In the archive are the files as the kill left them, write-ahead
log included, and ``expected.json``: what the gateway owes the server, by device, point and value.

1. Boot "a": the clock is right. 30 pairs of readings and a command's result go out; of their rows
   0..2 and 5..14 are acknowledged. The file is found damaged.
2. Boot "b": the clock is 60 days behind and not synchronised. The damaged file is set aside, the
   first chunk of it is recovered, of which rows 3 and 4 are acknowledged; six readings of two
   devices wait for the clock, in an open epoch. Another file was set aside earlier, and is through.
3. Beside the journal: a command that was done and one that was under way, and two registers that
   the device p1 has refused.
"""
# ruff: noqa: ASYNC240, T201

import asyncio
import json
import shutil
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from edge_agent.polling.hole_file import FileHoles
from edge_agent.polling.plan import Learned

from config.edge import JournalSettings
from config.points import Table
from edge_agent.commands.ledger import SqliteLedger
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command
from edge_agent.journal import salvage
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.polling.device import _digest
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW, gateway, reading
from tests.fakes.uplink_bench import Bench

HERE = Path(__file__).parent
SAVED = NOW - 60 * 86_400_000
DONE = CommandResult(
    "key-done", "p2", "speed", Status.DONE, "", 20, 30, 30, "operator", NOW + 40_000, "test"
)


async def right_clock(path: Path) -> None:
    async with SqliteJournal(JournalSettings(path=path), FakeClock(NOW), boot="a") as journal:
        bench = Bench(journal=journal)
        journal.keep_bd_seq(41)
        for number in range(30):
            at = NOW + 1000 * number
            pair = [reading(float(number), at), reading(number % 2 == 0, at, name="running")]
            bench.uplink.readings("p1", pair)
        bench.uplink.device_up("p2", NOW + 40_000)
        bench.uplink._tell(DONE)
        await journal.commit()
        journal.acknowledge([(0, 2), (5, 14)])
        await journal.commit()
    path.with_name(f"{path.name}.damaged").touch()


async def wrong_clock(path: Path, killed: Path) -> None:
    salvage.CHUNK = 10
    clock = FakeClock(SAVED)
    async with SqliteJournal(JournalSettings(path=path), clock, boot="b") as journal:
        bench = Bench(connected=False, utc_ms=SAVED, right=False, journal=journal)
        await journal.salvage()
        journal.acknowledge([(3, 4)])
        for number in range(6):
            device = "p1" if number % 2 else "p2"
            name = "pressure" if number % 2 else "speed"
            at = SAVED + 1000 * number
            bench.uplink.readings(device, [reading(100 + number, at, name=name)])
            await journal.commit()
        for file in path.parent.iterdir():
            shutil.copy(file, killed)


async def beside(path: Path) -> None:
    async with SqliteLedger(path.with_suffix(".commands.sqlite")) as ledger:
        await ledger.finish(DONE)
        await ledger.begin(Command("key-under-way", "p2", "speed", 35, "operator", NOW), NOW)
    holes = FileHoles(path.with_suffix(".holes.json"))
    p1 = gateway().devices["p1"]
    reasons = frozenset({("running", "illegal_address")})
    barriers = frozenset({(Table.HOLDING, 1)})
    holes.keep("p1", _digest(p1), Learned(frozenset({"running"}), barriers, reasons, 4))
    holes.save()


def still_to_send() -> dict[str, Any]:
    """What has to arrive: device, point, value and UTC ms; of the last, ms after boot "b"."""
    final = [
        ["p1", name, value, NOW + 1000 * number]
        for number in [*range(15, 30)]
        for name, value in (("pressure", float(number)), ("running", number % 2 == 0))
    ]
    provisional = [
        ["p1" if number % 2 else "p2", "pressure" if number % 2 else "speed", 100 + number,
         1_000_000 + 1000 * number]
        for number in range(6)
    ]  # fmt: skip
    return {"final": final, "provisional": provisional, "bd_seq": 41}


async def main() -> None:
    with TemporaryDirectory() as folder, TemporaryDirectory() as killed:
        path = Path(folder) / "journal.sqlite"
        path.with_name(f"{path.name}.corrupt-20261001T000000.salvaged").write_bytes(b"kept")
        await right_clock(path)
        await beside(path)
        await wrong_clock(path, Path(killed))
        expected = Path(killed) / "expected.json"
        expected.write_text(json.dumps(still_to_send()))
        archive = HERE / "version_before.tar.xz"
        with tarfile.open(archive, "w:xz", preset=9) as out:
            for file in sorted(Path(killed).iterdir()):
                if not file.name.endswith((".lock", "-shm")):
                    out.add(file, file.name, filter=plain)
                    print(file.name, file.stat().st_size)
        print(archive.name, archive.stat().st_size)


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


asyncio.run(main())
