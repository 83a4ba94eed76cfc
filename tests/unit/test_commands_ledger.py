"""A command is carried out once, over restarts and kills as well."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.commands.ledger import REMEMBERED, SqliteLedger
from edge_agent.commands.result import CommandResult, Status
from tests.fakes.command_bench import CommandBench as Bench
from tests.fakes.full_disk import full_disk


async def test_the_memory_of_keys_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    results = [result(f"k{number}") for number in range(REMEMBERED + 5)]
    async with SqliteLedger(path) as ledger:
        for one in results:
            await ledger.finish(one)
        assert ledger.find("k4") is None
    async with SqliteLedger(path) as ledger:
        assert ledger.find("k4") is None
        assert [ledger.find(one.id) for one in results[5:]] == results[5:]


def result(key: str) -> CommandResult:
    return CommandResult(key, "d1", "setpoint", Status.DONE, "", 20, 25, 25, "operator", 7, "test")


async def test_a_key_is_carried_out_once_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    async with SqliteLedger(path) as ledger:
        first = await Bench(ledger).service.execute(Bench(ledger).command())
    async with SqliteLedger(path) as ledger:
        after = Bench(ledger)
        assert await after.service.execute(after.command()) == first
        assert after.port.writes == []


async def test_a_kill_between_order_and_outcome_leaves_it_unknown(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    async with SqliteLedger(path) as killed:
        before = Bench(killed)
        await killed.begin(before.command(), before.clock.now_ms())
    async with SqliteLedger(path) as ledger:
        after = Bench(ledger)
        outcome = await after.service.execute(after.command())
        assert (outcome.status, outcome.asked) == (Status.FAILED, 25)
        assert after.port.writes == []


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be one" * 99])
async def test_a_damaged_ledger_is_started_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "commands.sqlite"
    path.write_bytes(content)
    async with SqliteLedger(path) as ledger:
        await ledger.finish(result("k1"))
    async with SqliteLedger(path) as ledger:
        assert ledger.find("k1") == result("k1")


async def test_a_disk_that_refuses_costs_no_command(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with SqliteLedger(tmp_path / "none" / "commands.sqlite") as ledger:
            bench = Bench(ledger)
            for key in ("k1", "k1", "k2"):
                assert (await bench.service.execute(bench.command(id=key))).status is Status.DONE
            assert len(bench.port.writes) == 2
    assert [log["event"] for log in logs].count("command_ledger_not_writable") == 1


async def test_a_healthy_ledger_on_a_full_disk_is_kept_and_remembers(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    async with SqliteLedger(path) as ledger:
        await ledger.finish(result("k1"))
    content = path.read_bytes()
    # Room for not one byte more.
    with capture_logs(), full_disk():
        async with SqliteLedger(path) as ledger:
            bench = Bench(ledger)
            assert await bench.service.execute(bench.command(id="k1")) == result("k1")
            assert (await bench.service.execute(bench.command(id="k2"))).status is Status.DONE
    assert bench.port.writes == [("d1", "setpoint", 25)]
    assert path.read_bytes() == content


async def test_a_ledger_that_could_not_be_opened_is_read_as_soon_as_it_can(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    async with SqliteLedger(path) as ledger:
        await ledger.finish(result("k1"))
    hidden = path.rename(tmp_path / "hidden")
    path.mkdir()
    async with SqliteLedger(path) as ledger:
        bench = Bench(ledger)
        await bench.service.execute(bench.command(id="k2"))
        path.rmdir()
        hidden.rename(path)
        assert await bench.service.execute(bench.command(id="k1")) == result("k1")
        assert (await bench.service.execute(bench.command(id="k2"))).status is Status.DONE
        await bench.service.execute(bench.command(id="k3"))
    assert len(bench.port.writes) == 2
    async with SqliteLedger(path) as ledger:
        assert ledger.find("k1") == result("k1")
        assert ledger.find("k3") is not None


async def test_results_of_an_older_and_a_newer_version_are_read(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    async with SqliteLedger(path) as ledger:
        for key in ("old", "new", "odd"):
            await ledger.finish(result(key))
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        put = "UPDATE commands SET result = ? WHERE key = ?"
        old = result("old")._asdict()
        del old["before_at"], old["why"]
        file.execute(put, (json.dumps(old), "old"))
        file.execute(put, (json.dumps(result("new")._asdict() | {"approved_by": "li"}), "new"))
        file.execute(put, ("{}", "odd"))
    async with SqliteLedger(path) as ledger:
        assert ledger.find("old") == result("old")._replace(why="")
        assert ledger.find("new") == result("new")
        assert ledger.find("odd") is None


@pytest.mark.parametrize("key", ["k1", ""])
async def test_the_pace_of_a_point_is_kept_over_a_restart(tmp_path: Path, key: str) -> None:
    path = tmp_path / "commands.sqlite"
    async with SqliteLedger(path) as ledger:
        before = Bench(ledger)
        await before.service.execute(before.command(id=key, point="slow"))
    async with SqliteLedger(path) as ledger:
        after = Bench(ledger)
        after.clock.advance(4)
        soon = await after.service.execute(after.command(id="k2", point="slow"))
        assert soon.reason == "too soon after the command before; again in 6.0 s"
        after.clock.advance(6.1)
        assert (await after.service.execute(after.command(id="k3", point="slow"))).reason == ""


async def test_a_clock_that_was_set_back_does_not_hold_commands_up(tmp_path: Path) -> None:
    async with SqliteLedger(tmp_path / "commands.sqlite") as ledger:
        bench = Bench(ledger)
        later = bench.clock.now_ms() + 3_600_000
        await ledger.finish(result("k1")._replace(point="slow", at=later))
        assert (await bench.service.execute(bench.command(id="k2", point="slow"))).reason == ""
