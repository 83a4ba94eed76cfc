"""What the ingest tells the alarms of what may have been missed."""

import pytest

from server.assets.series import Sample
from server.core.errors import StoreError
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]

NCMD = "spBv1.0/site/NCMD/gw"


def test_a_birth_says_which_value_stands_though_it_is_known(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pressure = pump.series(f"{PUMP}/pressure")
    at = node.clock_ms
    pump.receive(node.ddata("pump", {1: 2.0}, at=at + 5))
    assert pressure.stands_at != at + 5
    node.clock_ms = at + 5
    pump.receive(node.nbirth(), node.dbirth("pump", {"pressure": 2.0, "run": True}))
    assert (pressure.last_at, pressure.stands_at) == (at + 5, at + 5)


def test_what_is_handed_to_the_alarms_is_counted_until_they_have_judged_it(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pressure = pump.watch(f"{PUMP}/pressure")
    pump.receive(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
    (one,) = [sample for sample in pump.evaluated if sample.series is pressure]
    assert pressure.undecided == 1
    assert one.heard_at == pressure.seen_at > 0


@pytest.mark.parametrize("wanted", [{"site/gw"}, {"site/other"}, set[str]()])
def test_gateways_for_which_an_alarm_waits_are_asked_once_when_the_broker_is_there(
    pump: IngestPlant, wanted: set[str]
) -> None:
    pump.restart()
    pump.ingest._gateways_to_confirm = lambda: wanted
    pump.link.connection = 0
    pump.wait(1)
    assert pump.rebirths_asked() == []
    pump.link.connection = 1
    for _ in range(5):
        pump.wait(1)
    assert pump.rebirths_asked() == [NCMD for key in wanted if key == "site/gw"]


def test_a_gateway_that_sends_too_much_is_behind_alone(pump: IngestPlant, node: EdgeNode) -> None:
    for number in range(1, 2_000):
        pump.reception.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + number))
    assert not pump.reception.is_behind("site/gw")
    pump.clock.advance(4)
    pump.ingest._work(wait_s=0)
    pump.clock.advance(4)
    pump.ingest._work(wait_s=0)
    assert pump.reception.late_s > 5
    assert pump.reception.receives
    assert pump.reception.is_behind("site/gw")
    assert not pump.reception.is_behind("site/other")
    pump.wait(1)
    assert not pump.reception.is_behind("site/gw")


def test_who_waits_for_a_store_hears_nothing(pump: IngestPlant, node: EdgeNode) -> None:
    heard: list[bool] = []

    def fail(_samples: list[Sample]) -> None:
        heard.append(pump.reception.receives)
        if len(heard) == 1:
            pump.clock.advance(6)
            raise StoreError("disk full")

    pump.ingest._rounds._evaluate = fail
    pump.watch(f"{PUMP}/pressure")
    pump.receive(node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
    assert heard == [True, False]
    pump.wait(1)
    assert pump.reception.receives
    pump.link.connected = False
    assert not pump.reception.receives
