"""The uplink against a real broker: what goes over the wire, and what survives its loss."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from iotcore.broker import Broker

from config.gateway import Gateway
from edge_agent.clock import SystemClock
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.uplink.uplink import Uplink
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, encode_payload
from protocols.sparkplug.topics import MessageKind
from tests.fakes.gateway import NOW, gateway, pump, reading
from tests.fakes.running_agent import GatedClock, new_broker, running
from tests.fakes.sparkplug_host import SparkplugHost

NBIRTH, NDEATH = MessageKind.NBIRTH, MessageKind.NDEATH
DBIRTH, DDEATH, DDATA = MessageKind.DBIRTH, MessageKind.DDEATH, MessageKind.DDATA


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with new_broker() as started:
        yield started


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Gateway:
    return gateway(mqtt_port=broker.port, journal=tmp_path / "journal.sqlite")


async def test_births_come_before_data_and_nothing_is_retained(
    broker: Broker, settings: Gateway
) -> None:
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        agent.uplink.device_down("p2", NOW, "timeout")
        agent.say(3)
        await host.hears(DDATA)

        assert host.kinds() == ["NBIRTH", "DBIRTH", "DBIRTH", "DDEATH", "DDATA"]
        assert [one.payload.seq for one in host.heard] == [0, 1, 2, 3, 4]
        assert not any(one.retain for one in host.heard)
        born = host.heard[0]
        assert born.value("bdSeq") == agent.journal.bd_seq == 0
        assert born.value("Node Control/Rebirth") is False
        up, down = host.heard[1], host.heard[2]
        assert (up.value("Properties/Online"), down.value("Properties/Online")) == (True, False)
        assert up.value("Properties/Class") == "heating_pump"
        assert up.value("Properties/Name/zh") == "水泵 p1"
        declared = next(m for m in up.payload.metrics if m.name == "pressure")
        assert declared.datatype is DataType.FLOAT
        assert declared.properties is not None
        assert declared.properties["engUnit"] == "bar"
        data = host.heard[-1].payload
        assert data.uuid == f"{agent.journal.journal_id}/0"
        assert [(m.alias, m.name, m.value, m.timestamp) for m in data.metrics] == [
            (declared.alias, None, 3.0, NOW + 3)
        ]


async def test_an_acknowledgement_deletes_exactly_the_rows_it_names(
    broker: Broker, settings: Gateway
) -> None:
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        await host.hears(DBIRTH)
        for value in range(6):
            agent.say(value)
        await host.hears(DDATA, 6)
        await agent.journal.commit()

        host.acknowledge("somebody else's journal", [(0, 5)])
        host.acknowledge(agent.journal.journal_id, [(0, 99)])
        host.command(b"\xff\xff torn")
        host.acknowledge(agent.journal.journal_id, [(0, 1), (4, 4)])
        await agent.until(lambda: agent.uplink.stats().acknowledged == 3)

        assert await agent.kept() == [2, 3, 5]
        assert agent.uplink.stats().refused_acknowledgements == 2
        assert agent.uplink.stats().unreadable == 1


@pytest.mark.long
async def test_after_a_lost_broker_births_come_first_and_then_the_unacknowledged_in_order(
    tmp_path: Path,
) -> None:
    broker, clock = new_broker(), GatedClock()
    await asyncio.to_thread(broker.start)
    settings = gateway(mqtt_port=broker.port, journal=tmp_path / "journal.sqlite")
    try:
        async with running(settings, clock) as agent:
            async with SparkplugHost(broker.port) as host:
                agent.uplink.device_up("p1", NOW)
                (first_birth,) = await host.hears(NBIRTH)
                for value in range(5):
                    agent.say(value)
                await host.hears(DDATA, 5)
                host.acknowledge(agent.journal.journal_id, [(0, 2)])
                await agent.until(lambda: agent.uplink.stats().acknowledged == 3)
                clock.gate.clear()
                await asyncio.to_thread(broker.stop)
            await agent.until(lambda: not agent.uplink.stats().online)
            for value in range(5, 8):
                agent.say(value)
            await asyncio.to_thread(broker.start)
            async with SparkplugHost(broker.port) as host:
                clock.gate.set()
                await host.hears(DBIRTH)
                agent.say(8)
                await host.hears(DDATA, 6)
    finally:
        await asyncio.to_thread(broker.stop)

    assert host.kinds()[:2] == ["NBIRTH", "DBIRTH"]
    assert [one.payload.seq for one in host.heard] == list(range(8))
    assert host.heard[0].value("bdSeq") != first_birth.value("bdSeq")
    data = [one for one in host.heard if one.kind is DDATA]
    old = [one for one in data if one.historical]
    assert [one.offset for one in old] == [3, 4, 5, 6, 7]
    assert [m.timestamp for one in old for m in one.payload.metrics] == [
        NOW + value for value in range(3, 8)
    ]
    assert [one.offset for one in data if not one.historical] == [8]


async def test_what_stays_unacknowledged_is_sent_again_after_the_timeout(
    broker: Broker, tmp_path: Path
) -> None:
    settings = gateway(
        mqtt_port=broker.port,
        journal=tmp_path / "journal.sqlite",
        uplink={"ack_timeout_s": 0.5},
    )
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        await host.hears(DBIRTH)
        agent.say(1)
        agent.say(2)
        await host.hears(DDATA, 2)
        host.acknowledge(agent.journal.journal_id, [(0, 0)])
        heard = await host.hears(DDATA, 3)

        assert [(one.offset, one.historical) for one in heard] == [
            (0, False), (1, False), (1, True)
        ]  # fmt: skip


async def test_a_host_that_never_acknowledges_gets_everything_once(
    broker: Broker, tmp_path: Path
) -> None:
    settings = gateway(
        mqtt_port=broker.port,
        journal=tmp_path / "journal.sqlite",
        uplink={"ack_timeout_s": 0.3, "acknowledgement": "state"},
    )
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        await host.hears(DBIRTH)
        for value in range(4):
            agent.say(value)
        await host.hears(DDATA, 4)
        await agent.until(lambda: agent.journal.stats().rows == 0)

        assert await agent.kept() == []
        assert [one.offset for one in host.heard if one.kind is DDATA] == [0, 1, 2, 3]


async def test_a_rebirth_says_everything_again_with_the_same_bd_seq(
    broker: Broker, settings: Gateway
) -> None:
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        await host.hears(DBIRTH)
        agent.say(7)
        host.ask_rebirth()
        births = await host.hears(NBIRTH, 2)
        again = (await host.hears(DBIRTH, 2))[-1]

        assert births[0].value("bdSeq") == births[1].value("bdSeq")
        assert (births[1].payload.seq, again.payload.seq) == (0, 1)
        assert again.value("pressure") == 7.0


async def test_seq_goes_from_255_to_0_and_leaves_nothing_out(
    broker: Broker, settings: Gateway
) -> None:
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        await host.hears(DBIRTH)
        for value in range(600):
            agent.say(value)
        await host.hears(DDATA, 600)

        assert [one.payload.seq for one in host.heard] == [n % 256 for n in range(602)]
        assert [one.offset for one in host.heard if one.kind is DDATA] == list(range(600))


async def test_a_clean_stop_publishes_the_death_of_this_session(
    broker: Broker, settings: Gateway
) -> None:
    async with SparkplugHost(broker.port) as host:
        async with running(settings):
            (born,) = await host.hears(NBIRTH)
        (death,) = await host.hears(NDEATH)

    assert death.payload.seq is None
    assert death.value("bdSeq") == born.value("bdSeq")
    assert [metric.name for metric in death.payload.metrics] == ["bdSeq"]


async def test_a_command_is_executed_and_its_result_published_and_journaled(
    broker: Broker, settings: Gateway
) -> None:
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p2", NOW)
        (born,) = await host.hears(DBIRTH)
        aliases = {m.name: m.alias for m in born.payload.metrics}
        wish = Metric(alias=aliases["speed"], timestamp=NOW, datatype=DataType.UINT16, value=30)
        host.command(encode_payload([wish], timestamp=NOW, uuid="key-1"), "p2")
        (data,) = await host.hears(DDATA)

        (command,) = agent.handler.commands
        assert (command.id, command.device, command.point, command.value) == (
            "key-1", "p2", "speed", 30
        )  # fmt: skip
        (metric,) = data.payload.metrics
        assert metric.alias == aliases["Command/Result"]
        assert isinstance(metric.value, str)
        assert json.loads(metric.value)["status"] == "done"
        assert await agent.kept() == [data.offset]


async def test_a_primary_host_is_waited_for_and_its_leaving_ends_the_session(
    broker: Broker, tmp_path: Path
) -> None:
    settings = gateway(
        mqtt_port=broker.port,
        journal=tmp_path / "journal.sqlite",
        uplink={"primary_host": "scada"},
    )
    async with SparkplugHost(broker.port) as host, running(settings) as agent:
        agent.uplink.device_up("p1", NOW)
        agent.say(1)
        host.state("scada", b'{"online":false,"timestamp":5}')
        host.state("scada", b"OFFLINE in the old way")
        await agent.until(lambda: agent.uplink.stats().unreadable == 1)
        assert host.heard == []

        host.state("scada", b'{"online":true,"timestamp":6}')
        (data,) = await host.hears(DDATA)
        assert data.historical
        host.state("scada", b'{"online":false,"timestamp":7}')
        await host.hears(NDEATH)
        agent.say(2)
        host.state("scada", b'{"online":true,"timestamp":8}')
        await host.hears(NBIRTH, 2)
        again = await host.hears(DDATA, 3)
        assert [one.offset for one in again] == [0, 0, 1]


async def test_rows_of_what_is_no_longer_configured_still_arrive(
    broker: Broker, settings: Gateway, tmp_path: Path
) -> None:
    async with SqliteJournal(settings.settings.journal, SystemClock()) as journal:
        before = Uplink(settings, journal, SystemClock())
        before.device_up("p1", NOW)
        before.device_up("p2", NOW)
        before.publish("p1", [reading(1.5), reading(value=True, name="running")])
        before.publish("p2", [reading(30, name="speed")])
    shrunk = pump("p1", running=settings.devices["p1"].points["running"])
    less = gateway(shrunk, mqtt_port=broker.port, journal=tmp_path / "journal.sqlite")

    async with SparkplugHost(broker.port) as host, running(less) as agent:
        agent.uplink.device_up("p1", NOW)
        await host.hears(DDATA, 2)
        (gone,) = (one for one in host.heard if one.kind is DBIRTH and one.device == "p2")
        await host.hears(DDEATH)

    first, second = (one for one in host.heard if one.kind is DDATA)
    values = {m.name or m.alias: (m.value, m.datatype) for m in first.payload.metrics}
    assert values["pressure"] == (1.5, DataType.FLOAT)
    assert len(values) == 2
    declared = next(m for m in gone.payload.metrics if m.name == "speed")
    assert gone.value("Properties/Online") is False
    assert second.payload.metrics[0].alias == declared.alias
    order = [(one.kind, one.device) for one in host.heard if one.device == "p2"]
    assert order == [(DBIRTH, "p2"), (DDATA, "p2"), (DDEATH, "p2")]
