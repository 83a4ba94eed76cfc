"""Two agents that publish as one gateway are told apart by their journals."""

from structlog.testing import capture_logs

from protocols.sparkplug.payload import uuid_of
from server.assets.model import Gateway
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]


def problem(plant: IngestPlant) -> str:
    return plant.rows(Gateway)["site/gw"].problem


def speak(plant: IngestPlant, node: EdgeNode, journal: str) -> None:
    node.clock_ms += 1000
    plant.receive(node.ddata("pump", {1: 2.0}, uuid=uuid_of(journal, node.clock_ms)))
    plant.wait(1)
    plant.wait(1)


def test_journals_that_take_turns_are_two_agents(pump: IngestPlant, node: EdgeNode) -> None:
    with capture_logs() as logs:
        for journal in ("a", "b"):
            speak(pump, node, journal)
            assert problem(pump) == ""
        for journal in ("a", "b", "a", "b"):
            speak(pump, node, journal)
        assert "two agents" in problem(pump)
    assert [one["event"] for one in logs].count("identity_shared") == 1
    for _ in range(4):
        pump.clock.advance(100)
        speak(pump, node, "a")
    assert problem(pump) == ""


def test_a_journal_that_took_a_damaged_ones_place_is_none(
    pump: IngestPlant, node: EdgeNode
) -> None:
    for journal in ("a", "a", "b", "b", "c", "c"):
        speak(pump, node, journal)
    assert problem(pump) == ""


def test_a_restart_begins_anew(pump: IngestPlant, node: EdgeNode) -> None:
    for journal in ("a", "b", "a"):
        speak(pump, node, journal)
    assert problem(pump)
    pump.restart()
    assert problem(pump) == ""
