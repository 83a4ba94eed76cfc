"""What is late is told: by its check, by the metric, and once in the log."""

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from server.core.lateness import Lateness
from tests.fakes.agent_clock import FakeClock
from tests.fakes.edge_node import EdgeNode
from tests.fakes.ingest_plant import IngestPlant, node, plant, pump

__all__ = ["node", "plant", "pump"]


def test_a_part_is_late_beyond_the_limit_and_told_at_each_edge() -> None:
    metrics = CollectorRegistry()
    lateness = Lateness(FakeClock(), limit_s=5, metrics=metrics)
    age_s = 4.9
    check = lateness.watch("alarm_chain", lambda: age_s)
    with capture_logs() as logs:
        lateness.look()
        assert check()
        assert lateness.late_s() == {}
        age_s = 31.04
        lateness.look()
        lateness.look()
        assert not check()
        assert lateness.late_s() == {"alarm_chain": 31.0}
        assert metrics.get_sample_value("plantroom_late_seconds", {"part": "alarm_chain"}) == 31.04
        age_s = 0
        lateness.look()
    assert [(line["event"], line["part"]) for line in logs] == [
        ("late", "alarm_chain"),
        ("in_time_again", "alarm_chain"),
    ]


def test_a_message_is_late_until_its_values_are_judged(pump: IngestPlant, node: EdgeNode) -> None:
    assert pump.reception.late_s == 0
    pump.watch("site/gw/pump/pressure")
    pump.reception.inbox.put(*node.ddata("pump", {1: 2.0}, at=node.clock_ms + 1))
    pump.clock.advance(7)
    late = pump.reception.late_s
    assert late >= 7
    seen: list[float] = []
    pump.ingest._rounds._evaluate = lambda _samples: seen.append(pump.reception.late_s)
    pump.wait(1)
    assert seen == [late + 1]
    assert pump.reception.late_s == 0
    assert pump.metrics.chain_s._sum.get() >= late + 1
