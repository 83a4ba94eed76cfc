"""kill -9 at random while the broker is away: nothing journaled is lost, nothing out of order.

``python -m tests.soak.kill 100``: a real agent polls two counters over TCP and a pty. Each round
it runs for a random while and is killed. What a reader saw in the journal file just before is what
must arrive in the end, each row once more exactly as it was, in the order of its point.
"""

import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from plantroom.processes import Child, plantroom_command
from protocols.sparkplug.payload import Payload, decode_payload
from protocols.sparkplug.topics import MessageKind
from simulators.agent_file import addresses_of, agent_file_for, agent_file_text
from simulators.estate import Estate
from tests.fakes.sparkplug_host import SparkplugHost
from tests.mosquitto import Mosquitto

_SHORTEST_S, _LONGEST_S = 0.05, 1.5


class Told(NamedTuple):
    """One reading: its metric's alias, when it was taken, what it said."""

    alias: int
    taken_at: int
    value: object


class Journaled(NamedTuple):
    """One row of the journal file."""

    device: str
    readings: tuple[Told, ...]


def estate(folder: Path) -> dict[str, Any]:
    """Two counters, one on each kind of port."""

    def counter(endpoint: str, unit: int, period_s: float) -> dict[str, Any]:
        return {
            "endpoint": endpoint,
            "unit": unit,
            "equipment": "counter",
            "class": "electricity_meter",
            "name": {"en": f"Counter {unit}", "zh": f"计数器 {unit}"},
            "period_s": period_s,
        }

    return {
        "endpoints": {
            "lan": {"kind": "modbus_tcp"},
            "line": {"kind": "pty", "path": str(folder / "line"), "baud": 115200},
        },
        "units": {"count-tcp": counter("lan", 1, 0.05), "count-rtu": counter("line", 2, 0.2)},
    }


def read_journal(path: Path) -> dict[int, Journaled]:
    """Return what is committed in the file now, by offset."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute("SELECT offset, device, fragment FROM rows").fetchall()
        except sqlite3.OperationalError:
            return {}  # the very first start was killed before there were tables
    return {
        offset: Journaled(device, _told(decode_payload(fragment)))
        for offset, device, fragment in rows
    }


async def run(rounds: int, folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Run the proof in a folder; raises AssertionError when it fails."""
    rng = random.Random(seed)  # noqa: S311 (reproducible instants, not a secret)
    broker = Mosquitto(folder / "broker")
    plan = estate(folder)
    (folder / "estate.yaml").write_text(yaml.safe_dump(plan, allow_unicode=True))
    simulator = Child(
        "simulator",
        plantroom_command("simulate", "run", str(folder / "estate.yaml")),
        log=folder / "simulator.log",
        ready_event="ready",
    )
    journal = folder / "journal.sqlite"
    journaled: dict[int, Journaled] = {}
    async with simulator:
        file = folder / "agent.yaml"
        content = agent_file_for(
            Estate.model_validate(plan),
            addresses_of(simulator.ready),
            mqtt={"port": broker.port},
            journal={"path": str(journal)},
            status={"port": 0},
        )
        file.write_text(agent_file_text(content))
        command = plantroom_command("agent", "run", str(file))
        agent = Child("agent", command, log=folder / "agent.log", ready_event="agent_ready")
        for number in range(rounds):
            await agent.start()
            await asyncio.sleep(rng.uniform(_SHORTEST_S, _LONGEST_S))
            before = read_journal(journal)
            await agent.kill()
            _check_nothing_changed(journaled, before)
            journaled |= before
            if (number + 1) % 10 == 0:
                print(f"{number + 1} of {rounds} rounds, {len(journaled)} rows", file=sys.stderr)
        journaled |= read_journal(journal)
        async with (
            broker,
            SparkplugHost(broker.port, group="riverside", node="gw-1") as host,
            agent,
        ):
            heard = await _until_all_arrived(host, set(journaled))
    _check_order(heard)
    for offset, row in journaled.items():
        assert heard[offset] == row, f"row {offset} arrived as {heard[offset]}, was {row}"
    return {
        "rounds": rounds,
        "rows_journaled": len(journaled),
        "readings_journaled": sum(len(row.readings) for row in journaled.values()),
        "rows_lost": 0,
        "rows_out_of_order": 0,
    }


def _check_nothing_changed(known: dict[int, Journaled], now: dict[int, Journaled]) -> None:
    lost = sorted(set(known) - set(now))
    assert not lost, f"rows {lost[:10]} were in the journal and are not any more"
    assert all(now[offset] == row for offset, row in known.items()), "a row changed"


async def _until_all_arrived(
    host: SparkplugHost, wanted: set[int], *, within_s: float = 120
) -> dict[int, Journaled]:
    """Acknowledge what arrives until every wanted row has; return all of them in order."""
    heard: dict[int, Journaled] = {}
    seen = 0
    deadline = time.monotonic() + within_s
    while not wanted <= heard.keys():
        assert time.monotonic() < deadline, f"{len(wanted - heard.keys())} rows never arrived"
        await asyncio.sleep(0.1)
        news = [one for one in host.heard[seen:] if one.kind is MessageKind.DDATA]
        seen = len(host.heard)
        for one in news:
            if one.historical:
                heard.setdefault(one.offset, Journaled(one.device or "", _told(one.payload)))
        if news:
            name = (news[0].payload.uuid or "").partition("/")[0]
            host.acknowledge(name, [(one.offset, one.offset) for one in news])
    return heard


def _told(payload: Payload) -> tuple[Told, ...]:
    return tuple(Told(m.alias or 0, m.timestamp or 0, m.value) for m in payload.metrics)


def _check_order(heard: dict[int, Journaled]) -> None:
    """Offsets rise in the order of arrival, and with them the time of each point.

    Two values of one instant, read within a millisecond, are both kept (ADR-25).
    """
    assert list(heard) == sorted(heard), "the backlog did not come oldest first"
    points: dict[tuple[str, int], list[Told]] = {}
    for row in heard.values():
        for told in row.readings:
            points.setdefault((row.device, told.alias), []).append(told)
    for (device, alias), series in points.items():
        for earlier, later in pairwise(series):
            later_or_other = (earlier.taken_at, earlier.value) != (later.taken_at, later.value)
            in_order = earlier.taken_at <= later.taken_at and later_or_other
            assert in_order, f"{device}/{alias}: {earlier} before {later}"


def main(rounds: int) -> None:
    """Run and print the figures."""
    with tempfile.TemporaryDirectory(prefix="plantroom-kill-") as folder:
        print(json.dumps(asyncio.run(run(rounds, Path(folder))), indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
