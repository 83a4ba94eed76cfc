"""From arrival to rows, values, alarms and acknowledgement, without a broker."""

import asyncio
import math
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.reading import Quality
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack, uuid_of
from protocols.sparkplug.names import ONLINE, REBIRTH
from protocols.sparkplug.payload import Metric, decode_payload, encode_payload, parse
from server.assets.model import Equipment, Gateway, Point
from server.core.errors import StoreError
from server.ingest.model import Birth
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant

PUMP = "site/gw/pump"


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
    plant.receive(
        node.nbirth(),
        node.dbirth("pump", {"pressure": 1.0, "run": True}, equipment_class="heating_pump"),
    )
    plant.link.published.clear()
    plant.log.clear()
    return plant


def rows(plant: IngestPlant, table: type) -> dict[str, object]:
    found = plant.records.read(lambda session: session.scalars(select(table)).all())
    return {row.key: row for row in found}


def acked(plant: IngestPlant) -> list[tuple[str, str, list[tuple[int, int]]]]:
    found = []
    for topic, payload in plant.link.published:
        ack = decode_ack(decode_payload(payload))
        if ack is not None:
            found.append((topic, *ack))
    return found


def rebirths_asked(plant: IngestPlant) -> list[str]:
    return [
        topic
        for topic, payload in plant.link.published
        if any(metric.name == REBIRTH for metric in decode_payload(payload).metrics)
    ]


def test_births_become_equipment_and_points(pump: IngestPlant) -> None:
    equipment = rows(pump, Equipment)
    assert set(equipment) == {"site/gw", PUMP}
    row = equipment[PUMP]
    assert (row.equipment_class, row.name_en, row.name_zh) == (
        "heating_pump",
        "Device pump",
        "设备 pump",
    )
    points = rows(pump, Point)
    assert set(points) == {f"{PUMP}/{name}" for name in ("pressure", "run", "connection")} | {
        "site/gw/connection"
    }
    pressure = points[f"{PUMP}/pressure"]
    assert (pressure.unit, pressure.name_zh, pressure.max_silence_ms, pressure.datatype) == (
        "bar",
        "点",
        60_000,
        DataType.DOUBLE,
    )
    assert rows(pump, Gateway)["site/gw"].online
    assert (f"{PUMP}/pressure", "heating_pump") in pump.attached


def test_births_bring_values_states_and_events(pump: IngestPlant) -> None:
    assert pump.stored(f"{PUMP}/pressure") == [1.0]
    assert pump.stored(f"{PUMP}/connection") == [True]
    assert pump.events() == [
        "equipment.born site/gw",
        f"equipment.born {PUMP}",
        "equipment.online site/gw",
        f"equipment.online {PUMP}",
    ]


def test_a_rebirth_that_says_nothing_new_writes_no_event_and_no_value(
    pump: IngestPlant, node: EdgeNode
) -> None:
    before = pump.events()
    pump.receive(
        node.nbirth(),
        node.dbirth("pump", {"pressure": 1.0, "run": True}, equipment_class="heating_pump"),
    )
    assert pump.events() == before
    assert pump.stored(f"{PUMP}/pressure") == [1.0]


def test_a_point_that_is_born_later_is_added_and_a_dropped_one_stays(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.receive(node.nbirth(), node.dbirth("pump", {"flow": 3.5}, equipment_class="heating_pump"))
    assert {f"{PUMP}/flow", f"{PUMP}/pressure"} <= set(rows(pump, Point))
    assert pump.stored(f"{PUMP}/flow") == [3.5]


def test_a_changed_class_attaches_all_points_again(pump: IngestPlant, node: EdgeNode) -> None:
    pump.attached.clear()
    points = {"pressure": 1.0, "run": True}
    pump.receive(node.nbirth(), node.dbirth("pump", points, equipment_class="drainage"))
    assert sorted(pump.attached) == [
        (f"{PUMP}/{name}", "drainage") for name in ("connection", "pressure", "run")
    ]


def test_data_are_judged_then_stored_then_acknowledged(pump: IngestPlant, node: EdgeNode) -> None:
    pump.watch(f"{PUMP}/pressure")
    node.clock_ms += 100
    pump.receive(
        node.ddata("pump", {1: 2.0}, uuid=uuid_of("j1", 7)),
        node.ddata("pump", {1: 3.0}, at=node.clock_ms + 1, uuid=uuid_of("j1", 8)),
        node.ddata("pump", {2: False}, uuid=uuid_of("j1", 10)),
    )
    assert pump.log == ["judged", "stored", "published"]
    assert [sample.value for sample in pump.suspects] == [2.0, 3.0]
    assert acked(pump) == [("spBv1.0/site/NCMD/gw", "j1", [(7, 8), (10, 10)])]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0, 3.0]


