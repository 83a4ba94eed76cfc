"""By which names a series is written where others read it too."""

from dataclasses import replace
from pathlib import Path

from server.assets.ledger import EquipmentBirth, PointBirth
from server.assets.registry import Registry
from server.history.series_tags import UNKNOWN, SeriesTags, describe_by
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock

FLOW = PointBirth("hot/flow", 10, "", "Flow", "流量", None)
PUMP = EquipmentBirth("east", "gw-1", "pump-1", "heating_pump", "", "Pump", "泵", (FLOW,))


def test_a_series_is_named_by_its_class_and_its_key_as_they_are_now(tmp_path: Path) -> None:
    with open_records(tmp_path) as records:
        registry = Registry(records, FakeClock())
        pump, gateway = registry.born(
            PUMP, replace(PUMP, device=None, equipment_class="", points=(FLOW,))
        )
        describe = describe_by(registry)
        flow = pump.series["hot/flow"].id
        assert describe(flow) == SeriesTags("heating_pump", "east", "gw-1", "pump-1", "hot/flow")
        own = gateway.series["hot/flow"].id
        assert describe(own) == SeriesTags("unclassified", "east", "gw-1", "", "hot/flow")
        registry.born(replace(PUMP, equipment_class="fan"))
        assert describe(flow).equipment_class == "fan"
        assert describe(12345) == UNKNOWN
