"""Commands over a real broker: who and why travel along, and an old one is never obeyed."""

import json
from pathlib import Path

import paho.mqtt.client as mqtt

from edge_agent.uplink.clock_trust import TRUSTED_FROM_MS
from protocols.sparkplug.names import COMMAND_RESULT, PROPERTY_BY
from protocols.sparkplug.payload import Metric, encode_payload
from protocols.sparkplug.topics import MessageKind
from tests.fakes.gateway import NOW, gateway
from tests.fakes.running_agent import new_broker, running
from tests.fakes.sparkplug_host import SparkplugHost


def order(value: int, key: str) -> bytes:
    metric = Metric(name="speed", value=value, reason="test run", properties={PROPERTY_BY: "wang"})
    return encode_payload([metric], timestamp=TRUSTED_FROM_MS, uuid=key)


async def test_a_command_that_the_broker_kept_is_not_obeyed_and_a_fresh_one_is(
    tmp_path: Path,
) -> None:
    with new_broker() as broker:
        old = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        old.connect("127.0.0.1", broker.port)
        old.loop_start()
        kept = old.publish("spBv1.0/site/DCMD/gw/p2", order(1, "old"), qos=1, retain=True)
        kept.wait_for_publish(5)
        old.disconnect()
        old.loop_stop()
        settings = gateway(mqtt_port=broker.port, journal=tmp_path / "journal.sqlite")
        async with SparkplugHost(broker.port) as host, running(settings) as agent:
            agent.uplink.device_up("p2", NOW)
            await host.hears(MessageKind.DBIRTH)
            host.command(order(2, "new"), "p2")
            (heard,) = await host.hears(MessageKind.DDATA)
            alias = agent.uplink._node.encoders["p2"].points[COMMAND_RESULT][0]
            given = agent.handler.commands
    assert [(one.id, one.value, one.by, one.why) for one in given] == [
        ("new", 2, "wang", "test run")
    ]
    metric = heard.payload.metrics[0]
    assert metric.alias == alias
    assert json.loads(str(metric.value))["id"] == "new"
