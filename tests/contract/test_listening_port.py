"""A port that listens: what a transmission device says becomes readings, on disk first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from config.edge import AgentSettings, JournalSettings
from config.linkage_rules import linkage_conflicts
from config.linkages import Linkage
from config.listening import Gb26875TcpPort
from config.resolve import Gateway, ResolvedDevice, resolve
from config.summary import summarize_gateway
from edge_agent.errors import CommandError
from edge_agent.health import Health
from edge_agent.journal.base import JournalStats
from edge_agent.journal.memory import MemoryJournal
from edge_agent.listening.gb26875 import ListeningPort
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port_manager import PortManager
from plantroom.processes import free_port
from protocols.reading import Quality, Value
from simulators.fire_wire import SimulatedComponent, component_status
from simulators.transmission_device import DeviceSettings, TransmissionDevice
from tests.fakes.fire_bench import HurriedClock, until
from tests.fakes.reading_sink import ListSink

FIRE, FAULT = 3, 5
SOURCE = 889


class Disk(MemoryJournal):
    """A journal whose disk may refuse."""

    refuses = False

    def stats(self) -> JournalStats:
        return replace(super().stats(), writable=not self.refuses)


def gateway(port: int, folder: Path, **options: object) -> Gateway:
    content = {
        "site": "s",
        "gateway": "g",
        "journal": {"path": folder / "journal.sqlite"},
        "ports": {"fire": {"kind": "gb26875_tcp", "host": "127.0.0.1", "port": port} | options},
        "devices": {
            "panel": {"port": "fire", "source": SOURCE, "name": {"en": "Panel", "zh": "主机"}}
        },
    }
    return resolve(AgentSettings.model_validate(content), classes={}, profiles={})


class Bench:
    def __init__(self, folder: Path, **options: object) -> None:
        self.number = free_port()
        self.folder = folder
        self.sink = ListSink()
        self.health = Health()
        self.journal = Disk(JournalSettings(path=folder / "journal.sqlite"), HurriedClock())
        self.options = options
        self.port = self.build("fire", *self.wanted())
        self.task: asyncio.Task[None] | None = None

    def wanted(self) -> tuple[Gb26875TcpPort, dict[str, ResolvedDevice]]:
        made = gateway(self.number, self.folder, **self.options)
        port = made.settings.ports["fire"]
        assert isinstance(port, Gb26875TcpPort)
        return port, made.devices

    def build(
        self, name: str, settings: Gb26875TcpPort, devices: "dict[str, ResolvedDevice]"
    ) -> ListeningPort:
        return ListeningPort(
            name,
            settings=settings,
            devices=devices,
            sink=self.sink,
            journal=self.journal,
            health=self.health,
            clock=HurriedClock(),
            path=self.folder / "journal.fire-fire.json",
        )

    def start(self) -> None:
        self.port = self.build("fire", *self.wanted())
        self.task = asyncio.create_task(self.port.run())

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    def values(self, point: str) -> list[Value]:
        return [one.value for one in self.sink.of("panel", point) if one.quality is Quality.GOOD]

    def last(self, point: str) -> Value:
        found = self.values(point)
        return found[-1] if found else None


@asynccontextmanager
async def listening(folder: Path, **options: object) -> AsyncIterator[Bench]:
    bench = Bench(folder, **options)
    bench.start()
    try:
        yield bench
    finally:
        await bench.stop()


@asynccontextmanager
async def device(bench: Bench, address: int = SOURCE) -> AsyncIterator[TransmissionDevice]:
    about = DeviceSettings("127.0.0.1", bench.number, address, heartbeat_s=0.5, reply_s=0.3)
    one = TransmissionDevice(about)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def is_settled(one: TransmissionDevice) -> bool:
    return one.obey(b'{"do": "get"}')["waiting"] == 0


async def test_two_fires_in_one_frame_have_both_places_in_one_text_and_a_reset_ends_them(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as bench, device(bench) as one:
        one.show(FIRE, (10, 2, "1层走廊"), (10, 3, "大堂"))
        await until(lambda: bench.last("fire_count") == 2 and is_settled(one))
        text = str(bench.last("fire_places"))
        assert text.index("1层走廊") < text.index("大堂")
        assert bench.values("fire_count") in ([0, 2], [2])
        points = [reading.point for _, reading in bench.sink.log]
        assert points.index("fire_places") < points.index("fire")
        one.reset()
        await until(lambda: bench.last("fire") is False and is_settled(one))
        assert bench.last("fire_places") == ""
        assert bench.health.devices["panel"].up


async def test_what_the_disk_refuses_is_told_at_once_and_not_confirmed(tmp_path: Path) -> None:
    async with listening(tmp_path) as bench, device(bench) as one:
        bench.journal.refuses = True
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: bench.last("fire") is True)
        assert not is_settled(one)
        bench.journal.refuses = False
        await until(lambda: is_settled(one))
        assert bench.values("fire") in ([True], [False, True])


async def test_a_snapshot_that_cannot_be_written_is_not_confirmed(tmp_path: Path) -> None:
    (tmp_path / "journal.fire-fire.json.new").mkdir()
    async with listening(tmp_path) as bench, device(bench) as one:
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
    async with listening(tmp_path, silence_s=5) as bench:
        bench.port._settings = bench.port._settings.model_copy(update={"silence_s": 0.4})
        async with device(bench) as one:
            one.show(FAULT, (10, 2, "a"))
            await until(lambda: bench.last("fault_count") == 1)
        await until(lambda: ("down", "panel", "timeout") in bench.sink.events)
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
    async with listening(tmp_path) as bench, device(bench) as one:
        smoke = SimulatedComponent(1, 1, 40, 10, 2, FIRE, "a")
        both = [smoke, smoke._replace(status=1)]
        one._report(component_status(both, one._local()))
        await until(lambda: is_settled(one))
        assert bench.values("fire")[-2:] == [True, False]


async def test_one_event_a_hundred_times_is_one_reading(tmp_path: Path) -> None:
    async with listening(tmp_path) as bench, device(bench) as one:
        one.show(FIRE, (10, 2, "a"))
        await until(lambda: is_settled(one))
        one._repeat(100)
        await until(lambda: is_settled(one))
        assert bench.values("fire_count") in ([1], [0, 1])


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
    page = summarize_gateway(gateway(5200, tmp_path))
    assert "port    fire: gb26875_tcp listens on 127.0.0.1:5200, silence 90 s" in page
    assert "panel: source 889, points of its class, fire_panel, 15 points when it speaks" in page


def test_linkages_read_what_is_heard(tmp_path: Path) -> None:
    devices = gateway(5200, tmp_path).devices
    for text in ("{panel.fire}", "{panel.fire_count} > 1", "{panel.fire_places} != ''"):
        linkage = Linkage.model_construct(when=text, reset=None, commands=())
        assert [one.message for one in linkage_conflicts({"siren": linkage}, devices)] == []


async def test_what_only_listens_takes_no_command(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert not bench.port.answers("panel")
    with pytest.raises(CommandError, match="only listens"):
        await bench.port.write("panel", "fire", value=True)


async def test_a_reload_with_other_options_keeps_what_is_open(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ports = PortManager(
        sink=bench.sink,
        health=bench.health,
        availability=MemoryAvailability(),
        clock=HurriedClock(),
        open_driver=lambda *_: pytest.fail("nothing is polled"),
        open_listener=lambda name, port, devices: bench.build(name, port, dict(devices)),
    )
    async with asyncio.TaskGroup() as tasks:
        ports.start(ports.prepare(gateway(bench.number, tmp_path)), tasks)
        async with device(bench) as one:
            one.show(FIRE, (10, 2, "a"))
            await until(lambda: bench.last("fire") is True and is_settled(one))
            assert ports.prepare(gateway(bench.number, tmp_path)).started == {}
            change = ports.prepare(gateway(bench.number, tmp_path, language="en"))
            await ports.stop(change)
            ports.start(change, tasks)
            await until(lambda: "panel 1" in str(bench.last("fire_places")))
            assert False not in bench.values("fire")[bench.values("fire").index(True) :]
        await ports.stop(ports.prepare(Gateway(change.gateway.settings, {})))


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
