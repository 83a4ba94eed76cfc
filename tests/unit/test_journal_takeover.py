"""The data folder of a gateway of the version before, killed, is taken over and all of it sent."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.edge import JournalSettings
from edge_agent.commands.ledger import SqliteLedger
from edge_agent.commands.result import Status
from edge_agent.journal.base import Alias
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.polling.availability_store import AvailabilityFile, points_digest
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import COMMAND_RESULT
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW, gateway
from tests.fakes.uplink_bench import Bench

ARCHIVE = Path(__file__).parents[1] / "cases" / "agent_data" / "version_before.tar.xz"
SAVED = NOW - 60 * 86_400_000
"""What the clock showed when boot "b" had run for 1,000 s."""
SYNCHRONISED = NOW + 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "journal.sqlite"


def expected(path: Path) -> dict[str, Any]:
    return json.loads(path.with_name("expected.json").read_text())


def metrics(bench: Bench) -> list[tuple[str, str, object, int | None]]:
    """Everything that was published as data: device, point, value and time."""
    names = bench.journal.aliases()
    found = []
    for topic, payload in bench.connection.sent:
        for metric in payload.metrics if topic.kind.value == "DDATA" else []:
            known = names[metric.alias or 0]
            assert known.device == topic.device
            found.append((known.device, known.point, metric.value, metric.timestamp))
    return found


async def send_all(bench: Bench, journal: SqliteJournal) -> None:
    """Do what the tasks of a running agent do, until nothing is due."""
    while await journal.recover():
        await bench.drain.step()
    await bench.drain.step()
    await bench.drain_all()


@pytest.mark.parametrize("boot", ["b", "c"])
async def test_everything_arrives_with_its_time_and_nothing_twice(path: Path, boot: str) -> None:
    wanted = expected(path)
    with capture_logs() as logs:
        # In boot "b" the clock that was wrong is set right; in "c" the gateway was started again.
        clock = FakeClock(SYNCHRONISED)
        clock.elapsed_s = 90_000.0 if boot == "b" else 50.0
        async with SqliteJournal(JournalSettings(path=path), clock, boot=boot) as journal:
            assert journal.stats().provisional_readings == 6
            bench = Bench(utc_ms=SYNCHRONISED, journal=journal)
            bench.clock.elapsed_s = clock.elapsed_s
            bench.uplink.device_up("p2", SYNCHRONISED)
            await bench.uplink._stamping.look()
            await send_all(bench, journal)
            sent = metrics(bench)
            ours = bench.connection.offsets()
            name = journal.journal_id
            assert journal.stats().provisional_readings == 0
            journal.acknowledge([(offset, offset) for offset in ours])
            await journal.commit()
            assert journal.stats().rows == 0

    started_ms = SYNCHRONISED - 90_000_000 if boot == "b" else SAVED - 1_000_000
    results = [value for _, point, value, _ in sent if point == COMMAND_RESULT]
    assert [json.loads(str(value))["id"] for value in results] == ["key-done"]
    assert sorted(one for one in sent if one[1] != COMMAND_RESULT) == sorted(
        [tuple(one) for one in wanted["final"]]
        + [(*one, started_ms + uptime_ms) for *one, uptime_ms in wanted["provisional"]]
    )
    assert len(ours) == len(set(ours))
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == []
    async with SqliteJournal(JournalSettings(path=path), clock, boot=boot) as journal:
        assert (journal.journal_id, journal.stats().rows) == (name, 0)
        assert not journal.stats().recovering


async def test_names_and_numbers_go_on(path: Path) -> None:
    wanted = expected(path)
    async with SqliteJournal(JournalSettings(path=path), FakeClock(NOW), boot="b") as journal:
        assert journal.bd_seq == wanted["bd_seq"]
        assert not journal.believed
        before = journal.aliases()
        assert before[1] == Alias("p1", "pressure", DataType.FLOAT)
        Bench(journal=journal, connected=False)
        assert journal.aliases() == before
        # Behind everything that the killed process may have numbered without a commit.
        assert journal.next_offset >= 10_000_000


async def test_a_file_that_is_through_is_left_alone(path: Path) -> None:
    (through,) = path.parent.glob("*.salvaged")
    async with SqliteJournal(JournalSettings(path=path), FakeClock(NOW), boot="b") as journal:
        while await journal.recover():
            pass
    assert through.read_bytes() == b"kept"
    assert len(list(path.parent.glob("*.recovered"))) == 1


async def test_commands_are_remembered(path: Path) -> None:
    async with SqliteLedger(path.with_suffix(".commands.sqlite")) as ledger:
        done, under_way = ledger.find("key-done"), ledger.find("key-under-way")
    assert done is not None
    assert (done.status, done.before, done.after, done.why) == (Status.DONE, 20, 30, "test")
    assert under_way is not None
    assert (under_way.status, under_way.asked) == (Status.FAILED, 35)


def test_registers_that_a_device_refused_are_remembered(path: Path) -> None:
    file = AvailabilityFile(
        path.with_suffix(".availability.json"), before=path.with_suffix(".holes.json")
    )
    p1 = gateway().devices["p1"]
    known = file.load("p1", points_digest(p1))
    assert (known.points, known.longest) == ({"running": "illegal_address"}, 4)
    assert [address for _, address in known.barriers] == [1]
