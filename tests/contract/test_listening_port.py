"""A port that listens: what a transmission device says becomes readings, on disk first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from config.gateway import Gateway
from config.linkage_rules import linkage_conflicts
from config.linkages import Linkage
from config.listening import Gb26875TcpPort
from config.summary import summarize_gateway
from edge_agent.errors import CommandError
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port_manager import PortManager
from plantroom.processes import free_port
from protocols.reading import Quality
from simulators.fire_wire import SimulatedComponent, component_status
from simulators.transmission_device import DeviceSettings, TransmissionDevice
from tests.fakes.fire_bench import PATIENCE_S, ended, until
from tests.fakes.listening_bench import Bench, heard_gateway, running

FIRE, FAULT = 3, 5
SOURCE = 889


def gateway(folder: Path, port: int = 5200, **options: object) -> Gateway:
    about = {"kind": "gb26875_tcp", "host": "127.0.0.1", "port": port}
    return heard_gateway(folder, about | options, source=SOURCE)


@asynccontextmanager
async def listening(folder: Path, **options: object) -> AsyncIterator[Bench]:
    async with running(folder, gateway(folder, free_port(), **options)) as bench:
        yield bench


@asynccontextmanager
async def well(bench: Bench, **settings: float) -> AsyncIterator[TransmissionDevice]:
    """A device that has answered what it was asked when it connected; nothing comes behind."""
    async with device(bench, **settings) as one:
        await until(lambda: bench.last("mains") is True)
        assert bench.values("fire_count") == [0]
        yield one


@asynccontextmanager
async def device(
    bench: Bench, address: int = SOURCE, **settings: float
) -> AsyncIterator[TransmissionDevice]:
    about = DeviceSettings("127.0.0.1", number(bench), address, heartbeat_s=0.5, reply_s=0.3)
    one = TransmissionDevice(replace(about, **settings))
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        await ended(task)


def number(bench: Bench) -> int:
    port = bench.gateway.settings.ports["fire"]
    assert isinstance(port, Gb26875TcpPort)
    return port.port


def is_settled(one: TransmissionDevice) -> bool:
    return one.obey(b'{"do": "get"}')["waiting"] == 0


async def test_two_fires_in_one_frame_have_both_places_in_one_text_and_a_reset_ends_them(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as bench, well(bench) as one:
        one.show(FIRE, (10, 2, "1层走廊"), (10, 3, "大堂"))
        await until(lambda: bench.last("fire_count") == 2 and is_settled(one))
        text = str(bench.last("fire_places"))
        assert text.index("1层走廊") < text.index("大堂")
        assert bench.values("fire_count") == [0, 2]
        fires = f"{text.replace('; ', ' 火警; ')} 火警"
        assert bench.values("event") == [fires]
        points = [reading.point for _, reading in bench.sink.log]
        assert points.index("fire_places") < points.index("fire")
        one.reset()
        await until(lambda: bench.last("fire") is False and is_settled(one))
        assert bench.last("fire_places") == ""
        assert bench.values("event") == [fires, "火灾报警系统 1号主机 复位"]
        assert bench.health.devices["panel"].up


async def test_what_the_disk_refuses_is_told_at_once_and_not_confirmed(tmp_path: Path) -> None:
    async with listening(tmp_path) as bench, well(bench, reply_s=0.05) as one:
        bench.journal.refuses = True
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: bench.last("fire") is True)
        assert not is_settled(one)
        bench.journal.refuses = False
        await until(lambda: is_settled(one))
        assert bench.values("fire") == [False, True]


async def test_a_snapshot_that_cannot_be_written_is_not_confirmed(tmp_path: Path) -> None:
    (tmp_path / "journal.fire-fire.json.new").mkdir()
    async with listening(tmp_path) as bench, device(bench, reply_s=0.05) as one:
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: bench.last("fire") is True)
        assert not is_settled(one)
        (tmp_path / "journal.fire-fire.json.new").rmdir()
        await until(lambda: is_settled(one))


async def test_an_open_fire_survives_the_process_although_the_device_never_returns(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as bench:
        async with device(bench) as one:
            one.show(FIRE, (10, 2, "a"))
            await until(lambda: bench.last("fire") is True and is_settled(one))
        await bench.stop()
        bench.sink.log.clear()
        bench.start()
        await until(lambda: bench.last("fire") is True)
        assert bench.values("fire_count") == [1]


async def test_a_silent_device_is_stale_and_down_and_comes_back(tmp_path: Path) -> None:
    async with listening(tmp_path) as bench:
        async with device(bench) as one:
            one.show(FAULT, (10, 2, "a"))
            await until(lambda: bench.last("fault_count") == 1)
            assert bench.last("fault_places") == "a 感烟火灾探测器 1号主机10区2号"
            assert bench.last("fire_places") == bench.last("shielded_places") == ""
        await until(lambda: bench.silent(10) and ("down", "panel", "timeout") in bench.sink.events)
        stale = bench.sink.of("panel", "fault")[-1]
        assert (stale.value, stale.quality, stale.reason) == (None, Quality.STALE, "timeout")
        assert bench.health.devices["panel"].up is False
        before = len(bench.sink.events)
        async with device(bench):
            await until(lambda: ("up", "panel", "") in bench.sink.events[before:])


async def test_a_device_that_is_not_configured_is_denied(tmp_path: Path) -> None:
    async with listening(tmp_path) as bench, device(bench, 890) as one:
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: one.counts["denied"] > 0)
        assert bench.sink.log == []


async def test_a_fire_that_begins_and_ends_in_one_message_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path) as bench, well(bench) as one:
        smoke = SimulatedComponent(1, 1, 40, 10, 2, FIRE, "a")
        both = [smoke, smoke._replace(status=1)]
        one._report(component_status(both, one._local()))
        await until(lambda: is_settled(one))
        assert bench.values("fire") == [False, True, False]


@pytest.mark.size(100, 10_000)
async def test_one_event_again_and_again_is_one_reading_and_counted(
    tmp_path: Path, size: int
) -> None:
    async with listening(tmp_path) as bench, well(bench) as one:
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: is_settled(one))
        one._repeat(size)
        one.show(FIRE, (10, 3, "b"))
        await until(lambda: is_settled(one), within_s=PATIENCE_S + size / 100)
        assert bench.values("fire_count") == [0, 1, 2]
        assert [str(told).split()[0] for told in bench.values("event")] == ["a", "b"]
        counted = bench.health.heard.labels("fire", "repeated")._value.get()
        assert counted >= size
        assert len((tmp_path / "journal.fire-fire.json").read_bytes()) < 1000


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": 1}', '{"version": 1, "panels": {"889": 3}}']
)
async def test_a_damaged_snapshot_does_not_keep_the_port_from_listening(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "journal.fire-fire.json").write_text(content)
    async with listening(tmp_path) as bench, device(bench) as one:
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: bench.last("fire") is True and is_settled(one))


def test_a_checked_file_says_where_it_listens_and_for_whom(tmp_path: Path) -> None:
    page = summarize_gateway(gateway(tmp_path))
    assert "port    fire: gb26875_tcp listens on 127.0.0.1:5200, silence 90 s" in page
    assert "panel: source 889, points of its class, fire_panel, 19 points when it speaks" in page


def test_linkages_read_what_is_heard(tmp_path: Path) -> None:
    devices = gateway(tmp_path).devices
    for text in ("{panel.fire}", "{panel.fire_count} > 1", "{panel.fire_places} != ''"):
        linkage = Linkage.model_construct(when=text, reset=None, commands=())
        assert [one.message for one in linkage_conflicts({"siren": linkage}, devices)] == []


async def test_what_only_listens_takes_no_command(tmp_path: Path) -> None:
    bench = Bench(tmp_path, gateway(tmp_path))
    assert not bench.port.answers("panel")
    with pytest.raises(CommandError, match="only listens"):
        await bench.port.write("panel", "fire", value=True)


async def test_a_reload_with_other_options_keeps_what_is_open(tmp_path: Path) -> None:
    bench = Bench(tmp_path, gateway(tmp_path, free_port()))
    ports = PortManager(
        sink=bench.sink,
        health=bench.health,
        availability=MemoryAvailability(),
        clock=bench.clock,
        open_driver=lambda *_: pytest.fail("nothing is polled"),
        open_listener=bench.build,
    )
    async with asyncio.TaskGroup() as tasks:
        ports.start(ports.prepare(bench.gateway), tasks)
        await until(lambda: "fire" in bench.health.ports)
        async with device(bench) as one:
            one.show(FIRE, (10, 2, "a"))
            await until(lambda: bench.last("fire") is True and is_settled(one))
            assert ports.prepare(bench.gateway).started == {}
            change = ports.prepare(gateway(tmp_path, number(bench), language="en"))
            await ports.stop(change)
            ports.start(change, tasks)
            await until(lambda: "panel 1" in str(bench.last("fire_places")))
            assert False not in bench.values("fire")[bench.values("fire").index(True) :]
        await ports.stop(ports.prepare(Gateway(change.gateway.settings, {})))


@pytest.mark.parametrize("answers", [True, False])
async def test_whoever_is_on_watch_is_asked_and_what_became_of_it_is_a_point(
    tmp_path: Path, *, answers: bool
) -> None:
    soon = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(minutes=2)
    times = {"inspects_sentry_at": [f"{soon:%H:%M}"], "sentry_minutes": 1}
    async with (
        listening(tmp_path, **times) as bench,
        device(bench, heartbeat_s=0.01, answers_sentry=answers) as one,
    ):
        await until(lambda: bench.last("fire") is False)
        assert bench.values("sentry_missed") == []
        await until(lambda: bench.silent(5) and one.counts["asked_91"] == 1)
        await until(lambda: bench.silent(2) and bench.values("sentry_missed") == [not answers])


@pytest.mark.size(8, 60)
async def test_no_fire_is_lost_or_doubled_over_cuts_garbage_and_restarts(
    tmp_path: Path, size: int
) -> None:
    rng = Random(7)  # noqa: S311 (repeatable)
    async with listening(tmp_path) as bench, device(bench) as one:
        for number in range(1, size + 1):
            one.show(FIRE, (1, number, f"room {number}"))
            if number % 3 == 0:
                one._cut()
            if number % 5 == 0:
                one._write(rng.randbytes(200))
            if number % 7 == 0:
                await bench.stop()
                bench.start()
            await asyncio.sleep(0.01)
        await until(lambda: is_settled(one) and bench.last("fire_count") == size)
        fires = bench.values("fire")
        assert False not in fires[fires.index(True) :]
        counts = [count for count in bench.values("fire_count") if isinstance(count, int)]
        assert counts == sorted(counts)
