"""Births, deaths and nodes of others: rows, events and connections."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.server import LimitSettings
from protocols.reading import Quality, Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import NOT_READ, ONLINE
from protocols.sparkplug.payload import Metric, uuid_of
from server.assets.model import Equipment, Gateway, Point
from server.ingest.model import Birth
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]


def test_births_become_equipment_and_points(pump: IngestPlant) -> None:
    equipment = pump.rows(Equipment)
    assert set(equipment) == {"site/gw", PUMP}
    row = equipment[PUMP]
    assert (row.equipment_class, row.name_en, row.name_zh) == (
        "heating_pump",
        "Device pump",
        "设备 pump",
    )
    points = pump.rows(Point)
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
    assert pump.rows(Gateway)["site/gw"].online
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


def test_a_birth_before_the_first_reading_does_not_take_its_place(plant: IngestPlant) -> None:
    """The birth is stamped with the reply that proved the device alive: the first reading's."""
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    level = Metric(
        name="level",
        alias=1,
        datatype=DataType.DOUBLE,
        timestamp=node.clock_ms,
        quality=Quality.STALE,
        reason=NOT_READ,
    )
    reading = Metric(alias=1, timestamp=node.clock_ms, value=7.0)
    plant.receive(
        node.nbirth(),
        node.message("DBIRTH", [level], "sump"),
        node.message("DDATA", [reading], "sump"),
    )
    assert plant.stored("site/gw/sump/level") == [7.0]


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
    assert {f"{PUMP}/flow", f"{PUMP}/pressure"} <= set(pump.rows(Point))
    assert pump.stored(f"{PUMP}/flow") == [3.5]


def test_a_changed_class_attaches_all_points_again(pump: IngestPlant, node: EdgeNode) -> None:
    pump.attached.clear()
    points = {"pressure": 1.0, "run": True}
    pump.receive(node.nbirth(), node.dbirth("pump", points, equipment_class="drainage"))
    assert sorted(pump.attached) == [
        (f"{PUMP}/{name}", "drainage") for name in ("connection", "pressure", "run")
    ]


def test_a_dead_device_is_offline_until_it_is_born(pump: IngestPlant, node: EdgeNode) -> None:
    series = pump.series(f"{PUMP}/connection")
    series.no_change_low = series.no_change_high = 1.0
    pump.receive(node.ddeath("pump"))
    row = pump.rows(Equipment)[PUMP]
    assert (row.online, row.reason) == (False, "device_death")
    assert [sample.value for sample in pump.evaluated] == [False]
    pump.receive(node.dbirth("pump", {"pressure": 1.0}, equipment_class="heating_pump"))
    assert pump.rows(Equipment)[PUMP].online
    assert pump.stored(f"{PUMP}/connection") == [True, False, True]
    assert pump.events()[-2:] == [f"equipment.offline {PUMP}", f"equipment.online {PUMP}"]


def test_a_dead_gateway_takes_its_devices_with_it(pump: IngestPlant, node: EdgeNode) -> None:
    pump.receive(node.ndeath(bd_seq=5))
    assert pump.rows(Equipment)[PUMP].online
    pump.receive(node.ndeath())
    found = pump.rows(Equipment)
    assert (found[PUMP].online, found[PUMP].reason) == (False, "gateway_offline")
    assert (found["site/gw"].online, found["site/gw"].reason) == (False, "connection_lost")
    assert not pump.rows(Gateway)["site/gw"].online


def test_a_device_that_is_described_as_not_answering_is_offline(
    plant: IngestPlant, node: EdgeNode
) -> None:
    away = Metric(name=ONLINE, datatype=DataType.BOOLEAN, value=False)
    plant.receive(node.nbirth(), node.message("DBIRTH", [away], "pump"), node.ddeath("pump"))
    assert not plant.rows(Equipment)[PUMP].online
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


def test_a_node_nobody_knows_is_asked_for_its_birth(plant: IngestPlant, node: EdgeNode) -> None:
    plant.receive(node.ddata("pump", {1: 4.0}, uuid="j/1"))
    assert plant.rebirths_asked() == ["spBv1.0/site/NCMD/gw"]
    assert plant.acked() == []


