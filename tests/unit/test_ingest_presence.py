"""Equipment that its gateway no longer has, and equipment that comes back."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from config.server import LimitSettings
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import DEVICES
from protocols.sparkplug.payload import Metric
from server.assets.model import Equipment, Gateway, Point
from server.assets.presence import PRESENT, begin_retirement
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, PUMP_POINTS, IngestPlant, node, plant

__all__ = ["node", "plant"]


def devices(*names: str) -> Metric:
    return Metric(name=DEVICES, datatype=DataType.STRING, value=",".join(names))


def bear(plant: IngestPlant, node: EdgeNode, *names: str) -> None:
    plant.receive(node.nbirth(devices(*names)))
    for number, name in enumerate(names, 1):
        plant.receive(node.dbirth(name, PUMP_POINTS, first_alias=10 * number))


def removed(plant: IngestPlant) -> list[str]:
    return [key for key, row in plant.rows(Equipment).items() if row.removed_at is not None]


def test_what_is_missing_in_the_next_birth_of_the_node_was_removed(
    plant: IngestPlant, node: EdgeNode
) -> None:
    bear(plant, node, "pump", "fan")
    assert removed(plant) == []
    plant.watch("site/gw/fan/connection")
    plant.restart()
    bear(plant, node, "pump")
    assert removed(plant) == ["site/gw/fan"]
    fan = plant.registry.asset("site/gw/fan")
    assert fan is not None
    assert not fan.is_watched("connection")
    plant.wait(11)  # it did not follow the birth of its node
    assert plant.rows(Equipment)["site/gw/fan"].reason == "removed"
    assert plant.evaluated == []
    of_fan = [event for event in plant.events() if event.endswith("/fan")]
    assert of_fan[-2:] == ["equipment.removed site/gw/fan", "equipment.offline site/gw/fan"]


def test_a_list_that_changes_is_heard_before_the_death(plant: IngestPlant, node: EdgeNode) -> None:
    bear(plant, node, "pump", "fan")
    plant.receive(node.message("NDATA", [devices("pump")]), node.ddeath("fan"))
    assert removed(plant) == ["site/gw/fan"]
    assert plant.rows(Equipment)["site/gw/fan"].reason == "removed"
    plant.receive(node.message("NDATA", [devices("pump", "fan")]))
    assert removed(plant) == []
    assert plant.events()[-1] == "equipment.restored site/gw/fan"


def test_a_node_that_says_nothing_of_its_devices_removes_none(
    plant: IngestPlant, node: EdgeNode
) -> None:
    plant.receive(node.nbirth(), node.dbirth("pump", PUMP_POINTS))
    plant.receive(node.nbirth())
    plant.wait(11)
    assert removed(plant) == []
    assert plant.rows(Equipment)[PUMP].reason == "not_reborn"


def test_the_backlog_of_removed_equipment_does_not_bring_it_back(
    plant: IngestPlant, node: EdgeNode
) -> None:
    bear(plant, node, "pump", "fan")
    bear(plant, node, "pump")
    described = node.dbirth("fan", {"Properties/Online": False, "pressure": None})
    plant.receive(described, node.ddata("fan", {2: 3.0}, at=node.clock_ms + 1, historical=True))
    assert removed(plant) == ["site/gw/fan"]
    assert 3.0 in plant.stored("site/gw/fan/pressure")


def test_what_is_retired_comes_back_by_being_born(plant: IngestPlant, node: EdgeNode) -> None:
    plant.receive(node.nbirth(), node.dbirth("pump", PUMP_POINTS), node.ddeath("pump"))

    def retire(session: Session) -> int:
        row = session.get_one(Equipment, plant.rows(Equipment)[PUMP].id)
        return len(begin_retirement(session, row, reason="sold", by="li", now=1))

    assert plant.records.write(retire) == 1
    plant.registry.follow_records()
    asset = plant.registry.asset(PUMP)
    assert asset is not None
    assert asset.absence.retired
    plant.receive(node.dbirth("pump", PUMP_POINTS))
    assert asset.absence == PRESENT
    assert plant.rows(Equipment)[PUMP].retired_at is None
    # Retired in the moment in which it is born.
    plant.records.write(
        lambda session: setattr(session.get_one(Equipment, asset.id), "retired_at", 5)
    )
    plant.registry.follow_records()
    assert plant.rows(Equipment)[PUMP].retired_at is None


def test_a_look_into_the_records_undoes_nothing_that_happens_meanwhile(
    plant: IngestPlant, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    bear(plant, node, "pump", "fan")
    registry, read = plant.registry, plant.records.read
    pump, fan = (registry.asset(f"site/gw/{name}") for name in ("pump", "fan"))
    assert pump is not None
    assert fan is not None
    registry.remove([fan])
    others: list[threading.Thread] = []

    def meanwhile() -> None:
        registry.remove([pump])
        registry.restore([fan])

    def read_slowly(work: Callable[[Session], Any]) -> Any:
        found = read(work)
        others.append(threading.Thread(target=meanwhile))
        others[0].start()
        others[0].join(0.2)
        return found

    monkeypatch.setattr(plant.records, "read", read_slowly)
    registry.follow_records()
    others[0].join()
    assert (pump.absence.removed, fan.absence) == (True, PRESENT)


def retire(plant: IngestPlant, *keys: str) -> None:
    def work(session: Session) -> None:
        for key in keys:
            row = session.get_one(Equipment, plant.rows(Equipment)[key].id)
            begin_retirement(session, row, reason="sold", by="li", now=1)

    plant.records.write(work)
    plant.registry.follow_records()


def test_what_is_retired_makes_room_for_as_much_again_and_no_more(tmp_path: Path) -> None:
    plant = IngestPlant(tmp_path, limits=LimitSettings(devices=2, points=4))
    try:
        node = EdgeNode(clock_ms=plant.clock.now_ms())

        def live(*names: str) -> str:
            plant.receive(node.nbirth(), *(node.dbirth(name, PUMP_POINTS) for name in names))
            return "".join(sorted(key[len("site/gw/") :] for key in plant.rows(Equipment)))

        def leave(*names: str) -> None:
            plant.receive(*(node.ddeath(name) for name in names))
            retire(plant, *(f"site/gw/{name}" for name in names))

        def asked_for(device: str) -> bool:
            plant.wait(60)
            before = plant.asked_because("room_again")
            plant.receive(node.ddata(device, {1: 5.0}))
            return plant.asked_because("room_again") > before

        assert live("a", "b", "c") == "ab"
        assert not asked_for("c")
        leave("a")
        assert asked_for("c")
        assert live("b", "c", "d") == "abc"
        assert not asked_for("d")
        assert len(plant.rows(Point)) == 6 + 4
        plant.restart()
        assert live("b", "c", "d") == "abc"
        leave("b", "c")
        assert live("d", "e") == "abcd"
        leave("d")
        assert live("f") == "abcd"
        assert not asked_for("f")
        assert live("a") == "abcd"
        assert plant.rows(Equipment)["site/gw/a"].retired_at is None
        assert len(plant.rows(Point)) == 8 + 5
    finally:
        plant.close()


def test_a_gateway_that_is_retired_makes_room_for_one_more(tmp_path: Path) -> None:
    plant = IngestPlant(tmp_path, limits=LimitSettings(gateways=1))
    try:
        for name, expected in (("gw1", 1), ("gw2", 1)):
            node = EdgeNode("site", name, clock_ms=plant.clock.now_ms())
            plant.receive(node.nbirth(), node.ndeath())
            assert len(plant.rows(Gateway)) == expected
        plant.wait(3600)
        retire(plant, "site/gw1")
        for name in ("gw2", "gw3"):
            node = EdgeNode("site", name, clock_ms=plant.clock.now_ms())
            plant.receive(node.nbirth(), node.ndeath())
            assert set(plant.rows(Gateway)) == {"site/gw1", "site/gw2"}
    finally:
        plant.close()


def test_a_point_that_a_birth_does_not_name_any_more_is_watched_no_more(
    plant: IngestPlant, node: EdgeNode
) -> None:
    plant.receive(node.nbirth(), node.dbirth("pump", PUMP_POINTS))
    plant.receive(node.dbirth("pump", {"run": True}))
    asset = plant.registry.asset(PUMP)
    assert asset is not None
    assert [asset.is_watched(name) for name in ("run", "pressure", "connection")] == [
        True,
        False,
        True,
    ]
    assert plant.rows(Point)[f"{PUMP}/pressure"].removed_at is not None
    plant.restart()
    again = plant.registry.asset(PUMP)
    assert again is not None
    assert again.removed_points == {"pressure"}
    plant.receive(node.nbirth(), node.dbirth("pump", PUMP_POINTS))
    assert again.removed_points == frozenset()
    assert plant.rows(Point)[f"{PUMP}/pressure"].removed_at is None


@pytest.mark.parametrize(
    "said",
    [
        Metric(name=DEVICES, datatype=DataType.STRING, value=None),
        Metric(name=DEVICES, datatype=DataType.INT64, value=3),
        Metric(name=DEVICES, datatype=DataType.BOOLEAN, value=True),
    ],
    ids=["null", "a number", "a boolean"],
)
def test_a_list_that_is_no_text_removes_nothing(
    plant: IngestPlant, node: EdgeNode, said: Metric
) -> None:
    bear(plant, node, "pump", "fan")
    plant.receive(node.message("NDATA", [said]))
    assert removed(plant) == []
    plant.receive(node.nbirth(said))
    assert removed(plant) == []


def test_a_list_that_is_empty_removes_all(plant: IngestPlant, node: EdgeNode) -> None:
    bear(plant, node, "pump", "fan")
    plant.receive(node.nbirth(devices()))
    assert sorted(removed(plant)) == ["site/gw/fan", "site/gw/pump"]
