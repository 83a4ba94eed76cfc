"""A history that takes nothing: told once, and what the ingest does that starts meanwhile."""

import asyncio
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from config.server import MessageSettings
from server.core.model import Event
from server.history_away import PATIENCE_S, AwayAnnouncer
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump
from tests.patience import until

__all__ = ["node", "plant", "pump"]


async def test_a_store_that_stays_away_is_told_once_and_its_return_too(tmp_path: Path) -> None:
    clock, problems = FakeClock(), [""]
    with closing(open_records(tmp_path)) as records:
        announcer = AwayAnnouncer(lambda: problems[0], records, MessageSettings(), clock)
        task = asyncio.create_task(announcer.run())

        async def pass_s(seconds: float) -> list[str]:
            for _ in range(int(seconds)):
                await asyncio.sleep(0.02)
                clock.advance(1)
            await asyncio.sleep(0.02)
            return records.read(lambda session: list(session.scalars(select(Event.kind))))

        problems[0] = "no answer"
        assert await pass_s(PATIENCE_S - 3) == []
        problems[0] = ""
        assert await pass_s(3) == []
        problems[0] = "disk full"
        assert await pass_s(PATIENCE_S + 5) == ["history.away"]
        assert announcer.note() == "readings cannot be stored: disk full"
        problems[0] = ""
        assert await pass_s(3) == ["history.away", "history.back"]
        assert announcer.note() == ""
        task.cancel()


def test_last_values_are_taken_up_when_the_store_is_back_and_nothing_newer_is_forgotten(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.receive(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
    stored_at = pump.series(f"{PUMP}/run").last_at
    pump.history.is_away = True
    pump.restart()
    assert pump.watch(f"{PUMP}/pressure").last_at == 0
    pump.reception.inbox.put(*node.ddata("pump", {1: 4.0}, at=node.clock_ms + 2, uuid="j/1"))
    pump.judge()
    assert pump.evaluated[-1].value == 4.0
    assert pump.acked() == []
    until(lambda: pump.ingest.problem("history") == "nobody answers")
    pump.history.is_away = False
    pump.wait(1)
    pump.wait(1)
    assert pump.series(f"{PUMP}/pressure").last_value == 4.0
    assert pump.series(f"{PUMP}/run").last_at == stored_at
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0, 4.0]
    until(lambda: not pump.ingest.problem("history"))


def test_a_stop_while_the_store_is_away_ends_the_ingest(pump: IngestPlant) -> None:
    pump.history.is_away = True
    pump.restart()
    pump.ingest.close()
    assert pump.acked() == []
