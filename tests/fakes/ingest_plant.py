"""An ingest whose broker, clock and history are under the test's control."""

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from config.server import LimitSettings, ServerSettings, SparkplugSettings
from protocols.reading import Value
from protocols.sparkplug.journal_ack import decode_ack
from protocols.sparkplug.names import REBIRTH
from protocols.sparkplug.payload import decode_payload
from server.assets.asset import Asset
from server.assets.registry import Registry
from server.assets.series import Sample, Series
from server.core.db import Base
from server.core.errors import StoreAwayError, StoreError
from server.core.model import Event
from server.core.steady_clock import SteadyClock, newest_record
from server.history.base import Batch, LastValue
from server.history.memory import MemoryHistory
from server.ingest.inbox import Arrival
from server.ingest.metrics import IngestMetrics
from server.ingest.reception import Reception, prepare_reception
from server.ingest.writer import Ingest
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode

PUMP = "site/gw/pump"
PUMP_POINTS: dict[str, Value] = {"pressure": 1.0, "run": True}


class RecordingLink:
    """Remembers what was published."""

    def __init__(self, log: list[str]) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.connected = True
        self.connection = 1
        self._log = log

    def open(self) -> None:
        self.connected = True

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))
        self._log.append("published")

    def look(self) -> None:
        """It has no trouble to tell."""

    def close(self) -> None:
        self.connected = False


class FlakyHistory(MemoryHistory):
    """Fails as often as it is told."""

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.failures = 0
        self.is_away = False
        self._log = log

    def last_values(self) -> Iterable[LastValue]:
        if self.is_away:
            message = "nobody answers"
            raise StoreAwayError(message)
        return super().last_values()

    def append(self, batch: Batch) -> None:
        if self.failures:
            self.failures -= 1
            message = "the disk is full"
            raise StoreError(message)
        super().append(batch)
        self._log.append("stored")


class IngestPlant:
    """One server's ingest over stores that outlive it."""

    def __init__(
        self, folder: Path, *, clock: FakeClock | None = None, limits: LimitSettings | None = None
    ) -> None:
        self.clock = clock or FakeClock()
        """The machine's; it may be turned."""
        self.limits = limits or LimitSettings()
        self.log: list[str] = []
        self.records = open_records(folder)
        self.history = FlakyHistory(self.log)
        self.evaluated: list[Sample] = []
        self.attached: list[tuple[str, str]] = []
        self.restart()

    def restart(self) -> None:
        """Forget everything that is only memory."""
        self.link = RecordingLink(self.log)
        settings = SparkplugSettings(limits=self.limits)
        self.steady = clock = SteadyClock(self.clock)
        clock.start(self.records.read(newest_record))
        stored = [] if self.history.is_away else list(self.history.last_values())
        newest = max((last.taken_at for last in stored), default=0)
        clock.start(newest, tolerance_ms=round(settings.max_future_s * 1000))
        self.metrics = IngestMetrics(clock, CollectorRegistry())
        self.registry = Registry(self.records, clock, on_series=self._attach, limits=self.limits)
        self.registry.load()
        every = ServerSettings(sparkplug=settings)
        inbox = prepare_reception(every, self.registry, clock, self.metrics).inbox
        self.reception = Reception(inbox, self.link, clock)
        self.ingest = Ingest(
            every,
            reception=self.reception,
            records=self.records,
            history=self.history,
            registry=self.registry,
            clock=clock,
            evaluate=self._evaluate,
            metrics=self.metrics,
        )
        self.ingest.restore()

    def _attach(self, series: Series, asset: Asset) -> None:
        self.attached.append((series.key, asset.equipment_class))

    def _evaluate(self, samples: list[Sample]) -> None:
        self.log.append("judged")
        self.evaluated.extend(samples)

    def receive(self, *arrivals: Arrival) -> None:
        """Deliver and carry everything to its end."""
        for arrival in arrivals:
            self.reception.inbox.put(*arrival)
        self.wait(1)

    def hear(self, *arrivals: Arrival) -> None:
        """Deliver as the broker does: stamped by the server's clock."""
        for topic, payload, _ in arrivals:
            self.reception.inbox.put(topic, payload, self.steady.now_ms())
        self.wait(1)

    def wait(self, seconds: float) -> None:
        """Let time pass without a message."""
        self.judge(seconds)
        self.ingest._await_stored()

    def judge(self, seconds: float = 1) -> None:
        """Let time pass, and wait for the history no longer than the ingest does."""
        self.clock.advance(seconds)
        self.ingest._work(wait_s=0)
        while self.ingest._host.busy or len(self.reception.inbox):
            self.ingest._work(wait_s=0)

    def watch(self, key: str) -> Series:
        """Let every value of the point be evaluated."""
        series = self.series(key)
        series.no_change_low, series.no_change_high = 1.0, 0.0
        return series

    def series(self, key: str) -> Series:
        equipment, _, name = key.rpartition("/")
        asset = self.registry.asset(equipment)
        assert asset is not None, key
        return asset.series[name]

    def stored(self, key: str) -> list[object]:
        """Values of a point in the history."""
        rows = self.history.raw(self.series(key).id, 0, 2**60, 100_000)
        return [row.value for row in rows]

    def events(self) -> list[str]:
        """Kind and equipment of all events."""
        query = select(Event).order_by(Event.id)
        rows = self.records.read(lambda session: session.scalars(query).all())
        return [f"{row.kind} {row.payload['key']}" for row in rows]

    def rows(self, table: type[Base]) -> dict[str, Any]:
        """Rows of a table by their key."""
        found: list[Any] = self.records.read(lambda s: list(s.scalars(select(table)).all()))
        return {row.key: row for row in found}

    def acked(self) -> list[tuple[str, str, list[tuple[int, int]]]]:
        """Topic, journal and ranges of each acknowledgement."""
        read = [(topic, decode_ack(decode_payload(data))) for topic, data in self.link.published]
        return [(topic, *ack) for topic, ack in read if ack is not None]

    def rebirths_asked(self) -> list[str]:
        """Topics of the rebirth requests."""
        return [
            topic
            for topic, payload in self.link.published
            if any(metric.name == REBIRTH for metric in decode_payload(payload).metrics)
        ]

    def asked_because(self, reason: str) -> float:
        """How many rebirths were asked for this reason."""
        return self.metrics.rebirths.labels(reason)._value.get()

    def rejected(self, reason: str) -> float:
        return self.metrics.rejected.labels(reason)._value.get()

    def close(self) -> None:
        self.ingest.close()
        self.records.close()


@pytest.fixture
def plant(tmp_path: Path) -> Generator[IngestPlant]:
    made = IngestPlant(tmp_path)
    yield made
    made.close()


@pytest.fixture
def node(plant: IngestPlant) -> EdgeNode:
    return EdgeNode(clock_ms=plant.clock.now_ms())


@pytest.fixture
def pump(plant: IngestPlant, node: EdgeNode) -> IngestPlant:
    """A plant with one pump of two points."""
    birth = [node.nbirth(), node.dbirth("pump", PUMP_POINTS, equipment_class="heating_pump")]
    plant.receive(*birth)
    plant.link.published.clear()
    plant.log.clear()
    return plant
