"""Values per second from the broker into the history, and what paho and protobuf alone allow."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from config.alarming import AlarmSettings
from config.load import load_classes
from config.mqtt import MqttSettings
from config.server import MessageSettings, ServerSettings
from protocols.sparkplug.payload import parse
from protocols.sparkplug.topics import MessageKind, parse_topic
from server.alarming.announcements import AlarmNotifier
from server.alarming.pipeline import AlarmPipeline
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.model import Alarm
from server.alarms.rulebook import RuleBook
from server.alarms.suppression.outages import Outages
from server.assets.asset import Asset
from server.assets.registry import Registry
from server.assets.series import CONNECTION, Series
from server.core import schema
from server.core.clock import SystemClock
from server.core.records import Records
from server.history.base import History
from server.history.duckdb import DuckHistory
from server.ingest.acks import Acks
from server.ingest.metrics import IngestMetrics
from server.ingest.reception import prepare_reception
from server.ingest.writer import Ingest
from tests.bench import flood
from tests.mosquitto import Mosquitto

MESSAGES = 40_000
_ACK_EVERY = 200


@contextmanager
def _embedded(folder: Path) -> Iterator[History]:
    with closing(DuckHistory(folder)) as history:
        yield history


OpenHistory = Callable[[Path], AbstractContextManager[History]]


def run(messages: int = MESSAGES, *, open_history: OpenHistory = _embedded) -> dict[str, Any]:
    """Values per second of the whole ingest, beside paho and protobuf alone."""
    with tempfile.TemporaryDirectory() as name, open_history(Path(name) / "history") as history:
        return asyncio.run(_run(Path(name), messages, history))


async def _run(folder: Path, messages: int, history: History) -> dict[str, Any]:
    async with Mosquitto(folder / "broker") as broker:
        bare_s = await _bare(broker.port, messages)
        figures = await _whole(folder, broker.port, messages, history)
    values = messages * flood.POINTS
    figures["bare_values_per_s"] = round(values / bare_s)
    return figures


@asynccontextmanager
async def _flood(port: int, messages: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.flood", str(port), str(messages)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _bare(port: int, messages: int) -> float:
    """Seconds to receive and parse the messages, without anything else."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    acks, seen, started_at = Acks(), 0, 0.0

    def on_message(client: Client, _userdata: object, message: MQTTMessage) -> None:
        nonlocal seen, started_at
        topic = parse_topic(message.topic)
        if topic.kind is not MessageKind.DDATA:
            return
        payload = parse(bytes(message.payload))
        seen += 1
        started_at = started_at or time.perf_counter()
        acks.add(topic, payload.uuid)
        if seen % _ACK_EVERY == 0 or seen == messages:
            for name, ack in acks.take(0):
                client.publish(name, ack)
        if seen == messages:
            loop.call_soon_threadsafe(done.set)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe("spBv1.0/+/DDATA/#")
    client.loop_start()
    async with _flood(port, messages):
        await done.wait()
    client.disconnect()
    client.loop_stop()
    return time.perf_counter() - started_at


async def _whole(folder: Path, port: int, messages: int, history: History) -> dict[str, Any]:
    """Figures of the real ingest with its stores."""
    clock = SystemClock()
    url = f"sqlite:///{folder}/records.sqlite"
    schema.upgrade(url)
    metrics = IngestMetrics(clock, CollectorRegistry())
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    stored, started_at, ended_at = 0, 0.0, 0.0
    wanted = (messages + flood.DEVICES) * flood.POINTS

    connections: set[int] = set()

    def on_series(series: Series, asset: Asset) -> None:
        engine.attach(series, equipment_class=asset.equipment_class)
        if series.name == CONNECTION:
            connections.add(series.id)

    def count(series: list[int]) -> None:
        nonlocal stored, started_at, ended_at
        started_at = started_at or time.perf_counter()
        stored += sum(number not in connections for number in series)
        if stored >= wanted:
            ended_at = time.perf_counter()
            loop.call_soon_threadsafe(done.set)

    with Records.open(url) as records:
        engine = AlarmEngine(RuleBook(load_classes()), clock)
        chain = AlarmPipeline(
            records,
            engine,
            AlarmNotifier(MessageSettings()),
            clock,
            outages=Outages(AlarmSettings()),
        )
        chain.restore()
        registry = Registry(records, clock, on_series=on_series)
        settings = ServerSettings(mqtt=MqttSettings(port=port))
        reception = prepare_reception(settings, registry, clock, metrics)
        ingest = Ingest(
            settings,
            reception=reception,
            records=records,
            history=history,
            registry=registry,
            clock=clock,
            evaluate=chain.on_samples,
            stored=count,
            metrics=metrics,
        )
        async with ingest:
            while not reception.link.connected:
                await asyncio.sleep(0.01)
            cpu = time.process_time()
            async with _flood(port, messages):
                await done.wait()
            cpu = time.process_time() - cpu
        alarms = records.read(lambda session: session.scalar(select(func.count(Alarm.id))))
        counts = await asyncio.to_thread(_count, history, registry)
    values = messages * flood.POINTS
    return {
        "values_per_s": round(values / (ended_at - started_at)),
        "values": values,
        "cpu_s_per_1000_values": round(cpu / values * 1000, 5),
        "alarms": alarms,
        "lost_or_doubled": wanted - counts,
    }


def _count(history: History, registry: Registry) -> int:
    """Rows of all points but the connections."""
    return sum(
        bucket.count
        for asset in registry.assets()
        for series in asset.series.values()
        if series.name != CONNECTION
        for bucket in history.buckets(series.id, 0, 2**53, 1)
    )


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
