"""The queue, the acknowledgements and the garbage that a broker may deliver."""

import random
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from protocols.sparkplug.journal_ack import decode_ack
from protocols.sparkplug.payload import decode_payload
from protocols.sparkplug.topics import MessageKind, Topic
from server.ingest.acks import Acks
from server.ingest.inbox import Arrival, Bounds, Inbox
from server.ingest.metrics import IngestMetrics
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant


@pytest.fixture
def plant(tmp_path: Path) -> Generator[IngestPlant]:
    made = IngestPlant(tmp_path)
    yield made
    made.close()


def inbox(**bounds: int) -> tuple[Inbox, IngestMetrics]:
    metrics = IngestMetrics(FakeClock(), CollectorRegistry())
    return Inbox(metrics, Bounds(**bounds)), metrics


def counted(metrics: IngestMetrics, reason: str) -> float:
    return metrics.rejected.labels(reason)._value.get()


def test_the_queue_gives_back_in_order_and_up_to_the_limit() -> None:
    queue, _ = inbox()
    for number in range(5):
        queue.put("t", bytes([number]), number)
    assert [one.arrived_at for one in queue.take(limit=3, wait_s=0)] == [0, 1, 2]
    assert queue.take(limit=9, wait_s=0) == [Arrival("t", b"\3", 3), Arrival("t", b"\4", 4)]
    assert queue.take(limit=9, wait_s=0) == []


def test_a_full_queue_refuses_data_and_has_a_reserve_for_births_and_deaths() -> None:
    queue, metrics = inbox(messages=4)
    for _ in range(5):
        queue.put("spBv1.0/s/DDATA/g/d", b"x", 0)
    for kind in ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH"):
        queue.put(f"spBv1.0/s/{kind}/g", b"x", 0)
    assert len(queue) == 8
    assert counted(metrics, "queue_full") == 1
    assert queue.take_missed() == set()
    queue.put("spBv1.0/s/DBIRTH/g/d", b"x", 0)
    assert len(queue) == 8
    assert queue.take_missed() == {"s/g"}


def test_a_queue_full_of_bytes_takes_again_once_it_was_emptied() -> None:
    queue, metrics = inbox(bytes=10)
    queue.put("spBv1.0/s/NDATA/g", b"12345678", 0)
    queue.put("spBv1.0/s/NDATA/g", b"12345678", 0)
    queue.take(limit=9, wait_s=0)
    queue.put("spBv1.0/s/NDATA/g", b"12345678", 0)
    assert len(queue) == 1
    assert counted(metrics, "queue_full") == 1


def test_a_payload_over_the_limit_is_refused_at_the_door() -> None:
    queue, metrics = inbox(payload_bytes=100)
    queue.put("spBv1.0/s/NBIRTH/g", bytes(10_000_000), 0)
    queue.put("spBv1.0/s/NBIRTH/g", bytes(100), 0)
    assert len(queue) == 1
    assert counted(metrics, "payload_too_large") == 1


def test_a_waiting_reader_is_woken() -> None:
    queue, _ = inbox()
    queue.wake()
    assert queue.take(limit=1, wait_s=20) == []


def test_a_reason_is_logged_once_a_minute_and_counted_always() -> None:
    clock = FakeClock()
    metrics = IngestMetrics(clock, CollectorRegistry())
    with capture_logs() as logs:
        for _ in range(100):
            metrics.reject("payload", topic="x")
        clock.advance(61)
        metrics.reject("payload", topic="y")
    assert [(line["topic"], line["unlogged_before"]) for line in logs] == [("x", 0), ("y", 99)]
    assert counted(metrics, "payload") == 101