def test_values_inside_the_quiet_band_are_not_judged_but_bad_ones_are(
    pump: IngestPlant, node: EdgeNode
) -> None:
    series = pump.series(f"{PUMP}/pressure")
    series.quiet_low, series.quiet_high = 0.0, 5.0
    for step, value in enumerate((0.0, 5.0, 5.1), 1):
        pump.receive(node.ddata("pump", {1: value}, at=node.clock_ms + step))
    at = node.clock_ms + 9
    pump.receive(node.ddata("pump", {1: None}, at=at, quality=Quality.BAD, reason="timeout"))
    assert [(one.value, one.quality, one.reason) for one in pump.suspects] == [
        (5.1, Quality.GOOD, ""),
        (None, Quality.BAD, "timeout"),
    ]


def test_nothing_is_acknowledged_before_it_is_stored(
    pump: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump.history.failures = 3
    pauses: list[float] = []
    monkeypatch.setattr(pump.ingest._stopping, "wait", lambda s: pauses.append(s) or False)
    pump.receive(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1, uuid=uuid_of("j", 1)))
    assert pauses == [0.1, 0.2, 0.4]
    assert pump.log == ["stored", "published"]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]


def test_a_stop_while_the_store_is_away_leaves_everything_unacknowledged(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.history.failures = 1_000_000
    pump.ingest.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1, uuid="j/1"))
    pump.ingest._stopping.set()
    pump.clock.advance(1)
    pump.ingest._run()
    assert acked(pump) == []


def test_what_is_sent_again_is_acknowledged_but_neither_judged_nor_stored_again(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.watch(f"{PUMP}/pressure")
    for _ in range(2):
        at = node.clock_ms + 5
        pump.receive(node.ddata("pump", {1: 2.0}, at=at, uuid="j/4", historical=True))
    assert len(pump.suspects) == 1
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]
    assert [ranges for _, _, ranges in acked(pump)] == [[(4, 4)], [(4, 4)]]


