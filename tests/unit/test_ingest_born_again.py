"""A gateway that is born again and again: what its events take is bounded, what they tell is so."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import DEVICES
from protocols.sparkplug.payload import Metric
from server.assets.event_rate import BURST, EVERY_MS, EventRate
from server.assets.model import Equipment, Gateway
from server.core.model import Event
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, PUMP_POINTS, IngestPlant, node, plant

__all__ = ["node", "plant"]

MINUTE_S = 60
STEP_S = 0.5
ROUNDS = 150
STARTED_S = FakeClock().elapsed_s


def events_of(plant: IngestPlant, key: str) -> Sequence[Event]:
    query = select(Event).order_by(Event.id)
    rows = plant.records.read(lambda session: session.scalars(query).all())
    return [row for row in rows if row.payload["key"] == key]


def told(events: Sequence[Event]) -> int:
    """Changes that the events tell of, those without an event of their own included."""
    return sum(1 + event.payload.get("omitted", 0) for event in events)


def let_pass(plant: IngestPlant, node: EdgeNode, seconds: float) -> None:
    plant.wait(seconds)
    node.clock_ms = plant.clock.now_ms()


def most(seconds: float) -> int:
    """How many events may have been written since a start."""
    return BURST + round(seconds * 1000 / EVERY_MS) + 1


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("death", ["NDEATH", "DDEATH"])
def test_coming_and_going_in_a_loop_is_told_now_and_then(
    plant: IngestPlant, node: EdgeNode, death: str
) -> None:
    other = EdgeNode(name="other", clock_ms=node.clock_ms)
    plant.receive(other.nbirth(), other.dbirth("fan", PUMP_POINTS))
    changes = 1  # its first birth
    for _ in range(ROUNDS):
        plant.receive(node.nbirth(), node.dbirth("pump", PUMP_POINTS))
        plant.receive(node.ndeath() if death == "NDEATH" else node.ddeath("pump"))
        node.bd_seq += death == "NDEATH"
        changes += 2
        let_pass(plant, node, STEP_S)
    loop = events_of(plant, PUMP)
    assert len(loop) <= most(plant.clock.elapsed_s - STARTED_S)
    # The rows are always right, and what is so in the end is told within its time.
    assert not plant.rows(Equipment)[PUMP].online
    for _ in range(3):
        let_pass(plant, node, EVERY_MS / 1000)
    end = events_of(plant, PUMP)
    assert end[-1].kind == "equipment.offline"
    assert end[-1].payload["reason"] in {"gateway_offline", "device_death"}
    assert told(end) == changes
    for _ in range(5):
        let_pass(plant, node, EVERY_MS / 1000)
    assert len(events_of(plant, PUMP)) == len(end)
    # Nobody else is told less of.
    plant.receive(other.ndeath())
    assert [event.kind for event in events_of(plant, "site/other/fan")] == [
        "equipment.born",
        "equipment.online",
        "equipment.offline",
    ]


@pytest.mark.long
def test_a_birth_that_describes_itself_differently_each_time(
    plant: IngestPlant, node: EdgeNode
) -> None:
    for number in range(100):
        words = "heating_pump" if number % 2 else "circulation_pump"
        plant.receive(node.nbirth(), node.dbirth("pump", PUMP_POINTS, equipment_class=words))
        let_pass(plant, node, STEP_S)
    assert len(events_of(plant, PUMP)) <= most(plant.clock.elapsed_s - STARTED_S)
    assert plant.rows(Equipment)[PUMP].equipment_class == "heating_pump"


@pytest.mark.long
def test_devices_that_are_listed_and_not_listed_in_turn(plant: IngestPlant, node: EdgeNode) -> None:
    def listed(*names: str) -> Metric:
        return Metric(name=DEVICES, datatype=DataType.STRING, value=",".join(names))

    plant.receive(node.nbirth(listed("pump")), node.dbirth("pump", PUMP_POINTS))
    for _ in range(100):
        plant.receive(node.message("NDATA", [listed()]))
        plant.receive(node.message("NDATA", [listed("pump")]))
        let_pass(plant, node, STEP_S)
    assert len(events_of(plant, PUMP)) <= most(plant.clock.elapsed_s - STARTED_S)
    assert plant.rows(Equipment)[PUMP].removed_at is None


@pytest.mark.long
def test_a_gateway_that_loses_its_line_a_few_times_is_told_of_each_time(
    plant: IngestPlant, node: EdgeNode
) -> None:
    names = [f"d{number}" for number in range(30)]
    for _ in range(8):
        plant.receive(
            node.nbirth(),
            *(
                node.dbirth(name, {"run": True}, first_alias=alias)
                for alias, name in enumerate(names, 1)
            ),
        )
        let_pass(plant, node, MINUTE_S)
        plant.receive(node.ndeath())
        node.bd_seq += 1
        let_pass(plant, node, MINUTE_S)
    for name in names:
        kinds = [event.kind for event in events_of(plant, f"site/gw/{name}")]
        assert kinds == ["equipment.born", *["equipment.online", "equipment.offline"] * 8]
    assert not plant.rows(Gateway)["site/gw"].online


def test_a_rate_forgives_with_time_and_survives_a_clock_that_is_turned_back() -> None:
    rate = EventRate[str](burst=3, every_ms=1000)
    assert [rate.take("a", 0) for _ in range(5)] == [0, 0, 0, None, None]
    assert rate.take("b", 0) == 0
    assert rate.due(999, limit=9) == {}
    assert rate.due(1000, limit=9) == {"a": 2}
    assert rate.take("a", 1000) == 2
    assert rate.due(10_000, limit=9) == {}
    assert [rate.take("a", 20_000) for _ in range(4)] == [0, 0, 0, None]
    assert rate.take("a", 5_000) == 1