def test_a_plain_node_of_somebody_else_is_ingested(plant: IngestPlant) -> None:
    node = EdgeNode("Plant 7", "ignition", clock_ms=plant.clock.now_ms())
    at = node.clock_ms
    own = Metric(name="Inputs/cpu load", datatype=DataType.FLOAT, value=0.5, timestamp=at)
    odd = Metric(name="table", datatype=DataType.DATASET, timestamp=at)
    valve = Metric(name="valve/open", datatype=DataType.BOOLEAN, value=True, timestamp=at)
    plant.receive(node.nbirth(own, odd), node.message("DBIRTH", [valve], "Valve 1"))
    later = Metric(name="valve/open", datatype=DataType.BOOLEAN, value=False, timestamp=at + 1)
    plant.receive(node.message("DDATA", [later], "Valve 1"))
    found = plant.rows(Equipment)
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
    assert {f"{PUMP}/run", "site/gw//pump/run"} <= set(plant.rows(Point))


FOREIGN = {
    "connection": "~connection",
    "~connection": "~~connection",
    "Connection": "Connection",
    "Properties/Serial": "Properties/Serial",
    "Properties/Hours": "Properties/Hours",
    "Node Control/Scan Rate": "Node Control/Scan Rate",
    "Device Control/Mode": "Device Control/Mode",
    "Command/Last": "Command/Last",
}


@pytest.mark.parametrize("aliased", [True, False])
def test_metrics_of_others_are_points_whatever_they_are_called(
    plant: IngestPlant,
    node: EdgeNode,
    aliased: bool,  # noqa: FBT001
) -> None:
    def metrics(at: int, value: float, *, named: bool) -> list[Metric]:
        return [
            Metric(
                name=name if named else None,
                alias=alias if aliased else None,
                datatype=DataType.DOUBLE,
                value=value + alias,
                timestamp=at,
            )
            for alias, name in enumerate(FOREIGN, start=1)
        ]

    def stored(point: str) -> list[Value]:
        asset = plant.registry.asset(PUMP)
        assert asset is not None
        return [row.value for row in plant.history.raw(asset.series[point].id, 0, 2**60, 9)]

    at = node.clock_ms
    plant.receive(node.nbirth(), node.message("DBIRTH", metrics(at, 0, named=True), "pump"))
    plant.receive(node.message("DDATA", metrics(at + 1, 100, named=not aliased), "pump"))
    for number, point in enumerate(FOREIGN.values(), start=1):
        assert stored(point) == [number, 100 + number], point
    assert stored("connection") == [True]
    plant.restart()
    plant.receive(
        node.message("DDATA", metrics(at + 2, 200, named=not aliased), "pump", uuid="j/1")
    )
    for number, point in enumerate(FOREIGN.values(), start=1):
        assert stored(point)[-1] == 200 + number, point


def test_what_this_protocol_says_of_itself_is_no_point(plant: IngestPlant, node: EdgeNode) -> None:
    own = [
        Metric(name=name, datatype=DataType.STRING, value="x", timestamp=node.clock_ms)
        for name in ("Properties/Class", "Properties/State", "Properties/Unit", "Command/Result")
    ]
    plant.receive(node.nbirth(), node.message("DBIRTH", own, "pump"))
    assert set(plant.rows(Point)) == {f"{PUMP}/connection", "site/gw/connection"}


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
    names = ("p", "connection", "~connection")
    assert set(plant.rows(Point)) == {*(f"{PUMP}/{name}" for name in names), "site/gw/connection"}
    assert plant.stored(f"{PUMP}/connection") == [True]
    assert plant.stored(f"{PUMP}/~connection") == [False]
    assert set(plant.rows(Birth)) == {"site/gw", PUMP}


