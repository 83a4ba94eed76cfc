"""Stores that fail, stops, restarts and bugs."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from protocols.sparkplug.payload import uuid_of
from server.core.errors import StoreError
from server.history.base import Batch
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump
from tests.patience import PATIENCE_S

__all__ = ["node", "plant", "pump"]


def test_nothing_is_acknowledged_before_it_is_stored(
    pump: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump.history.failures = 3
    pauses: list[float] = []
    monkeypatch.setattr(pump.ingest._persist._stopping, "wait", lambda s: pauses.append(s) or False)
    pump.receive(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1, uuid=uuid_of("j", 1)))
    assert pauses == [0.1, 0.2, 0.4]
    assert pump.log == ["stored", "published"]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]


def test_a_stop_while_the_store_is_away_leaves_everything_unacknowledged(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.history.failures = 1_000_000
    pump.reception.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1, uuid="j/1"))
    pump.ingest._persist.stop()
    pump.clock.advance(1)
    pump.ingest._run()
    assert pump.acked() == []


def test_a_restarted_server_decodes_at_once_and_asks_nobody(
    pump: IngestPlant, node: EdgeNode
) -> None:
    for _ in range(9):
        node.seq += 1
    pump.restart()
    assert pump.series(f"{PUMP}/pressure").last_value == 1.0
    pump.receive(node.ddata("pump", {1: 4.0}, at=node.clock_ms + 1, uuid="j/1"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 4.0]
    assert pump.acked() != []
    assert pump.rebirths_asked() == []


def test_a_change_that_a_crash_kept_from_the_alarms_is_told_at_the_start(
    pump: IngestPlant,
) -> None:
    series = pump.series(f"{PUMP}/connection")
    pump.history._latest.pop(series.id)
    pump.history._rows.pop(series.id)
    pump.restart()
    pump.receive()
    assert pump.stored(f"{PUMP}/connection") == [True]


def test_a_store_that_fails_during_a_birth_delays_it_only(
    plant: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = plant.records.write, [StoreError("locked"), StoreError("locked")]

    def flaky(work: Callable[[Session], object]) -> object:
        if failures:
            raise failures.pop()
        return write(work)

    monkeypatch.setattr(plant.records, "write", flaky)
    monkeypatch.setattr(plant.ingest._persist._stopping, "wait", lambda _s: False)
    plant.receive(node.nbirth(), node.dbirth("pump", {"run": True}))
    assert plant.stored(f"{PUMP}/run") == [True]


async def test_a_bug_in_the_chain_ends_the_ingest_visibly(
    pump: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump.watch(f"{PUMP}/pressure")

    def bug(_samples: object) -> None:
        message = "a bug"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(pump.ingest._rounds, "_evaluate", bug)
    async with pump.ingest, asyncio.timeout(PATIENCE_S):
        pump.reception.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1, uuid="j/1"))
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await pump.ingest.run()


async def test_closing_stores_what_has_arrived_and_may_be_repeated(
    pump: IngestPlant, node: EdgeNode
) -> None:
    async with pump.ingest:
        assert pump.ingest.alive
        for number in range(50):
            at, uuid = node.clock_ms + 1 + number, f"j/{number}"
            pump.reception.inbox.put(*node.ddata("pump", {1: float(number)}, at=at, uuid=uuid))
    pump.ingest.close()
    assert not pump.ingest.alive
    assert pump.stored(f"{PUMP}/pressure")[1:] == [float(number) for number in range(50)]


def test_at_rest_both_stores_say_the_same(pump: IngestPlant, node: EdgeNode) -> None:
    pump.watch(f"{PUMP}/pressure")
    ingest = pump.ingest
    seen = ingest.at_rest(lambda: (len(pump.evaluated), pump.stored(f"{PUMP}/pressure")))
    pump.reception.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1, uuid="j/1"))
    ingest._work(wait_s=0)
    pump.reception.inbox.put(*node.ddata("pump", {1: 3.0}, at=node.clock_ms + 2, uuid="j/2"))
    ingest._rest()
    assert seen.result() == (1, [1.0, 2.0])
    pump.wait(1)
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0, 3.0]


def test_at_rest_what_fails_is_told_and_what_nobody_waits_for_is_left(pump: IngestPlant) -> None:
    def fail() -> None:
        raise StoreError("full")

    failing, left = pump.ingest.at_rest(fail), pump.ingest.at_rest(lambda: pytest.fail("done"))
    assert left.cancel()
    pump.ingest._rest()
    with pytest.raises(StoreError, match="full"):
        failing.result()


def test_a_stop_leaves_nobody_waiting_for_a_rest(pump: IngestPlant) -> None:
    waiting = pump.ingest.at_rest(lambda: None)
    pump.ingest._persist.stop()
    pump.ingest._run()
    assert waiting.cancelled()


def test_readings_that_no_gateway_sends_are_stored_and_judged_by_no_rule(pump: IngestPlant) -> None:
    series = pump.watch(f"{PUMP}/pressure")
    batch = Batch()
    batch.add(series.id, 5, 0.25)
    pump.ingest.fill_in(batch).result()
    assert pump.stored(f"{PUMP}/pressure") == [0.25, 1.0]
    assert pump.evaluated == []
