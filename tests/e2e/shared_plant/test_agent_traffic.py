"""What our agent says on the wire obeys the Sparkplug B specification."""

import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from itertools import pairwise

import paho.mqtt.client as mqtt
import pytest
import pytest_asyncio

from protocols.sparkplug import sparkplug_b_pb2 as pb
from protocols.sparkplug.topics import MessageKind, Topic, parse_topic
from tests.e2e.plant import Plant, now_ms
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")
SEQUENCED = {
    MessageKind.NBIRTH,
    MessageKind.DBIRTH,
    MessageKind.NDATA,
    MessageKind.DDATA,
    MessageKind.DDEATH,
}
Heard = list[tuple[Topic, pb.Payload, mqtt.MQTTMessage]]


@contextmanager
def listening(port: int) -> Generator[Heard]:
    """Keep everything the gateway publishes, subscribed at QoS 2 so that QoS shows."""
    heard: Heard = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _d, message: heard.append(
        (parse_topic(message.topic), pb.Payload.FromString(message.payload), message)
    )
    client.connect("127.0.0.1", port)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    kinds = [kind for kind in MessageKind if not kind.endswith("CMD")]
    client.subscribe([(f"spBv1.0/riverside/{kind}/#", 2) for kind in kinds])
    client.loop_start()
    assert subscribed.wait(PATIENCE_S)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@pytest_asyncio.fixture(autouse=True, loop_scope="package")
async def _running_again(plant: Plant) -> AsyncIterator[None]:
    yield
    if not plant.agent.running:
        await plant.agent.start()
    restarted_ms = now_ms()

    async def heard_again() -> bool:
        return (await plant.last_stored("riverside/gw-1/counter/count"))[0] > restarted_ms

    await plant.eventually(heard_again)


async def test_births_come_first_seq_runs_and_aliases_are_declared(plant: Plant) -> None:
    await plant.agent.stop()
    with listening(plant.broker.port) as heard:
        await plant.agent.start()

        async def enough() -> bool:
            return len(heard) > 300

        await plant.eventually(enough)
        await plant.agent.stop()

        async def dead() -> bool:
            return heard[-1][0].kind is MessageKind.NDEATH

        await plant.eventually(dead)
    sequenced = [(topic, payload) for topic, payload, _ in heard if topic.kind in SEQUENCED]
    assert sequenced[0][0].kind is MessageKind.NBIRTH
    # A busy machine may lose the connection, and each one begins with its births.
    births = [n for n, (topic, _) in enumerate(sequenced) if topic.kind is MessageKind.NBIRTH]
    for first, end in pairwise([*births, len(sequenced)]):
        look_at_session(sequenced[first:end])


def look_at_session(sequenced: list[tuple[Topic, pb.Payload]]) -> None:
    assert [payload.seq for _, payload in sequenced] == [n % 256 for n in range(len(sequenced))]
    declared: dict[int, str | None] = {}
    born: set[str | None] = set()
    for topic, payload in sequenced:
        if topic.kind in {MessageKind.NBIRTH, MessageKind.DBIRTH}:
            born.add(topic.device)
            assert all(metric.name and metric.datatype for metric in payload.metrics)
            aliases = [metric.alias for metric in payload.metrics if metric.HasField("alias")]
            assert len(set(aliases)) == len(aliases)
            # A device that did not answer is born again, with the same ones.
            owners = {declared.setdefault(alias, topic.device) for alias in aliases}
            assert owners <= {topic.device}, "an alias is unique over the whole node"
        elif topic.kind is MessageKind.DDEATH:
            born.remove(topic.device)
        elif topic.kind is MessageKind.DDATA:
            assert topic.device in born, "data only after the birth"
            assert all(declared[metric.alias] == topic.device for metric in payload.metrics)
            assert not any(metric.HasField("datatype") for metric in payload.metrics)
    names = {m.name for t, p in sequenced if t.kind is MessageKind.NBIRTH for m in p.metrics}
    assert {"bdSeq", "Node Control/Rebirth"} <= names


async def test_qos_0_no_retain_and_a_last_death_with_the_births_bd_seq(plant: Plant) -> None:
    with listening(plant.broker.port) as heard:
        await plant.agent.kill()
        await plant.agent.start()

        async def second_life() -> bool:
            kinds = [topic.kind for topic, _, _ in heard]
            return MessageKind.NBIRTH in kinds and kinds.count(MessageKind.DDATA) > 10

        await plant.eventually(second_life)
        await plant.agent.kill()

        async def two_deaths() -> bool:
            return sum(topic.kind is MessageKind.NDEATH for topic, _, _ in heard) == 2

        await plant.eventually(two_deaths)
    assert all(not message.retain for _, _, message in heard)
    assert all(
        message.qos == (1 if topic.kind is MessageKind.NDEATH else 0) for topic, _, message in heard
    )
    deaths = [_bd_seq(payload) for topic, payload, _ in heard if topic.kind is MessageKind.NDEATH]
    [birth] = [_bd_seq(payload) for topic, payload, _ in heard if topic.kind is MessageKind.NBIRTH]
    assert deaths[1] == birth
    assert deaths[1] == (deaths[0] + 1) % 256


def _bd_seq(payload: pb.Payload) -> int:
    [value] = [metric.long_value for metric in payload.metrics if metric.name == "bdSeq"]
    return value