def test_a_gateway_brings_no_more_than_it_may(tmp_path: Path) -> None:
    plant = IngestPlant(tmp_path, limits=LimitSettings(devices=3, points=10, name_length=20))
    try:
        node = EdgeNode(clock_ms=plant.clock.now_ms())
        points: dict[str, Value] = {f"p{k}": 1.0 for k in range(4)}
        with capture_logs() as logs:
            plant.receive(node.nbirth())
            plant.receive(*(node.dbirth(f"d{number}", points) for number in range(6)))
            plant.receive(node.dbirth("d0", {**points, "x" * 21: 1.0}))
        keys = {f"site/gw/d{number}" for number in range(3)}
        assert set(plant.rows(Equipment)) == keys | {"site/gw"}
        assert len(plant.rows(Point)) == 10 + 4
        plant.receive(node.ddata("d1", {1: 5.0}, at=node.clock_ms + 1, uuid=uuid_of("j", 1)))
        plant.receive(node.ddata("d5", {1: 5.0}, at=node.clock_ms + 1, uuid=uuid_of("j", 2)))
        plant.wait(11)
        assert plant.stored("site/gw/d1/p0") == [1.0, 5.0]
        assert [ranges for _, _, ranges in plant.acked()] == [[(1, 1)]]
        assert plant.rows(Gateway)["site/gw"].refused == {
            "points": 2,
            "devices": 3,
            "long_names": 1,
        }
        assert [line["what"] for line in logs if line["event"] == "gateway_refused"] == [
            "points",
            "devices",
            "long_names",
        ]
        assert plant.rebirths_asked() == []
        plant.restart()
        plant.receive(node.nbirth(), node.dbirth("d4", points))
        assert set(plant.rows(Equipment)) == keys | {"site/gw"}
    finally:
        plant.close()


def test_points_that_only_data_speak_of_are_limited_too(tmp_path: Path) -> None:
    plant = IngestPlant(tmp_path, limits=LimitSettings(points=5))
    try:
        node = EdgeNode(clock_ms=plant.clock.now_ms())
        plant.receive(node.nbirth(), node.dbirth("d", {"p": 1.0}))
        for number in range(30):
            metric = Metric(name=f"new-{number}", datatype=DataType.DOUBLE, value=1.0, timestamp=1)
            plant.receive(node.message("DDATA", [metric], "d"))
        assert len(plant.rows(Point)) == 5 + 2
        assert plant.rebirths_asked() == []
    finally:
        plant.close()


def test_more_gateways_than_a_server_takes_are_refused(tmp_path: Path) -> None:
    plant = IngestPlant(tmp_path, limits=LimitSettings(gateways=3))
    try:
        for number in range(40):
            node = EdgeNode("site", f"gw{number}", clock_ms=plant.clock.now_ms())
            plant.receive(node.nbirth(), node.dbirth("d", {"p": 1.0}), node.ndeath())
        for number in range(40):
            node = EdgeNode("site", f"invented{number}", clock_ms=plant.clock.now_ms())
            plant.receive(node.ddata("d", {1: 1.0}))
        assert len(plant.rows(Gateway)) == 3
        assert len(plant.ingest._host.nodes) <= 7
        assert len(plant.ingest._host._nodes._refused) <= 6
        assert plant.stored("site/gw2/d/p") == [1.0]
    finally:
        plant.close()


def test_the_words_of_states_are_kept_with_their_point(plant: IngestPlant) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())

    def born(properties: dict[str, Value]) -> Point:
        mode = Metric(
            name="mode", alias=1, datatype=DataType.STRING, value="auto", properties=properties
        )
        plant.receive(node.nbirth(), node.message("DBIRTH", [mode], "pump"))
        return plant.rows(Point)[f"{PUMP}/mode"]

    assert born({}).words == ()
    words: dict[str, Value] = {
        "Words/auto/en": "Automatic",
        "Words/auto/zh": "自动",
        "Words/on/off/zh": "开/关",
        "Words/hand/de": "Hand",
        "Words/late/en": "",
        "Words/high/en": 4,
        "Words/en": "no state",
    }
    row = born(words)
    assert row.words == (("auto", "Automatic", "自动"), ("on/off", "开/关", "开/关"))
    # As it was read from the rows: a birth that says the same again changes nothing.
    events = len(plant.events())
    assert born(words).words == row.words
    assert len(plant.events()) == events
    assert born({}).words == ()
