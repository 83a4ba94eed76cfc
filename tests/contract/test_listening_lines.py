"""Ports with a panel or a transmission device on a serial line or behind a serial server."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.gateway import Gateway
from config.summary import summarize_gateway
from edge_agent.commissioning.plan_command import unasked
from protocols.reading import Quality
from simulators.fire_panel import FirePanel
from simulators.panel_formats import FORMATS
from simulators.transmission_device import DeviceSettings, TransmissionDevice
from tests.fakes.fire_bench import PATIENCE_S, ended, until
from tests.fakes.listening_bench import Bench, heard_gateway, running

FAST = {"jbf-193k": {"polls_every_s": 0.02}, "gst200": {"polls_every_s": 0.02}, "tx3004": {}}
WORDS = {"jbf-193k": "", "gst200": "大堂", "tx3004": "光电感烟火灾探测器"}


def gateway(folder: Path, form: str, **options: object) -> Gateway:
    port = {"kind": "fire_panel", "format": form, "device": str(folder / "tty")}
    return heard_gateway(folder, port | FAST[form] | options)


def order(panel: FirePanel, **what: object) -> None:
    assert panel.obey(json.dumps(what).encode())["ok"]


def fire(panel: FirePanel, point: int) -> None:
    order(panel, do="fire", loop=2, point=point, text="大堂")


@asynccontextmanager
async def panel_of(
    folder: Path, form: str, **options: object
) -> AsyncIterator[tuple[Bench, FirePanel]]:
    async with (
        FirePanel(folder / "tty", FORMATS[form]()) as panel,
        running(folder, gateway(folder, form, **options)) as bench,
    ):
        yield bench, panel


@pytest.mark.parametrize("form", FORMATS)
async def test_two_fires_have_their_places_and_a_reset_of_the_panel_ends_them(
    form: str, tmp_path: Path
) -> None:
    async with panel_of(tmp_path, form) as (bench, panel):
        await until(lambda: bench.last("fire") is False)
        fire(panel, 17)
        fire(panel, 18)
        await until(lambda: bench.last("fire_count") == 2)
        text = str(bench.last("fire_places"))
        assert text.index("17号") < text.index("18号")
        assert WORDS[form] in text
        points = [reading.point for _, reading in bench.sink.log if reading.value]
        assert points.index("fire_places") < points.index("fire")
        order(panel, do="mains_fault")
        order(panel, do="reset")
        await until(lambda: bench.last("fire") is False)
        assert bench.last("fire_places") == ""
        assert bench.last("mains") is False


async def test_an_event_of_a_gst_panel_counts_once_and_is_taken_when_it_is_kept(
    tmp_path: Path,
) -> None:
    async with panel_of(tmp_path, "gst200") as (bench, panel):
        bench.journal.refuses = True
        fire(panel, 17)
        await until(lambda: bench.last("fire") is True and panel.sent > 2)
        assert panel.obey(b'{"do": "get"}')["waiting"] == 1
        bench.journal.refuses = False
        await until(lambda: panel.obey(b'{"do": "get"}')["waiting"] == 0)
        assert bench.values("fire_count") in ([1], [0, 1])


async def test_what_a_printer_has_said_while_the_disk_refused_is_kept_later(
    tmp_path: Path,
) -> None:
    async with panel_of(tmp_path, "tx3004") as (bench, panel):
        (tmp_path / "journal.fire-fire.json.new").mkdir()
        fire(panel, 17)
        await until(lambda: bench.last("fire") is True)
        (tmp_path / "journal.fire-fire.json.new").rmdir()
        await until((tmp_path / "journal.fire-fire.json").exists)
        await bench.stop()
        bench.sink.log.clear()
        bench.start()
        await until(lambda: bench.last("fire_count") == 1)


async def test_an_open_fire_stands_over_a_restart_until_the_panel_is_reset(tmp_path: Path) -> None:
    async with panel_of(tmp_path, "jbf-193k") as (bench, panel):
        fire(panel, 17)
        await until(lambda: bench.last("fire") is True)
        await bench.stop()
        fire(panel, 18)  # it waits in the panel
        bench.sink.log.clear()
        bench.start()
        await until(lambda: bench.last("fire_count") == 2)
        assert bench.values("fire") == [True]
        order(panel, do="reset")
        await until(lambda: bench.last("fire") is False)


async def test_a_line_that_is_unplugged_is_down_and_comes_back_with_what_was_open(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, gateway(tmp_path, "jbf-193k")) as bench:
        await until(lambda: ("down", "panel", "port_down") in bench.sink.events)
        assert bench.health.ports["fire"].up is False
        async with FirePanel(tmp_path / "tty", FORMATS["jbf-193k"]()) as panel:
            fire(panel, 17)
            await until(lambda: bench.last("fire") is True)
        await until(lambda: bench.sink.of("panel", "fire")[-1].quality is Quality.STALE)
        assert bench.sink.events[-1] == ("down", "panel", "port_down")
        async with FirePanel(tmp_path / "tty", FORMATS["jbf-193k"]()):
            await until(lambda: bench.sink.events[-1] == ("up", "panel", ""))
            await until(lambda: bench.values("fire")[-2:] == [True, True])
            assert bench.last("fire_count") == 1


async def test_a_polled_panel_that_is_silent_is_down_and_a_printer_is_not(tmp_path: Path) -> None:
    terminal, line = os.openpty()
    (tmp_path / "tty").symlink_to(os.ttyname(line))
    async with running(tmp_path, gateway(tmp_path, "jbf-193k")) as bench:
        await until(lambda: bench.silent(10) and bench.health.devices.get("panel") is not None)
        assert bench.sink.events == [("down", "panel", "timeout")]
    (tmp_path / "journal.fire-fire.json").unlink(missing_ok=True)
    async with running(tmp_path, gateway(tmp_path, "tx3004")) as bench:
        await until(lambda: bench.last("fire") is False)
        bench.silent(1e6)
        await asyncio.sleep(0.15)
        assert bench.sink.events == [("up", "panel", "")]
    os.close(terminal)
    os.close(line)


@pytest.mark.parametrize("form", FORMATS)
async def test_garbage_before_and_between_events_costs_none(form: str, tmp_path: Path) -> None:
    async with panel_of(tmp_path, form) as (bench, panel):
        for point in range(1, 6):
            order(panel, do="garbage", hex="ff82303030510082" + "0a" * (form == "tx3004"))
            fire(panel, point)
        await until(lambda: bench.last("fire_count") == 5)


async def test_a_transmission_device_on_a_serial_line_is_confirmed_and_asked(
    tmp_path: Path,
) -> None:
    port = {"kind": "gb26875_serial", "device": str(tmp_path / "tty")}
    about = DeviceSettings("", 0, heartbeat_s=0.2, reply_s=0.2, line=tmp_path / "tty")
    one = TransmissionDevice(about)
    task = asyncio.create_task(one.run())
    await until((tmp_path / "tty").is_symlink)
    async with running(tmp_path, heard_gateway(tmp_path, port, source=889)) as bench:
        one.show(3, (10, 2, "1层走廊"), (10, 3, "大堂"))
        await until(
            lambda: bench.last("fire_count") == 2 and not one.obey(b'{"do":"get"}')["waiting"]
        )
        assert "1层走廊" in str(bench.last("fire_places"))
        await bench.stop()
        before = one.counts["asked_62"]
        bench.start()
        await until(lambda: one.counts["asked_62"] > before)
        one.reset()
        await until(lambda: bench.last("fire") is False)
    await ended(task)


async def test_a_panel_behind_a_serial_server(tmp_path: Path) -> None:
    polls = bytearray()

    async def converter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        panel = FORMATS["jbf-193k"]()
        while data := await reader.read(100):
            polls.extend(data)
            writer.writelines(panel.nothing() for _ in panel.hear(polls))
        writer.close()

    server = await asyncio.start_server(converter, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    port = {"kind": "fire_panel", "format": "jbf-193k", "host": "127.0.0.1", "port": number}
    async with running(tmp_path, heard_gateway(tmp_path, port)) as bench:
        await until(lambda: bench.last("fire") is False)
        server.close()
    async with asyncio.timeout(PATIENCE_S):
        await server.wait_closed()


def test_a_checked_file_says_what_is_heard_and_what_is_doubtful(tmp_path: Path) -> None:
    page = summarize_gateway(gateway(tmp_path, "tx3004"))
    where = f"fire_panel tx3004 {tmp_path}/tty 115200 8N1, the panel speaks, silence is no fault"
    assert f"port    fire: {where}" in page
    assert "panel: format tx3004, points of its class, fire_panel, 19 points when it speaks" in page
    assert "note    port fire: the format tx3004 comes from one public source" in page
    assert "nobody is told when the panel or its cable is gone" in page
    [line] = unasked(gateway(tmp_path, "gst200"))
    assert "2400 8N1, address bit, polled every 0.02 s, silence 60 s; it listens" in line
