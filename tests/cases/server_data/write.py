"""Makes ``version_before.tar.xz``: the data folder of a server that was killed, and what is in it.

Run it in a checkout of the version whose data shall be taken over, with that version's Python, and
adapt it to the names of that version (these are the names of commit a538e23, 28 November 2026):

    cd CHECKOUT && .venv/bin/python THIS_REPOSITORY/tests/cases/server_data/write.py

It writes the archive beside itself: ``records.sql``, ``history/history.duckdb`` and a day file.

1. A day of readings of two pumps of fifteen, sealed as a day file.
2. Thirteen pumps trip: a flood from the eleventh on, whose calls are deferred. Incident 1 is
   acknowledged and its order waits for parts, alarm 2 is shelved for six hours, alarm 3 has
   returned, incident 4 is closed with its order, pump 15 is out of service.
3. Messages in every state: two were being sent, one is dead, two left in a digest.
"""
# ruff: noqa: I001

import sqlite3
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from config.load import load_classes
from config.people import PeopleFile
from config.server import ServerSettings
from prometheus_client import CollectorRegistry
from server.assets.model import Equipment
from server.assets.registry import Registry
from server.core.claims import claim_due
from server.core.deliveries import mark_delivered, mark_failed, mark_sent
from server.core.records import Records
from server.core.schema import upgrade
from server.history.duckdb import DuckHistory
from server.incidents.service import acknowledge_incident
from server.ingest.metrics import IngestMetrics
from server.ingest.writer import Ingest
from server.jobs.alarming import Alarming
from server.jobs.calls import start_calls
from server.people.service import import_people
from server.people.swaps import NewChange, change_roster
from server.workorders.service import transition
from sqlalchemy import select
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import RecordingLink

HERE = Path(__file__).parent
PUMPS = 15
HOUR_S = 3600
POINTS = {"fault": False, "outlet_pressure": 300.0}


def person(name: str, role: str) -> dict[str, Any]:
    channels = [{"channel": "duty"}, {"channel": "second"}]
    return {"name": name, "role": role, "channels": channels}


PEOPLE = {
    "persons": {
        "wang": person("Wang", "engineer"),
        "li": person("Li", "lead"),
        "zhao": person("Zhao", "manager"),
    },
    "teams": {"night": {"name": "Night", "members": ["wang", "li"]}},
    "rosters": {
        "house": {
            "name": "House",
            "shifts": [{"start": "08:00", "end": "08:00", "persons": ["wang"]}],
            "manager": "zhao",
        },
        "lifts": {
            "name": "Lifts",
            "trades": ["lift"],
            "shifts": [{"start": "08:00", "end": "20:00", "persons": ["li"]}],
            "accept_holes": True,
        },
    },
    "policies": {
        "own": {
            "severities": ["high"],
            "steps": [
                {"after_s": 0, "who": ["on_duty"]},
                {"after_s": 600, "who": ["leader"]},
            ],
            "repeat": 1,
            "idle_s": 1800,
        }
    },
}


