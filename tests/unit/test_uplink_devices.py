"""A gateway says which devices it is configured with, and says so again when that changes."""

from protocols.sparkplug.names import DEVICES
from tests.fakes.gateway import NOW, gateway, pump
from tests.fakes.uplink_bench import Bench


def said(bench: Bench) -> list[tuple[str, str | None, object]]:
    """Kind, device and list of devices of what was published."""
    alias = bench.node._own[DEVICES]
    return [
        (
            topic.kind.value,
            topic.device,
            next((one.value for one in payload.metrics if one.alias == alias), None),
        )
        for topic, payload in bench.connection.sent
    ]


def test_the_birth_names_the_devices() -> None:
    assert said(Bench())[0] == ("NBIRTH", None, "p1,p2")


def test_a_device_that_is_removed_is_missing_before_it_dies() -> None:
    bench = Bench()
    bench.connection.sent.clear()
    bench.uplink.reconfigure(gateway(pump("p2")), removed=["p1"], changed=[])
    assert said(bench) == [("NDATA", None, "p2"), ("DDEATH", "p1", None)]


def test_a_device_that_is_added_is_named_before_it_is_born() -> None:
    bench = Bench()
    bench.connection.sent.clear()
    bench.uplink.reconfigure(gateway(pump("p1"), pump("p2"), pump("p3")), removed=[], changed=[])
    bench.uplink.device_up("p3", NOW)
    assert said(bench) == [("NDATA", None, "p1,p2,p3"), ("DBIRTH", "p3", None)]


def test_what_means_something_else_now_leaves_the_list_as_it_is() -> None:
    bench = Bench()
    bench.connection.sent.clear()
    bench.uplink.reconfigure(gateway(pump("p1"), pump("p2")), removed=[], changed=["p1"])
    assert [kind for kind, *_ in said(bench)] == ["DBIRTH"]
