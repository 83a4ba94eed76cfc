"""Who died while nobody was there to hear it is found out."""

import pytest

from server.assets.model import Equipment, Gateway
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]

PATIENCE_S = 60
"""Default of sparkplug.silence_s."""
NCMD = "spBv1.0/site/NCMD/gw"


def states(plant: IngestPlant) -> dict[str, tuple[bool, str]]:
    return {key: (row.online, row.reason) for key, row in plant.rows(Equipment).items()}


def test_a_gateway_that_died_while_the_server_was_down_is_asked_then_set_offline(
    pump: IngestPlant,
) -> None:
    pump.restart()
    series = pump.series(f"{PUMP}/connection")
    series.no_change_low = series.no_change_high = 1.0
    pump.wait(1)
    pump.wait(PATIENCE_S - 2)
    assert pump.rebirths_asked() == []
    pump.wait(2)
    assert pump.rebirths_asked() == [NCMD]
    assert pump.rows(Gateway)["site/gw"].online
    pump.wait(PATIENCE_S - 2)
    assert pump.rows(Gateway)["site/gw"].online
    pump.wait(3)
    assert states(pump) == {"site/gw": (False, "silent"), PUMP: (False, "silent")}
    assert not pump.rows(Gateway)["site/gw"].online
    assert pump.events()[-2:] == ["equipment.offline site/gw", f"equipment.offline {PUMP}"]
    assert [sample.value for sample in pump.evaluated] == [False], "the alarms see it"
    pump.wait(10 * PATIENCE_S)
    assert states(pump)[PUMP] == (False, "silent")


def test_who_speaks_after_a_restart_is_not_asked(pump: IngestPlant, node: EdgeNode) -> None:
    pump.restart()
    pump.wait(1)
    pump.receive(node.ddata("pump", {1: 2.0}, uuid="j/1"))
    pump.wait(5 * PATIENCE_S)
    assert pump.rebirths_asked() == []
    assert states(pump)[PUMP] == (True, "")


