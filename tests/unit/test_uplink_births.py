"""What a birth declares: an alias for each metric, no time after what follows it, and words."""

from dataclasses import replace

from config.base import Words
from edge_agent.uplink.births import device_birth
from edge_agent.uplink.encoder import DeviceEncoder
from protocols.sparkplug.names import BD_SEQ, REBIRTH
from protocols.sparkplug.payload import Payload, decode_payload
from tests.fakes.gateway import NOW, point, pump, reading
from tests.fakes.uplink_bench import Bench


def births(bench: Bench, kind: str) -> list[Payload]:
    return [payload for topic, payload in bench.connection.sent if topic.kind.value == kind]


def test_every_metric_of_a_birth_has_an_alias_of_its_own_but_two_of_the_node() -> None:
    bench = Bench()
    bench.uplink.device_down("p2", NOW, "timeout")
    (node,) = births(bench, "NBIRTH")
    metrics = [m for birth in (node, *births(bench, "DBIRTH")) for m in birth.metrics]
    assert {m.name for m in metrics if m.alias is None} == {BD_SEQ, REBIRTH}
    aliases = [m.alias for m in metrics if m.alias is not None]
    assert len(aliases) == len(set(aliases)) > 10


def test_the_aliases_of_a_birth_stay_the_same() -> None:
    bench = Bench()
    before = [m.alias for birth in births(bench, "DBIRTH") for m in birth.metrics]
    bench.lose_connection()
    bench.connect()
    assert [m.alias for birth in births(bench, "DBIRTH") for m in birth.metrics] == before


def test_the_first_values_after_a_birth_are_not_older_than_it() -> None:
    bench = Bench(connected=False)
    bench.connect()
    bench.clock.advance(0.5)
    # The answer came 400 ms ago; it takes a moment until the device is born.
    bench.uplink.device_up("p2", NOW + 100)
    bench.uplink.device_state("p2", NOW + 100, "degraded", "timeout")
    birth = births(bench, "DBIRTH")[-1]
    (first,) = bench.connection.data()[-1:]
    assert max(m.timestamp or 0 for m in birth.metrics) <= min(
        m.timestamp or 0 for m in first.metrics
    )


def test_nor_after_a_rebirth_while_a_reading_is_on_its_way() -> None:
    bench = Bench()
    bench.say(1.0)
    bench.clock.advance(30)
    bench.uplink._act(bench.node.session.rebirth())
    bench.uplink.publish("p1", [reading(2.0, at=NOW + 29_995)])
    birth = births(bench, "DBIRTH")[-1]
    assert max(m.timestamp or 0 for m in birth.metrics) <= NOW + 29_995


def test_the_states_of_a_point_are_born_with_their_words() -> None:
    device = replace(
        pump("p1", mode=point(type="enum", enum={0: "auto", 1: "off"}, unit=""), level=point()),
        state_words={"mode": {"auto": Words(en="Automatic", zh="自动")}},
    )
    encoder = DeviceEncoder(device, lambda _device, name, _datatype: hash(name) % 2**32)
    birth = decode_payload(device_birth(encoder, online=True, now_ms=NOW))
    said = {
        metric.name or "": {
            key: value
            for key, value in (metric.properties or {}).items()
            if key.startswith("Words/")
        }
        for metric in birth.metrics
    }
    assert said["mode"] == {"Words/auto/en": "Automatic", "Words/auto/zh": "自动"}
    assert said["level"] == {}