class Estate:
    """The version's server over a folder, without its sockets."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.url = f"sqlite:///{folder}/records.sqlite"
        hook = {"url": "http://127.0.0.1:9/", "secret_file": "secret"}
        webhooks = [{"name": name, **hook} for name in ("duty", "second")]
        settings = ServerSettings.model_validate(
            {"data_dir": folder, "messages": {"webhooks": webhooks}}
        )
        upgrade(self.url)
        self.records = Records.open(self.url)
        self.history = DuckHistory(folder / "history")
        self.alarming = Alarming(
            settings,
            records=self.records,
            history=self.history,
            classes=load_classes(),
            clock=self.clock,
        )
        registry = Registry(self.records, self.clock, on_series=self.alarming.attach)
        registry.load()
        self.alarming.restore()
        self.alarming.follow(registry)
        self.ingest = Ingest(
            settings,
            records=self.records,
            history=self.history,
            registry=registry,
            clock=self.clock,
            suspects=self.alarming.chain.on_samples,
            metrics=IngestMetrics(self.clock, CollectorRegistry()),
        )
        self.ingest.link = RecordingLink([])
        self.ingest.restore()
        self.node = EdgeNode("garden", "gw1", clock_ms=self.clock.now_ms())
        self.calls = start_calls(self.records, settings, self.clock)

    def do(self, work: Any, **arguments: Any) -> Any:
        return self.records.write(partial(work, **arguments, now=self.clock.now_ms()))

    def receive(self, *arrivals: Any) -> None:
        for arrival in arrivals:
            self.ingest.inbox.put(*arrival)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.node.clock_ms = self.clock.now_ms()
        self.ingest._work(wait_s=0)
        while self.ingest._host.busy or len(self.ingest.inbox):
            self.ingest._work(wait_s=0)
        self.ingest._await_stored()

    def be_born(self) -> None:
        self.receive(self.node.nbirth())
        for pump in range(1, PUMPS + 1):
            device, first = f"pump{pump:02}", 10 * pump
            self.receive(
                self.node.dbirth(device, POINTS, first_alias=first, equipment_class="heating_pump")
            )

    def report(self, pump: int, *, fault: bool, pressure: float) -> None:
        values = {10 * pump: fault, 10 * pump + 1: pressure}
        self.receive(self.node.ddata(f"pump{pump:02}", values))

    def close(self) -> None:
        self.ingest.close()
        self.history.close()
        self.records.close()


def live(estate: Estate) -> None:
    """Two days: readings, alarms in each state, messages in each state, orders, timers."""
    people = PeopleFile.model_validate(PEOPLE)
    estate.do(import_people, people=people, by="make")
    estate.be_born()
    for hour in range(10):
        estate.wait(HOUR_S)
        for pump in (1, 2):
            estate.report(pump, fault=False, pressure=300.0 + hour)
    estate.wait(24 * HOUR_S)
    estate.history.maintain(estate.clock.now_ms())
    estate.be_born()
    # The tenth makes a flood: the calls of the others are held back until it is over.
    for pump in range(1, PUMPS - 1):
        estate.report(pump, fault=True, pressure=310.0)
    estate.do(acknowledge_incident, incident_id=1, by="wang")
    later = estate.clock.now_ms() + 6 * HOUR_S * 1000
    handling = estate.alarming._handling
    estate.do(handling.shelve, alarm_id=2, until=later, reason="part ordered", by="li")
    estate.report(3, fault=False, pressure=300.0)
    estate.do(acknowledge_incident, incident_id=4, by="wang")
    estate.report(4, fault=False, pressure=300.0)
    for to in ("accepted", "in_progress", "completed", "verified", "closed"):
        estate.do(transition, order_id=4, to=to, by="wang")
    estate.do(transition, order_id=1, to="accepted", by="wang")
    estate.do(transition, order_id=1, to="waiting", by="wang", reason="parts")
    last = estate.records.read(
        lambda session: session.scalars(
            select(Equipment).where(Equipment.key.like("%/pump15"))
        ).one()
    )
    estate.do(
        lambda session, now: handling.take_out(
            session, session.merge(last), until=later, reason="painting", by="li", now=now
        )
    )
    absent = NewChange(later, later + HOUR_S * 1000, off="wang", on="li", reason="leave")
    estate.do(change_roster, key="house", changes=[absent], by="wang")


def send(estate: Estate) -> None:
    """Bring messages into the states that an outbox leaves behind when it is killed."""

    def claim(limit: int) -> list[Any]:
        return estate.do(claim_due, lease_ms=60_000, limit=limit, worker="killed")

    claimed = claim(100)
    retry = {"error": "HTTP 429", "retry_at": estate.clock.now_ms()}
    house = [one for one in claimed if one.receiver == "second"]
    calls = [one for one in claimed if one.receiver == "Wang"]
    estate.do(mark_sent, message_id=house[0].id)
    estate.do(mark_delivered, message_id=house[1].id)
    estate.do(mark_failed, message_id=house[2].id, error="HTTP 410", retry_at=None)  # dead
    estate.do(mark_failed, message_id=calls[0].id, error="HTTP 410", retry_at=None)  # passed on
    for one in house[3:5]:
        estate.do(mark_failed, message_id=one.id, hold=True, **retry)  # merged into a digest
    kept = {one.id for one in (*house[:5], calls[0], calls[1])}
    while not any(one.kind == "digest" for one in claim(1)):
        pass
    for one in claimed:
        if one.id not in kept:
            estate.do(mark_failed, message_id=one.id, **retry)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        estate = Estate(folder)
        live(estate)
        send(estate)
        estate.close()
        with sqlite3.connect(folder / "records.sqlite") as records:
            (folder / "records.sql").write_text("\n".join(records.iterdump()) + "\n", "utf-8")
        with tarfile.open(HERE / "version_before.tar.xz", "w:xz") as archive:
            archive.add(folder / "records.sql", "records.sql")
            archive.add(folder / "history", "history")


if __name__ == "__main__":
    main()