def test_who_speaks_after_a_restart_by_aliases_alone_is_asked_for_a_birth(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.restart()
    node.seq = 40  # it was born again while nobody listened, and has numbered its metrics anew
    node.clock_ms += 1
    pump.receive(node.ddata("pump", {2: 7.5}))
    assert pump.rebirths_asked() == [NCMD]
    assert pump.asked_because("stored_birth") == 1
    pump.receive(node.nbirth(), node.dbirth("pump", {"run": True, "pressure": 7.5}))
    node.clock_ms += 1
    pump.receive(node.ddata("pump", {2: 8.5}))
    assert pump.stored(f"{PUMP}/pressure") == [1.0, 7.5, 8.5]
    assert set(pump.stored(f"{PUMP}/run")) == {True}


def test_a_birth_in_answer_keeps_it_online(pump: IngestPlant, node: EdgeNode) -> None:
    pump.restart()
    pump.wait(1)
    pump.wait(PATIENCE_S)
    pump.receive(node.nbirth(), node.dbirth("pump", {"pressure": 1.0, "run": True}))
    pump.wait(5 * PATIENCE_S)
    assert states(pump) == {"site/gw": (True, ""), PUMP: (True, "")}


def test_a_node_that_speaks_after_it_was_given_up_comes_back_with_a_birth(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.restart()
    for _ in range(3):
        pump.wait(PATIENCE_S)
    assert states(pump)[PUMP] == (False, "silent")
    pump.link.published.clear()
    node.clock_ms = pump.clock.now_ms()
    pump.receive(node.ddata("pump", {1: 3.0}, uuid="j/1"))
    assert pump.rebirths_asked() == [NCMD]
    assert pump.acked() == [], "it cannot be read, so it must come again"
    pump.receive(
        node.nbirth(),
        node.dbirth("pump", {"pressure": 1.0, "run": True}),
        node.ddata("pump", {1: 3.0}, uuid="j/1"),
    )
    assert states(pump) == {"site/gw": (True, ""), PUMP: (True, "")}
    assert pump.acked() == [(NCMD, "j", [(1, 1)])]


def test_after_the_broker_was_away_everybody_has_to_speak_again(
    pump: IngestPlant, node: EdgeNode
) -> None:
    pump.wait(1)
    pump.receive(node.ddata("pump", {1: 2.0}))
    pump.wait(10 * PATIENCE_S)
    assert pump.rebirths_asked() == [], "the broker would have told of a death"
    pump.link.connection = 0
    pump.wait(10 * PATIENCE_S)
    assert pump.rebirths_asked() == [], "nobody can be heard"
    pump.link.connection = 2
    pump.wait(1)
    pump.wait(PATIENCE_S)
    assert pump.rebirths_asked() == [NCMD]
    pump.wait(PATIENCE_S)
    assert states(pump)[PUMP] == (False, "silent")


def test_a_connection_that_breaks_while_it_waits_lets_it_wait_anew(pump: IngestPlant) -> None:
    pump.restart()
    pump.wait(1)
    pump.wait(PATIENCE_S)
    pump.link.connection = 2
    pump.wait(PATIENCE_S)
    assert states(pump)[PUMP] == (True, "")


def test_what_waits_unread_may_be_a_sign_of_life(pump: IngestPlant, node: EdgeNode) -> None:
    """As after minutes in which the history could not store anything."""
    pump.restart()
    pump.wait(1)
    other = EdgeNode(name="loud", clock_ms=node.clock_ms)
    for _ in range(300):
        pump.reception.inbox.put(*other.arrival("NDEATH", b""))
    pump.reception.inbox.put(*node.ddata("pump", {1: 2.0}, uuid="j/1"))
    pump.wait(3 * PATIENCE_S)
    pump.wait(3 * PATIENCE_S)
    assert pump.rebirths_asked() == []
    assert states(pump)[PUMP] == (True, "")


@pytest.mark.parametrize("bd_seq", [0, 255, 2**63 - 1])
def test_any_session_can_be_given_up(plant: IngestPlant, bd_seq: int) -> None:
    node = EdgeNode(clock_ms=plant.clock.now_ms())
    node.bd_seq = bd_seq
    plant.receive(node.nbirth(), node.dbirth("pump", {"pressure": 1.0}))
    plant.restart()
    for _ in range(4):
        plant.wait(PATIENCE_S)
    assert states(plant) == {"site/gw": (False, "silent"), PUMP: (False, "silent")}


@pytest.mark.long
@pytest.mark.size(55, 100)
def test_many_silent_gateways_are_asked_a_few_at_a_time(plant: IngestPlant, size: int) -> None:
    plant.wait(1)
    for number in range(size):
        node = EdgeNode(name=f"gw-{number}", clock_ms=plant.clock.now_ms())
        plant.receive(node.nbirth())
    plant.restart()
    plant.wait(1)
    plant.wait(PATIENCE_S)
    assert 0 < len(plant.rebirths_asked()) <= 50
    for _ in range(30):
        plant.wait(1)
    assert len(set(plant.rebirths_asked())) == size
    assert all(online for online, _ in states(plant).values())
    plant.wait(PATIENCE_S + 1)
    assert not any(online for online, _ in states(plant).values())


def test_a_node_whose_will_names_another_session_has_to_speak(
    pump: IngestPlant, node: EdgeNode
) -> None:
    """Some never renew their Will: their death always has the bdSeq of the first connection."""
    pump.wait(1)
    pump.receive(node.ndeath(bd_seq=99))
    pump.wait(1)
    assert states(pump)[PUMP][0], "an old Will says nothing about the present session"
    pump.wait(PATIENCE_S + 1)
    assert pump.rebirths_asked() == [NCMD]
    pump.wait(PATIENCE_S + 1)
    assert states(pump) == {"site/gw": (False, "silent"), PUMP: (False, "silent")}


def test_an_old_will_of_a_node_that_goes_on_asks_nothing(pump: IngestPlant, node: EdgeNode) -> None:
    pump.wait(1)
    pump.receive(node.ndeath(bd_seq=99))
    pump.wait(1)
    pump.receive(node.ddata("pump", {1: 2.0}))
    pump.wait(3 * PATIENCE_S)
    assert pump.rebirths_asked() == []
    assert states(pump)[PUMP][0]
