"""What a gateway says of itself: born with it, told each minute, no more than it knows."""

from edge_agent.uplink.own import REPORT_S
from protocols.sparkplug import names
from protocols.sparkplug.payload import Metric, Payload
from tests.fakes.gateway import NOW, gateway
from tests.fakes.uplink_bench import Bench


def told(bench: Bench, kind: str) -> list[Payload]:
    return [payload for topic, payload in bench.connection.sent if topic.kind.value == kind]


def own(payload: Payload) -> dict[str, Metric]:
    return {one.name: one for one in payload.metrics if one.name and "." in one.name}


def test_a_birth_says_how_busy_the_ports_are_and_what_waits() -> None:
    bench = Bench(loads=lambda: {"tcp": 0.417})
    (birth,) = told(bench, "NBIRTH")
    by_name = {one.name: one for one in birth.metrics}
    assert by_name["journal_waiting"].value == 0
    [port] = gateway().settings.ports
    load = by_name[f"load.{port}"]
    assert load.properties is not None
    assert load.properties[names.PROPERTY_ENG_UNIT] == "%"


def test_each_minute_it_is_told_again_and_names_who_answers_badly() -> None:
    [port] = gateway().settings.ports
    bench = Bench(loads=lambda: {port: 0.5})
    (birth,) = told(bench, "NBIRTH")
    aliases = {one.alias: one.name for one in birth.metrics}
    bench.uplink.device_state("p1", NOW, "degraded", "timeout")
    bench.node.report()
    (data,) = told(bench, "NDATA")
    values = {aliases[one.alias]: one.value for one in data.metrics}
    assert values[f"load.{port}"] == 50.0
    assert values[f"unsteady.{port}"] == "p1"
    bench.uplink.device_up("p1", NOW)
    bench.node.report()
    assert {aliases[one.alias]: one.value for one in told(bench, "NDATA")[-1].metrics}[
        f"unsteady.{port}"
    ] == ""
    assert REPORT_S == 60


def test_one_that_is_asked_for_nothing_says_nothing() -> None:
    bench = Bench()
    bench.node.report()
    assert told(bench, "NDATA") == []
    assert own(told(bench, "NBIRTH")[0]) == {}


def test_nothing_is_told_while_nobody_is_there() -> None:
    bench = Bench(connected=False, loads=dict)
    bench.node.report()
    assert told(bench, "NDATA") == []
