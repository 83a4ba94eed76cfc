"""Metrics that can be no points, or cannot be told apart: counted, told once, harmless."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, encode_payload, parse, uuid_of
from protocols.sparkplug.sparkplug_b_pb2 import Payload
from server.assets.model import Gateway
from server.ingest.inbox import Arrival
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant

PUMP = "site/gw/pump"


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[IngestPlant]:
    plant = IngestPlant(tmp_path)
    yield plant
    plant.close()


def rejected(plant: IngestPlant, why: str) -> float:
    return plant.ingest.metrics.rejected.labels(why)._value.get()


def metric(name: str, alias: int | None, value: float | None, at: int) -> Metric:
    return Metric(name=name, alias=alias, datatype=DataType.DOUBLE, value=value, timestamp=at)


def odd_birth(node: EdgeNode) -> Arrival:
    """Return a birth of one good metric and seven that are none."""
    at = node.clock_ms
    payload = parse(
        encode_payload(
            [
                metric("good", 1, 1.0, at),
                metric("x" * 201, 2, 1.0, at),
                metric("y" * 201, 3, 1.0, at),
                metric("", 4, 1.0, at),
                metric("nul\0", 5, 1.0, at),
            ],
            timestamp=at,
            seq=node.seq,
        )
    )
    node.seq += 1
    payload.metrics.add(name="table", alias=6, datatype=DataType.DATASET)
    payload.metrics.add(name="machine", alias=7, datatype=DataType.TEMPLATE)
    payload.metrics.add(name="nothing", alias=8)
    return node.arrival("DBIRTH", payload.SerializeToString(), "pump")


def test_metrics_that_can_be_no_points_are_counted_and_told_once_with_an_example(
    plant: IngestPlant,
) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    with capture_logs() as logs:
        plant.receive(node.nbirth(), odd_birth(node), odd_birth(node))
        values: dict[int, Any] = dict.fromkeys(range(1, 9), 5.0)
        plant.receive(node.ddata("pump", values, at=node.clock_ms + 1, uuid=uuid_of("j", 1)))
    told = {
        line["what"]: (line["refused"], line["example"])
        for line in logs
        if line["event"] == "gateway_refused"
    }
    assert told == {
        "long_names": (2, "x" * 60),
        "unusable_names": (2, ""),
        "unusable_types": (3, "table"),
    }
    assert (rejected(plant, "long_names"), rejected(plant, "unusable_types")) == (4, 6)
    plant.wait(11)
    assert plant.rows(Gateway)["site/gw"].refused == {
        "long_names": 4,
        "unusable_names": 4,
        "unusable_types": 6,
    }
    assert plant.stored(f"{PUMP}/good") == [1.0, 5.0]


def test_two_metrics_with_one_alias_get_no_values_of_each_other(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    at = node.clock_ms
    twins = [metric("a", 7, 10.0, at), metric("b", 7, 20.0, at), metric("c", 8, 30.0, at)]
    with capture_logs() as logs:
        plant.receive(node.nbirth(), node.message("DBIRTH", twins, "pump"))
    (told,) = [line for line in logs if line["event"] == "gateway_refused"]
    assert (told["what"], told["refused"], told["example"]) == ("shared_aliases", 2, "a")
    plant.receive(node.ddata("pump", {7: 11.0, 8: 31.0}, at=at + 1))
    named = [metric("a", None, 12.0, at + 2)]
    plant.receive(node.message("DDATA", named, "pump"))
    assert plant.stored(f"{PUMP}/a") == [10.0, 12.0]
    assert plant.stored(f"{PUMP}/b") == [20.0]
    assert plant.stored(f"{PUMP}/c") == [30.0, 31.0]
    assert plant.rebirths_asked() == []
    assert [plant.ingest.aliases.find(PUMP, name) for name in "abc"] == [None, None, 8]


def test_a_birth_that_names_a_metric_twice_is_told(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    at = node.clock_ms
    with capture_logs() as logs:
        plant.receive(
            node.nbirth(),
            node.message("DBIRTH", [metric("a", 7, 1.0, at), metric("a", 8, 2.0, at)], "pump"),
        )
    (told,) = [line for line in logs if line["event"] == "gateway_refused"]
    assert (told["what"], told["example"]) == ("repeated_names", "a")


def test_a_name_that_only_data_speak_of_is_counted_too(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    plant.receive(node.nbirth(), node.dbirth("pump", {"p": 1.0}))
    with capture_logs() as logs:
        for _ in range(2):
            plant.receive(
                node.message("DDATA", [metric("z" * 300, None, 1.0, node.clock_ms)], "pump")
            )
    (told,) = [line for line in logs if line["event"] == "gateway_refused"]
    assert (told["what"], rejected(plant, "long_names")) == ("long_names", 1)
    assert plant.rebirths_asked() == []


def test_a_name_that_is_no_unicode_refuses_its_message_and_nothing_else(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    plant.receive(node.nbirth(), node.dbirth("pump", {"p": 1.0}))
    payload = Payload(timestamp=1, seq=node.seq)
    payload.metrics.add(name="abc", datatype=DataType.DOUBLE, double_value=1.0)
    torn = payload.SerializeToString().replace(b"abc", b"\xed\xa0\x80")
    plant.receive(node.arrival("DDATA", torn, "pump"))
    assert rejected(plant, "payload") == 1
