"""Clocks that are turned back: the server's own, and a gateway's."""

import pytest

from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]

HOUR_MS = 3_600_000
NCMD = "spBv1.0/site/NCMD/gw"


def turn_back(plant: IngestPlant, node: EdgeNode) -> int:
    """Turn the server's clock back; return what the gateway's still says."""
    right = plant.clock.now_ms()
    plant.clock.utc_ms -= HOUR_MS
    node.clock_ms = plant.clock.now_ms()
    return right


def test_values_of_gateways_with_a_right_clock_are_stored_and_acknowledged(
    pump: IngestPlant, node: EdgeNode
) -> None:
    right = turn_back(pump, node)
    pump.hear(node.ddata("pump", {1: 2.0}, at=right + 1, uuid="j/1"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]
    assert pump.acked() == [(NCMD, "j", [(1, 1)])]
    assert pump.rejected("timestamp_in_future") == 0
    assert pump.series(f"{PUMP}/pressure").seen_at == right, "of the server's clock"


def test_also_after_a_restart(pump: IngestPlant, node: EdgeNode) -> None:
    right = turn_back(pump, node)
    pump.restart()
    pump.hear(node.ddata("pump", {1: 2.0}, at=right + 1, uuid="j/1"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]


def test_a_history_from_a_mad_clock_does_not_open_the_future(
    plant: IngestPlant, node: EdgeNode
) -> None:
    plant.clock.utc_ms += 1000 * HOUR_MS
    node.clock_ms = plant.clock.now_ms()
    plant.hear(node.nbirth(), node.dbirth("pump", {"pressure": 1.0}))
    plant.clock.utc_ms -= 1000 * HOUR_MS
    node.clock_ms = plant.clock.now_ms()
    plant.restart()
    plant.hear(node.ddata("pump", {1: 2.0}, at=node.clock_ms + HOUR_MS, uuid="j/1"))
    assert plant.rejected("timestamp_in_future") == 1


def test_a_rebirth_is_asked_again_within_the_usual_time(pump: IngestPlant, node: EdgeNode) -> None:
    pump.hear(node.ddata("pump", {99: 1.0}))
    assert pump.rebirths_asked() == [NCMD]
    turn_back(pump, node)
    for _ in range(15):
        pump.wait(1)
    assert pump.rebirths_asked() == [NCMD, NCMD]


def test_nor_does_a_request_wait_for_a_date_that_was_wrong(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.clock.utc_ms += 1000 * HOUR_MS
    pump.hear(node.ddata("pump", {99: 1.0}))
    pump.clock.utc_ms -= 1000 * HOUR_MS
    for _ in range(15):
        pump.wait(1)
    assert pump.rebirths_asked() == [NCMD, NCMD]


def test_an_early_message_waits_no_longer_than_usual(pump: IngestPlant, node: EdgeNode) -> None:
    node.seq += 1
    pump.hear(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
    assert pump.stored(f"{PUMP}/pressure") == [1.0]
    turn_back(pump, node)
    for _ in range(4):
        pump.wait(1)
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0]


def test_coming_and_going_stay_in_order(pump: IngestPlant, node: EdgeNode) -> None:
    turn_back(pump, node)
    pump.hear(node.ddeath("pump"))
    pump.hear(node.dbirth("pump", {"pressure": 1.0}))
    assert pump.stored(f"{PUMP}/connection") == [True, False, True]


def test_a_gateway_whose_clock_jumps_ahead_loses_those_values_only(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.hear(
        node.ddata("pump", {1: 2.0}, at=node.clock_ms + HOUR_MS, uuid="j/1"),
        node.ddata("pump", {1: 3.0}, at=node.clock_ms + 1, uuid="j/2"),
    )
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 3.0]
    assert pump.rejected("timestamp_in_future") == 1


def test_what_a_wrong_clock_refuses_stays_with_its_gateway_until_the_clocks_agree(
    pump: IngestPlant, node: EdgeNode
) -> None:
    sent = [node.clock_ms + 2 * HOUR_MS + offset for offset in range(2)]
    for offset, at in enumerate(sent):
        pump.hear(node.ddata("pump", {1: 2.0 + offset}, at=at, uuid=f"j/{offset}"))
    pump.hear(node.ddata("pump", {1: 9.0}, at=node.clock_ms + 1, uuid="j/2"))
    assert pump.acked() == [(NCMD, "j", [(2, 2)])]
    pump.clock.utc_ms += 2 * HOUR_MS
    node.clock_ms = pump.clock.now_ms()
    for offset, at in enumerate(sent):
        again = node.ddata("pump", {1: 2.0 + offset}, at=at, uuid=f"j/{offset}", historical=True)
        pump.hear(again)
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 9.0, 2.0, 3.0]
    assert [ranges for _, _, ranges in pump.acked()] == [[(2, 2)], [(0, 0)], [(1, 1)]]


@pytest.mark.parametrize("ahead_ms", [0, 240_000])
def test_a_server_that_starts_with_yesterdays_date_goes_on(
    pump: IngestPlant, node: EdgeNode, ahead_ms: int
) -> None:
    right = pump.clock.now_ms()
    pump.hear(node.ddata("pump", {1: 2.0}, at=right + ahead_ms, uuid="j/1"))
    pump.clock.utc_ms -= 24 * HOUR_MS
    node.clock_ms = pump.clock.now_ms()
    pump.restart()
    pump.hear(node.ddata("pump", {1: 3.0}, at=right + ahead_ms + 1, uuid="j/2"))
    assert pump.stored(f"{PUMP}/pressure")[-1] == 3.0
    assert pump.rejected("timestamp_in_future") == 0


def test_a_gateway_whose_clock_is_turned_back_loses_nothing(
    pump: IngestPlant, node: EdgeNode
) -> None:
    for offset, at in enumerate((10, 20, 5, 10, 15, 30)):
        pump.hear(node.ddata("pump", {1: float(offset)}, at=node.clock_ms + at, uuid=f"j/{offset}"))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 2.0, 0.0, 3.0, 4.0, 1.0, 5.0]
    assert [ranges for _, _, ranges in pump.acked()] == [[(n, n)] for n in range(6)]


def test_a_reading_that_is_ahead_does_not_put_the_ingest_ahead_after_a_restart(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.hear(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 240_000))
    pump.restart()
    pump.hear(node.ddata("pump", {1: 3.0}, at=node.clock_ms + 500_000, uuid="j/1"))
    assert pump.rejected("timestamp_in_future") == 1
    pump.hear(node.ddeath("pump"))
    assert pump.series(f"{PUMP}/connection").seen_at <= pump.clock.now_ms()
