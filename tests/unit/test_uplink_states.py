"""How a unit behaves, as the broker hears it."""

from protocols.sparkplug.names import STATE, STATE_REASON
from tests.fakes.gateway import NOW
from tests.unit.test_uplink_drain import Bench


def heard(bench: Bench) -> list[tuple[str, object, object]]:
    """Kind of message, state and reason of all that spoke of the state."""
    reported: list[tuple[str, object, object]] = []
    for topic, payload in bench.connection.sent:
        names = {bench.encoder.name_of(m.alias or 0) or m.name: m.value for m in payload.metrics}
        if topic.device and (STATE in names or topic.kind == "DDEATH"):
            reported.append((topic.kind.value, names.get(STATE), names.get(STATE_REASON)))
    return reported


def test_every_state_and_its_reason_is_published() -> None:
    bench = Bench()
    bench.uplink.device_state("p1", NOW, "degraded", "garbage")
    bench.uplink.device_state("p1", NOW + 1, "online", "")
    bench.uplink.device_down("p1", NOW + 2, "timeout")
    bench.uplink.device_up("p1", NOW + 3)
    assert heard(bench) == [
        ("DBIRTH", "online", ""),
        ("DDATA", "degraded", "garbage"),
        ("DDATA", "online", ""),
        ("DDATA", "offline", "timeout"),
        ("DDEATH", None, None),
        ("DBIRTH", "online", ""),
    ]


def test_a_device_that_never_answered_is_born_offline() -> None:
    bench = Bench()
    bench.connection.sent.clear()
    bench.uplink.device_down("p1", NOW, "port_down")
    bench.uplink.device_down("p1", NOW, "port_down")
    bench.lose_connection()
    bench.connect()
    assert ("DBIRTH", "offline", "port_down") in heard(bench)
