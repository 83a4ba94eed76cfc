"""Several values of one point in one millisecond."""

import pytest

from protocols.reading import Quality
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric
from server.ingest.inbox import Arrival
from server.ingest.instants import MOST_IN_ONE
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]


def pressure_message(node: EdgeNode, *values: float, at: int, late: bool = False) -> Arrival:
    """One DDATA that says several values of the pressure at one instant."""
    metrics = [
        Metric(alias=1, value=v, datatype=DataType.DOUBLE, timestamp=at, is_historical=late)
        for v in values
    ]
    return node.message("DDATA", metrics, "pump")


@pytest.mark.parametrize("together", [True, False])
def test_of_two_values_in_one_millisecond_the_later_is_current_and_both_are_kept(
    pump: IngestPlant,
    node: EdgeNode,
    together: bool,  # noqa: FBT001
) -> None:
    series, at = pump.watch(f"{PUMP}/pressure"), node.clock_ms + 5
    if together:
        pump.receive(pressure_message(node, 3.0, 2.0, at=at))
    else:
        pump.receive(pressure_message(node, 3.0, at=at), pressure_message(node, 2.0, at=at))
    assert (series.last_value, series.last_at) == (2.0, at)
    assert pump.stored(series.key) == [1.0, 3.0, 2.0]
    seen = [(one.value, one.before_at == at) for one in pump.evaluated]
    assert seen == [(3.0, False), (2.0, True)]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("values", [(3.0, 2.0), (3.0, 2.0, 3.0), (3.0, 2.0, 3.0, 2.0), (3.0, 3.0)])
def test_a_resend_of_one_millisecond_doubles_nothing_and_changes_nothing(
    pump: IngestPlant,
    node: EdgeNode,
    values: tuple[float, ...],
    late: bool,  # noqa: FBT001
    restarted: bool,  # noqa: FBT001
) -> None:
    at, key = node.clock_ms + 5, f"{PUMP}/pressure"
    pump.receive(pressure_message(node, *values, at=at))
    said = [3.0, 2.0] * 2 if len(set(values)) > 1 else [3.0]
    said = said[: max(1, len(values) if len(set(values)) > 1 else 1)]
    assert pump.stored(key) == [1.0, *said]
    assert pump.series(key).last_value == said[-1]
    if restarted:
        pump.restart()
        assert pump.series(key).last_value == said[-1]
    pump.watch(key)
    pump.evaluated.clear()
    pump.receive(pressure_message(node, *values, at=at, late=late))
    pump.receive(pressure_message(node, values[0], at=at, late=late))
    assert pump.stored(key) == [1.0, *said]
    assert pump.series(key).last_value == said[-1]
    assert pump.evaluated == []


def test_late_values_of_one_millisecond_are_kept_and_the_present_stays(
    pump: IngestPlant, node: EdgeNode
) -> None:
    at, key = node.clock_ms + 5, f"{PUMP}/pressure"
    pump.receive(pressure_message(node, 9.0, at=at + 10))
    for _ in range(2):
        pump.receive(pressure_message(node, 3.0, 2.0, 3.0, at=at, late=True))
    assert pump.stored(key) == [1.0, 3.0, 2.0, 3.0, 9.0]
    assert pump.series(key).last_value == 9.0


def test_a_quality_that_changes_while_the_source_keeps_its_time_counts(
    pump: IngestPlant, node: EdgeNode
) -> None:
    at = node.clock_ms + 5
    pump.receive(pressure_message(node, 3.0, at=at))
    stale = Metric(
        alias=1, value=3.0, datatype=DataType.DOUBLE, timestamp=at, quality=Quality.STALE
    )
    pump.receive(node.message("DDATA", [stale], "pump"))
    assert pump.series(f"{PUMP}/pressure").last_quality is Quality.STALE


def test_a_flood_of_values_of_one_millisecond_is_bounded(pump: IngestPlant, node: EdgeNode) -> None:
    at, key = node.clock_ms + 5, f"{PUMP}/pressure"
    pump.receive(pressure_message(node, *map(float, range(5_000)), at=at))
    assert len(pump.stored(key)) == MOST_IN_ONE + 1
