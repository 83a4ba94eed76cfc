"""From a data message to values, alarms and acknowledgement."""

import math

import pytest

from protocols.reading import Quality
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, encode_payload, parse, uuid_of
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]


def test_data_are_judged_then_stored_then_acknowledged(pump: IngestPlant, node: EdgeNode) -> None:
    pump.watch(f"{PUMP}/pressure")
    node.clock_ms += 100
    pump.receive(
        node.ddata("pump", {1: 2.0}, uuid=uuid_of("j1", 7)),
        node.ddata("pump", {1: 3.0}, at=node.clock_ms + 1, uuid=uuid_of("j1", 8)),
        node.ddata("pump", {2: False}, uuid=uuid_of("j1", 10)),
    )
    assert pump.log == ["judged", "stored", "published"]
    assert [sample.value for sample in pump.evaluated] == [2.0, 3.0]
    assert pump.acked() == [("spBv1.0/site/NCMD/gw", "j1", [(7, 8), (10, 10)])]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0, 3.0]


def test_values_inside_the_quiet_band_are_not_judged_but_bad_ones_are(
    pump: IngestPlant, node: EdgeNode
) -> None:
    series = pump.series(f"{PUMP}/pressure")
    series.no_change_low, series.no_change_high = 0.0, 5.0
    for step, value in enumerate((0.0, 5.0, 5.1), 1):
        pump.receive(node.ddata("pump", {1: value}, at=node.clock_ms + step))
    at = node.clock_ms + 9
    pump.receive(node.ddata("pump", {1: None}, at=at, quality=Quality.BAD, reason="timeout"))
    assert [(one.value, one.quality, one.reason) for one in pump.evaluated] == [
        (5.1, Quality.GOOD, ""),
        (None, Quality.BAD, "timeout"),
    ]


def test_what_is_sent_again_is_acknowledged_but_neither_judged_nor_stored_again(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.watch(f"{PUMP}/pressure")
    for _ in range(2):
        at = node.clock_ms + 5
        pump.receive(node.ddata("pump", {1: 2.0}, at=at, uuid="j/4", historical=True))
    assert len(pump.evaluated) == 1
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]
    assert [ranges for _, _, ranges in pump.acked()] == [[(4, 4)], [(4, 4)]]


def test_historical_and_older_values_are_late(pump: IngestPlant, node: EdgeNode) -> None:
    series = pump.watch(f"{PUMP}/pressure")
    at = node.clock_ms
    pump.receive(
        node.ddata("pump", {1: 2.0}, at=at + 10),
        node.ddata("pump", {1: 1.5}, at=at + 5),
        node.ddata("pump", {1: 3.0}, at=at + 20, historical=True),
    )
    assert [(one.value, one.late) for one in pump.evaluated] == [
        (2.0, False),
        (1.5, True),
        (3.0, True),
    ]
    assert (series.last_value, series.last_at) == (3.0, at + 20)
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 1.5, 2.0, 3.0]


def test_an_unknown_alias_is_not_acknowledged_and_asks_for_one_rebirth(
    pump: IngestPlant, node: EdgeNode
) -> None:
    at = node.clock_ms + 1
    pump.receive(
        node.ddata("pump", {1: 2.0, 99: 1.0}, at=at, uuid="j/1"),
        node.ddata("pump", {99: 1.0}, at=at, uuid="j/2"),
        node.ddata("pump", {2: False}, at=at, uuid="j/3"),
    )
    assert pump.rebirths_asked() == ["spBv1.0/site/NCMD/gw"]
    assert [ranges for _, _, ranges in pump.acked()] == [[(3, 3)]]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]


