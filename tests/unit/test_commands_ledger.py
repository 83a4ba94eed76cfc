"""A command is carried out once, over restarts and kills as well."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.commands.ledger import REMEMBERED, SqliteLedger
from edge_agent.commands.result import CommandResult, Status
from tests.fakes.command_bench import CommandBench as Bench


async def test_the_memory_of_keys_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "commands.sqlite"
    results = [result(f"k{number}") for number in range(REMEMBERED + 5)]
    async with SqliteLedger(path) as ledger:
        for one in results:
            await ledger.finish(one)
        assert ledger.recall("k4") is None
    async with SqliteLedger(path) as ledger:
        assert ledger.recall("k4") is None
        assert [ledger.recall(one.id) for one in results[5:]] == results[5:]


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
        assert ledger.recall("k1") == result("k1")


async def test_a_disk_that_refuses_costs_no_command(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with SqliteLedger(tmp_path / "none" / "commands.sqlite") as ledger:
            bench = Bench(ledger)
            for key in ("k1", "k1", "k2"):
                assert (await bench.service.execute(bench.command(id=key))).status is Status.DONE
            assert len(bench.port.writes) == 2
    assert [log["event"] for log in logs].count("command_ledger_not_writable") == 1
