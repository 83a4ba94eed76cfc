"""The data folder of the version before is taken over: nothing in it is lost, and it goes on."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import tarfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from config.alarming import AlarmSettings
from config.load import load_classes
from config.server import MessageSettings, ServerSettings
from server.alarming.announcements import AlarmNotifier
from server.alarming.pipeline import AlarmPipeline
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.alarms.suppression.outages import Outages
from server.app import Server
from server.core.schema import upgrade
from server.history.duckdb import DuckHistory
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant
from tests.fakes.webhook_receiver import WebhookReceiver

ARCHIVE = Path(__file__).parents[1] / "cases" / "server_data" / "version_before.tar.xz"
KILLED_AT = 1_795_122_467_000
DAY_1 = 1_795_000_000_000
CLOSED_PORT = 9


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version_before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    with contextlib.closing(sqlite3.connect(folder / "records.sqlite")) as records:
        records.executescript((folder / "records.sql").read_text("utf-8"))
    return folder


@pytest.fixture
def folder(unpacked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(unpacked, tmp_path / "data"))


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(folder / "records.sqlite")) as records:
        return records.execute(query).fetchall()


@contextlib.asynccontextmanager
async def running(folder: Path, hook: str, clock: FakeClock) -> AsyncGenerator[None]:
    """Today's server without HTTP, whose broker is away."""
    (folder / "secret").write_text("whsec_cGxhbnRyb29tLWJlbmNoLXBhZ2VzLTAxMjM=")
    webhooks = [
        {"name": name, "url": f"{hook}/{name}", "secret_file": folder / "secret"}
        for name in ("duty", "second")
    ]
    settings = ServerSettings.model_validate(
        {
            "data_dir": folder,
            "records": {"url": f"sqlite:///{folder}/records.sqlite"},
            "history": {"path": folder / "history"},
            "mqtt": {"port": CLOSED_PORT},
            "messages": {"webhooks": webhooks, "allow_hosts": ["127.0.0.1"]},
        }
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(Server(settings, clock, {"ingest", "jobs"}).run(stop))
        try:
            yield
        finally:
            stop.set()


async def until(clock: FakeClock, *, fact: Callable[[], bool], most_s: float) -> None:
    """Let time pass until it is so, at most so much of the clock's time."""
    for step in range(1000):
        if fact():
            return
        if step < 100:
            clock.advance(most_s / 100)
        await asyncio.sleep(0.02)
    pytest.fail("it never came")


def test_the_records_keep_what_they_hold(folder: Path) -> None:
    deferred = rows(folder, "SELECT id, call_owed_at FROM incidents WHERE call_owed_at > 0")
    active = rows(folder, "SELECT id, moving_since_at FROM incidents WHERE moving_since_at > 0")
    steps = rows(folder, "SELECT id, told FROM incident_steps ORDER BY id")
    assert (len(deferred), len(active)) == (3, 1)
    upgrade(f"sqlite:///{folder}/records.sqlite")
    assert deferred == rows(
        folder, "SELECT id, deferred_call_at FROM incidents WHERE deferred_call_at > 0"
    )
    assert active == rows(
        folder, "SELECT id, activity_since_at FROM incidents WHERE activity_since_at > 0"
    )
    assert steps == rows(folder, "SELECT id, notified FROM incident_steps ORDER BY id")
    bodies = {key: json.loads(body) for key, body in rows(folder, "SELECT key, body FROM rosters")}
    assert {key: body["accept_gaps"] for key, body in bodies.items()} == {
        "house": False,
        "lifts": True,
    }
    assert all("accept_holes" not in body for body in bodies.values())


async def test_today_s_server_goes_on_with_it(folder: Path) -> None:
    clock = FakeClock(KILLED_AT)

    def called(incident: int) -> list[str]:
        query = f"SELECT receiver FROM messages WHERE key LIKE 'incident-step/{incident}/%'"  # noqa: S608
        return sorted({receiver for (receiver,) in rows(folder, query)})

    def states() -> set[str]:
        return {state for (state,) in rows(folder, "SELECT state FROM messages")}

    async with WebhookReceiver() as receiver, running(folder, receiver.origin, clock):
        # What was under way, waited, or was on its way when the server was killed has left.
        await until(clock, fact=lambda: not states() & {"pending", "sending"}, most_s=200)
        assert {"sent", "delivered", "dead", "cancelled", "merged", "passed_on"} == states()
        assert len(receiver.requests) > 20
        assert rows(folder, "SELECT state FROM messages WHERE kind = 'digest'") == [("sent",)]
        assert (called(3), called(11)) == (["Wang"], [])
        # The step of an incident that is open comes at its time, deferred calls after the flood.
        await until(clock, fact=lambda: called(3) == ["Li", "Wang"], most_s=1800)
        await until(clock, fact=lambda: all(called(one) for one in (11, 12, 13)), most_s=3600)
        assert rows(folder, "SELECT id FROM incidents WHERE deferred_call_at > 0") == []
        assert rows(folder, "SELECT ended_at FROM alarm_floods WHERE ended_at IS NULL") == []
        # The shelf of alarm 2 ends at its time.
        shelved = "SELECT shelved_until_at FROM alarms WHERE id = 2 AND shelved_until_at > 0"
        assert rows(folder, shelved) != []
        await until(clock, fact=lambda: rows(folder, shelved) == [], most_s=22_000)
        await until(clock, fact=lambda: "sending" not in states(), most_s=200)
    assert called(1) == ["Wang"]
    assert rows(folder, "SELECT state FROM work_orders WHERE id IN (1, 4)") == [
        ("waiting",),
        ("closed",),
    ]


def test_births_rules_and_open_alarms_go_on(folder: Path) -> None:
    upgrade(f"sqlite:///{folder}/records.sqlite")
    plant = IngestPlant(folder, clock=FakeClock(KILLED_AT + 60_000))
    engine = AlarmEngine(RuleBook(load_classes()), plant.clock)
    outages = Outages(AlarmSettings(), announces_silence=engine.announces_silence)
    notifier = AlarmNotifier(MessageSettings(), AlarmSettings())
    pipeline = AlarmPipeline(plant.records, engine, notifier, plant.clock, outages=outages)
    asset = plant.registry.asset("garden/gw1/pump05")
    assert asset is not None
    for series in asset.series.values():
        engine.attach(series, equipment_class=asset.equipment_class)
    pipeline.restore()
    try:
        # A gateway with a journal goes on with its data, without another birth.
        node = EdgeNode("garden", "gw1", clock_ms=plant.clock.now_ms())
        node.seq = 31
        plant.watch("garden/gw1/pump05/fault")
        plant.receive(node.ddata("pump05", {50: False, 51: 222.0}, uuid="journal/31"))
        plant.wait(1)
        assert plant.stored("garden/gw1/pump05/outlet_pressure") == [222.0]
        assert plant.rebirths_asked() == []
        pipeline.on_samples(plant.evaluated)
        query = (
            "SELECT active FROM alarms JOIN equipment ON equipment.id = alarms.equipment_id"
            " WHERE equipment.key = 'garden/gw1/pump05'"
        )
        assert rows(folder, query) == [(0,)]
    finally:
        plant.records.close()


def test_the_history_reads_the_file_of_a_day_and_what_came_after(folder: Path) -> None:
    name = "garden/gw1/pump01/outlet_pressure"
    ((series,),) = rows(folder, f"SELECT id FROM points WHERE key = '{name}'")  # noqa: S608
    history = DuckHistory(folder / "history")
    try:
        found = [row.value for row in history.raw(series, DAY_1, KILLED_AT, 1000)]
        newest = {last.series_id: last.value for last in history.last_values()}
    finally:
        history.close()
    assert found == [300.0, *(300.0 + hour for hour in range(10)), 300.0, 310.0]
    assert newest[series] == 310.0