def test_a_journaled_value_of_a_dropped_point_comes_with_its_name(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.receive(node.nbirth(), node.dbirth("pump", {"run": True}))
    at = node.clock_ms + 1
    old = Metric(name="pressure", datatype=DataType.DOUBLE, value=9.0, timestamp=at)
    new = Metric(name="never_born", datatype=DataType.INT16, value=-3, timestamp=at)
    pump.receive(node.message("DDATA", [old, new], "pump", uuid="j/1"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 9.0]
    assert pump.stored(f"{PUMP}/never_born") == [-3]
    assert len(pump.acked()) == 1


def test_timestamps_that_cannot_be_are_counted_and_nothing_is_stored(
    pump: IngestPlant, node: EdgeNode
) -> None:
    now = node.clock_ms
    for at in (0, 1, 946_684_799_999, now + 301_000, 2**63):
        pump.receive(node.ddata("pump", {1: 5.0}, at=at, uuid="j/1"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0]
    assert pump.rejected("timestamp_too_old") == 3
    assert pump.rejected("timestamp_in_future") == 2
    pump.receive(node.ddata("pump", {1: 5.0}, at=now + 299_000))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 5.0]


def test_a_metric_without_time_has_its_payloads_or_the_arrivals(
    pump: IngestPlant, node: EdgeNode
) -> None:
    bare = Metric(alias=1, value=2.0, datatype=DataType.DOUBLE)
    pump.receive(node.message("DDATA", [bare], "pump", timestamp=node.clock_ms + 7))
    payload = encode_payload([bare], timestamp=0, seq=node.seq)[2:]
    node.seq += 1
    node.clock_ms += 50
    pump.receive(node.arrival("DDATA", payload, "pump"))
    found = pump.history.raw(pump.series(f"{PUMP}/pressure").id, 0, 2**60, 10)
    assert [row.taken_at - node.clock_ms for row in found] == [-50, -43, 0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_stored_as_bad(
    pump: IngestPlant, node: EdgeNode, value: float
) -> None:
    arrival = node.ddata("pump", {1: 7.25}, at=node.clock_ms + 1)
    payload = parse(arrival.payload)
    payload.metrics[0].double_value = value
    pump.receive(arrival._replace(payload=payload.SerializeToString()))
    (_, row) = pump.history.raw(pump.series(f"{PUMP}/pressure").id, 0, 2**60, 10)
    assert (row.value, row.quality, row.reason) == (None, Quality.BAD, "not_a_number")


def test_null_without_quality_is_bad_in_data_and_nothing_in_a_birth(
    plant: IngestPlant, node: EdgeNode
) -> None:
    empty = Metric(name="p", alias=1, datatype=DataType.DOUBLE, timestamp=node.clock_ms)
    plant.receive(node.nbirth(), node.message("DBIRTH", [empty], "pump"))
    assert plant.stored(f"{PUMP}/p") == []
    plant.receive(node.ddata("pump", {1: None}, at=node.clock_ms + 1))
    (row,) = plant.history.raw(plant.series(f"{PUMP}/p").id, 0, 2**60, 10)
    assert (row.value, row.quality, row.reason) == (None, Quality.BAD, "no_value")


def test_counters_of_64_bits_stay_exact(plant: IngestPlant, node: EdgeNode) -> None:
    plant.receive(node.nbirth(), node.dbirth("meter", {"energy": 2**64 - 2}))
    plant.receive(node.ddata("meter", {1: 2**64 - 1}, at=node.clock_ms + 1))
    assert plant.stored("site/gw/meter/energy") == [2**64 - 2, 2**64 - 1]


def test_a_gap_in_the_sequence_asks_for_a_rebirth_after_the_reorder_time(
    pump: IngestPlant, node: EdgeNode
) -> None:
    node.seq += 1
    node.clock_ms = pump.clock.now_ms()
    pump.receive(node.ddata("pump", {1: 4.0}, uuid="j/1"))
    assert pump.rebirths_asked() == []
    pump.clock.advance(5)
    pump.receive()
    assert pump.rebirths_asked() == ["spBv1.0/site/NCMD/gw"]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 4.0]
    assert len(pump.acked()) == 1


def test_many_points_that_nobody_declared_are_one_transaction(
    pump: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[object] = []
    write = pump.records.write
    monkeypatch.setattr(pump.records, "write", lambda work: (writes.append(work), write(work))[1])
    metrics = [
        Metric(name=f"p{n}", datatype=DataType.DOUBLE, value=1.0, timestamp=node.clock_ms)
        for n in range(500)
    ]
    pump.receive(node.message("DDATA", metrics, "pump", uuid="j/1"))
    assert len(writes) == 1
    assert pump.stored(f"{PUMP}/p499") == [1.0]
    assert len(pump.acked()) == 1