def test_historical_and_older_values_are_late(pump: IngestPlant, node: EdgeNode) -> None:
    series = pump.watch(f"{PUMP}/pressure")
    at = node.clock_ms
    pump.receive(
        node.ddata("pump", {1: 2.0}, at=at + 10),
        node.ddata("pump", {1: 1.5}, at=at + 5),
        node.ddata("pump", {1: 3.0}, at=at + 20, historical=True),
    )
    assert [(one.value, one.late) for one in pump.suspects] == [
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
    assert rebirths_asked(pump) == ["spBv1.0/site/NCMD/gw"]
    assert [ranges for _, _, ranges in acked(pump)] == [[(3, 3)]]
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
    assert len(acked(pump)) == 1


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


def test_a_dead_device_is_offline_until_it_is_born(pump: IngestPlant, node: EdgeNode) -> None:
    series = pump.series(f"{PUMP}/connection")
    series.quiet_low = series.quiet_high = 1.0
    pump.receive(node.ddeath("pump"))
    row = rows(pump, Equipment)[PUMP]
    assert (row.online, row.reason) == (False, "device_death")
    assert [sample.value for sample in pump.suspects] == [False]
    pump.receive(node.dbirth("pump", {"pressure": 1.0}, equipment_class="heating_pump"))
    assert rows(pump, Equipment)[PUMP].online
    assert pump.stored(f"{PUMP}/connection") == [True, False, True]
    assert pump.events()[-2:] == [f"equipment.offline {PUMP}", f"equipment.online {PUMP}"]


def test_a_dead_gateway_takes_its_devices_with_it(pump: IngestPlant, node: EdgeNode) -> None:
    pump.receive(node.ndeath(bd_seq=5))
    assert rows(pump, Equipment)[PUMP].online
    pump.receive(node.ndeath())
    found = rows(pump, Equipment)
    assert (found[PUMP].online, found[PUMP].reason) == (False, "gateway_offline")
    assert (found["site/gw"].online, found["site/gw"].reason) == (False, "connection_lost")
    assert not rows(pump, Gateway)["site/gw"].online


def test_a_device_that_is_described_as_not_answering_is_offline(
    plant: IngestPlant, node: EdgeNode
) -> None:
    away = Metric(name=ONLINE, datatype=DataType.BOOLEAN, value=False)
    plant.receive(node.nbirth(), node.message("DBIRTH", [away], "pump"), node.ddeath("pump"))
    assert not rows(plant, Equipment)[PUMP].online
    assert plant.stored(f"{PUMP}/connection") == [False]


def test_a_slow_clock_of_the_node_cannot_bring_it_back_before_it_went(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.receive(node.ndeath())
    at = pump.clock.now_ms()
    pump.receive(
        node.nbirth(),
        node.dbirth("pump", {"pressure": 1.0}, equipment_class="heating_pump", at=at - 60_000),
    )
    assert pump.stored(f"{PUMP}/connection") == [True, False, True]


def test_a_restarted_server_decodes_at_once_and_asks_nobody(
    pump: IngestPlant, node: EdgeNode
) -> None:
    for _ in range(9):
        node.seq += 1
    pump.restart()
    assert pump.series(f"{PUMP}/pressure").last_value == 1.0
    pump.receive(node.ddata("pump", {1: 4.0}, at=node.clock_ms + 1, uuid="j/1"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 4.0]
    assert acked(pump) != []
    assert rebirths_asked(pump) == []


def test_a_change_that_a_crash_kept_from_the_alarms_is_told_at_the_start(
    pump: IngestPlant,
) -> None:
    series = pump.series(f"{PUMP}/connection")
    pump.history._latest.pop(series.id)
    pump.history._rows.pop(series.id)
    pump.restart()
    pump.receive()
    assert pump.stored(f"{PUMP}/connection") == [True]


def test_a_node_nobody_knows_is_asked_for_its_birth(plant: IngestPlant, node: EdgeNode) -> None:
    plant.receive(node.ddata("pump", {1: 4.0}, uuid="j/1"))
    assert rebirths_asked(plant) == ["spBv1.0/site/NCMD/gw"]
    assert acked(plant) == []


def test_a_gap_in_the_sequence_asks_for_a_rebirth_after_the_reorder_time(
    pump: IngestPlant, node: EdgeNode
) -> None:
    node.seq += 1
    node.clock_ms = pump.clock.now_ms()
    pump.receive(node.ddata("pump", {1: 4.0}, uuid="j/1"))
    assert rebirths_asked(pump) == []
    pump.clock.advance(5)
    pump.receive()
    assert rebirths_asked(pump) == ["spBv1.0/site/NCMD/gw"]
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 4.0]
    assert len(acked(pump)) == 1


def test_a_plain_node_of_somebody_else_is_ingested(plant: IngestPlant) -> None:
    node = EdgeNode("Plant 7", "ignition", clock_ms=plant.clock.now_ms())
    at = node.clock_ms
    own = Metric(name="Inputs/cpu load", datatype=DataType.FLOAT, value=0.5, timestamp=at)
    odd = Metric(name="table", datatype=DataType.DATASET, timestamp=at)
    valve = Metric(name="valve/open", datatype=DataType.BOOLEAN, value=True, timestamp=at)
    plant.receive(node.nbirth(own, odd), node.message("DBIRTH", [valve], "Valve 1"))
    later = Metric(name="valve/open", datatype=DataType.BOOLEAN, value=False, timestamp=at + 1)
    plant.receive(node.message("DDATA", [later], "Valve 1"))
    found = rows(plant, Equipment)
    assert set(found) == {"Plant 7/ignition", "Plant 7/ignition/Valve 1"}
    assert found["Plant 7/ignition/Valve 1"].equipment_class == ""
    assert found["Plant 7/ignition"].name_zh == "ignition"
    assert plant.stored("Plant 7/ignition/connection") == [True]
    asset = plant.registry.asset("Plant 7/ignition")
    assert asset is not None
    assert set(asset.series) == {"connection", "Inputs/cpu load"}
    valve_series = plant.registry.asset("Plant 7/ignition/Valve 1").series["valve/open"]
    assert [row.value for row in plant.history.raw(valve_series.id, 0, 2**60, 9)] == [True, False]
    assert plant.link.published == []


def test_metrics_that_would_share_a_key_are_two_points(plant: IngestPlant, node: EdgeNode) -> None:
    own = Metric(name="pump/run", datatype=DataType.DOUBLE, value=0.5, timestamp=node.clock_ms)
    plant.receive(node.nbirth(), node.dbirth("pump", {"run": True}), node.nbirth(own))
    assert {f"{PUMP}/run", "site/gw//pump/run"} <= set(rows(plant, Point))


def test_odd_births_do_no_harm(plant: IngestPlant, node: EdgeNode) -> None:
    at = node.clock_ms
    node.bd_seq = 2**63 - 1
    metrics = [
        Metric(name="a\0b", alias=1, datatype=DataType.DOUBLE, value=1.0, timestamp=at),
        Metric(name="x" * 5000, alias=2, datatype=DataType.DOUBLE, value=1.0, timestamp=at),
        Metric(name="connection", alias=3, datatype=DataType.BOOLEAN, value=False, timestamp=at),
        Metric(
            name="p",
            alias=4,
            datatype=DataType.DOUBLE,
            value=1.0,
            timestamp=at,
            properties={"MaxSilence": 2**62, "engUnit": "\0" * 99, "Name/en": ""},
        ),
        Metric(name="p", alias=5, datatype=DataType.DOUBLE, value=2.0, timestamp=at),
    ]
    plant.receive(node.nbirth(), node.message("DBIRTH", metrics, "pump"))
    assert set(rows(plant, Point)) == {f"{PUMP}/p", f"{PUMP}/connection", "site/gw/connection"}
    assert plant.stored(f"{PUMP}/connection") == [True]
    assert set(rows(plant, Birth)) == {"site/gw", PUMP}


def test_a_store_that_fails_during_a_birth_delays_it_only(
    plant: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = plant.records.write, [StoreError("locked"), StoreError("locked")]

    def flaky(work: Callable[[Session], object]) -> object:
        if failures:
            raise failures.pop()
        return write(work)

    monkeypatch.setattr(plant.records, "write", flaky)
    monkeypatch.setattr(plant.ingest._stopping, "wait", lambda _s: False)
    plant.receive(node.nbirth(), node.dbirth("pump", {"run": True}))
    assert plant.stored(f"{PUMP}/run") == [True]


async def test_a_bug_in_the_chain_ends_the_ingest_visibly(
    pump: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump.watch(f"{PUMP}/pressure")

    def bug(_samples: object) -> None:
        message = "a bug"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(pump.ingest, "_suspects", bug)
    async with pump.ingest, asyncio.timeout(5):
        pump.ingest.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await pump.ingest.run()


async def test_closing_stores_what_has_arrived_and_may_be_repeated(
    pump: IngestPlant, node: EdgeNode
) -> None:
    async with pump.ingest:
        assert pump.ingest.alive
        for number in range(50):
            value = float(number)
            pump.ingest.inbox.put(*node.ddata("pump", {1: value}, at=node.clock_ms + 1 + number))
    pump.ingest.close()
    assert not pump.ingest.alive
    assert pump.stored(f"{PUMP}/pressure")[1:] == [float(number) for number in range(50)]