def test_acknowledgements_are_one_message_per_node_and_journal() -> None:
    acks = Acks()
    for node, journal, offset in (("a", "j1", 3), ("a", "j1", 1), ("a", "j1", 2), ("b", "j1", 9)):
        acks.add(Topic("s", MessageKind.DDATA, node, "d"), f"{journal}/{offset}")
    acks.add(Topic("s", MessageKind.NDATA, "a"), "j2/5")
    acks.add(Topic("s", MessageKind.NDATA, "a"), "somebody else's uuid")
    found = [(topic, decode_ack(decode_payload(payload))) for topic, payload in acks.take(1)]
    assert found == [
        ("spBv1.0/s/NCMD/a", ("j1", [(1, 3)])),
        ("spBv1.0/s/NCMD/b", ("j1", [(9, 9)])),
        ("spBv1.0/s/NCMD/a", ("j2", [(5, 5)])),
    ]
    assert list(acks.take(1)) == []


def test_many_torn_ranges_are_split_over_messages() -> None:
    acks = Acks()
    for offset in range(0, 9_000, 2):
        acks.add(Topic("s", MessageKind.DDATA, "a", "d"), f"j/{offset}")
    messages = [decode_ack(decode_payload(payload)) for _, payload in acks.take(1)]
    ranges = [one for ack in messages if ack for one in ack[1]]
    assert ranges == [(offset, offset) for offset in range(0, 9_000, 2)]
    assert len(messages) == 3


GARBAGE_TOPICS = [
    "",
    "spBv1.0",
    "spBv1.0/",
    "spBv1.0////",
    "spBv1.0/site/NOTHING/gw",
    "spBv1.0/site/DDATA/gw",
    "spBv1.0/site/NDATA/gw/extra",
    "spBv1.0/STATE/plantroom",
    "spBv1.0/STATE",
    "spBv1.0/" + "x" * 60_000 + "/NBIRTH/gw",
    "spBv1.0/site/NBIRTH/" + "y" * 400,
    "spAv1.0/site/NBIRTH/gw",
    "spBv1.0/site/NBIRTH/水泵",
    "not UTF-8",
]


@pytest.mark.parametrize("topic", GARBAGE_TOPICS, ids=lambda topic: topic[:30])
def test_garbage_on_any_topic_is_survived(plant: IngestPlant, topic: str) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    for payload in (b"", b"\0", b"{}", node.nbirth().payload, b"\xff" * 1000):
        plant.receive(Arrival(topic, payload, node.clock_ms))
    plant.receive(node.nbirth(), node.dbirth("pump", {"run": True}))
    assert plant.stored("site/gw/pump/run") == [True]


@given(
    kind=st.sampled_from([str(kind) for kind in MessageKind]),
    seed=st.integers(0, 2**32),
    swaps=st.integers(0, 12),
    cut=st.integers(0, 400),
)
def test_torn_and_bent_messages_are_survived(
    plant: IngestPlant, kind: str, seed: int, swaps: int, cut: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    whole = node.dbirth("pump", {"run": True, "hours": 5, "text": "x", "p": 1.5}).payload
    payload = bytearray(whole[: max(0, len(whole) - cut)])
    for _ in range(swaps):
        if payload:
            payload[chance.randrange(len(payload))] = chance.randrange(256)
    device = "pump" if kind.startswith("D") else None
    plant.receive(node.arrival(kind, bytes(payload), device))
    plant.receive(node.nbirth(), node.arrival(kind, bytes(payload), device))
    assert plant.ingest.metrics.messages._value.get() > 0


def test_a_torn_payload_is_counted_and_the_next_one_read(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    plant.receive(node.nbirth(), node.dbirth("pump", {"p": 1.0}))
    good = node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1)
    plant.receive(good._replace(payload=good.payload[:-3]), good)
    assert plant.rejected("payload") == 1
    assert plant.stored("site/gw/pump/p") == [1.0, 2.0]


def test_values_of_the_wrong_type_are_no_values(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    plant.receive(node.nbirth(), node.dbirth("pump", {"p": 1.0}))
    for step, value in enumerate((7, "text", True), 1):
        plant.receive(node.ddata("pump", {1: value}, at=node.clock_ms + step))
    assert plant.stored("site/gw/pump/p") == [1.0, None, None, None]
