"""By which alias a point is commanded."""

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import PUMP, IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]


def test_an_alias_is_the_one_of_the_birth_also_after_a_restart(pump: IngestPlant) -> None:
    assert pump.ingest.aliases.find(PUMP, "pressure") == 1
    assert pump.ingest.aliases.find(PUMP, "run") == 2
    assert pump.ingest.aliases.find(PUMP, "other") is None
    assert pump.ingest.aliases.find("site/gw", "pressure") is None
    assert pump.ingest.aliases.find("site/other/pump", "pressure") is None
    pump.restart()
    assert pump.ingest.aliases.find(PUMP, "run") == 2


def test_a_metric_without_alias_is_commanded_by_its_own_name(
    plant: IngestPlant, node: EdgeNode
) -> None:
    plain = Metric(name="p", datatype=DataType.DOUBLE, value=1.0, timestamp=node.clock_ms)
    odd = Metric(name="connection", alias=7, datatype=DataType.DOUBLE, timestamp=node.clock_ms)
    plant.receive(node.nbirth(), node.message("DBIRTH", [plain, odd], "pump"))
    assert plant.ingest.aliases.find(PUMP, "p") is None
    assert plant.ingest.aliases.find(PUMP, "~connection") == 7
