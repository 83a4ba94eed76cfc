"""Doors on a line of OSDP: the peripheral side of libosdp against the agent's own processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.load import load_agent
from edge_agent.clock import SystemClock
from edge_agent.drivers.base import OnLateResponse
from edge_agent.drivers.osdp.driver import OsdpDriver
from edge_agent.errors import CommandError
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality, Reading
from simulators.osdp_reader import OsdpLine
from tests.fakes.reading_sink import ListSink
from tests.patience import PATIENCE_S

KEY, OTHER = "8f0e5a7fc1b44f6b9c3a1d2e4f506172", "00112233445566778899aabbccddeeff"
NAME = {"en": "Door", "zh": "门"}


class Doors:
    """The port of an agent, its line, and what came of it."""

    def __init__(self, port: PortOwner, driver: OsdpDriver, line: OsdpLine, sink: ListSink) -> None:
        self.port = port
        self.driver = driver
        self.line = line
        self.sink = sink

    def last(self, point: str, device: str = "door") -> Reading | None:
        found = self.sink.of(device, point)
        return found[-1] if found else None

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await SystemClock().sleep(0.02)

    async def until_reads(self, point: str, value: object, device: str = "door") -> None:
        await self.until(lambda: self._reads(point, value, device))

    def _reads(self, point: str, value: object, device: str) -> bool:
        last = self.last(point, device)
        return last is not None and last.quality is Quality.GOOD and last.value == value

    @property
    def process(self) -> int:
        panel = self.driver._panel
        assert panel is not None
        return panel.pid


@asynccontextmanager
async def doors(
    folder: Path,
    readers: Mapping[int, bytes | None],
    *,
    keys: str = f"1 {KEY}\n2 {OTHER}\n",
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Doors]:
    """Run the port of an agent against simulated readers."""
    key_file = folder / "keys"
    key_file.write_text(keys)
    key_file.chmod(0o600)
    async with OsdpLine(folder / "line", readers) as line:
        port = {
            "kind": "osdp",
            "device": str(line.path),
            "baud": 115200,
            "key_file": "keys",
            "readers": {address: {} for address in readers},
        }
        content = {
            "site": "s",
            "gateway": "g",
            "ports": {"doors": port | dict(settings or {})},
            "devices": {
                "door": {"port": "doors", "unit": 1, "profile": "osdp-door", "name": NAME},
                **(
                    {"rd": {"port": "doors", "unit": 2, "profile": "osdp-reader", "name": NAME}}
                    if 2 in readers
                    else {}
                ),
            },
        }
        file = folder / "agent.yaml"
        file.write_text(yaml.safe_dump(content, allow_unicode=True))
        gateway, sink, clock = load_agent(file), ListSink(), SystemClock()
        found = gateway.settings.ports["doors"]
        opened: list[OsdpDriver] = []

        def open_driver(late: OnLateResponse) -> OsdpDriver:
            opened.append(OsdpDriver(found, clock, on_late_response=late))
            return opened[0]

        owner = PortOwner(
            "doors",
            settings=found,
            devices=gateway.devices,
            open_driver=open_driver,
            sink=sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=clock,
        )
        task = asyncio.create_task(owner.run())
        try:
            yield Doors(owner, opened[0], line, sink)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_door_is_seen_and_unlocked(tmp_path: Path) -> None:
    async with doors(tmp_path, {1: bytes.fromhex(KEY), 2: bytes.fromhex(OTHER)}) as one:
        reader = one.line.readers[1]
        await one.until_reads("door_open", value=False)
        await one.until_reads("mains", value=True, device="rd")
        reader.contact(0, on=True)
        await one.until_reads("door_open", value=True)
        reader.local_state(0, on=True)
        await one.until_reads("tamper", value=True)
        reader.card(52, 22136)
        await one.until_reads("last_card", "****2136")
        reader.card(52, 22136)
        await one.until(lambda: len(one.sink.of("door", "last_card")) == 2)
        await one.until_reads("card_events", 2)
        assert "22136" not in repr(one.sink.log)
        written = await one.port.write("door", "unlock", value=True)
        assert written.confirmed
        assert reader.outputs == [1, 0]
        assert (await one.port.write("door", "unlock", value=False)).confirmed
        assert reader.outputs == [0, 0]
        # Shorter than the time between two looks: it is told all the same.
        reader.contact(1, on=True)
        await SystemClock().sleep(0.15)
        reader.contact(1, on=False)
        await one.until_reads("exit_request", value=True)
        await one.until_reads("exit_request", value=False)


async def test_a_reader_that_falls_silent_is_told_and_comes_back(tmp_path: Path) -> None:
    async with doors(tmp_path, {1: bytes.fromhex(KEY)}) as one:
        await one.until_reads("door_open", value=False)
        one.line.readers[1].mute(on=True)
        await one.until(lambda: ("down", "door", "timeout") in one.sink.events)
        with pytest.raises(CommandError, match="does not answer"):
            await one.port.write("door", "unlock", value=True)
        one.line.readers[1].mute(on=False)
        await one.until(lambda: one.sink.events[-1] == ("up", "door", ""))
        await one.until_reads("door_open", value=False)


async def test_another_reader_in_its_place_is_not_believed(tmp_path: Path) -> None:
    async with doors(tmp_path, {1: bytes.fromhex(KEY)}) as one:
        await one.until_reads("door_open", value=False)
        one.line.readers[1].replace(bytes.fromhex(OTHER))
        one.line.readers[1].contact(0, on=True)
        await one.until(lambda: ("down", "door", "timeout") in one.sink.events)
        assert "its secure channel fails" in one.driver._readers[1].why
        assert all(reading.value is not True for reading in one.sink.of("door", "door_open"))
        one.line.readers[1].replace(bytes.fromhex(KEY))
        await one.until(lambda: one.sink.events[-1] == ("up", "door", ""))


async def test_a_reader_with_the_key_of_delivery_gets_its_own_in_install_mode(
    tmp_path: Path,
) -> None:
    async with doors(tmp_path, {1: None}) as one:
        await one.until(lambda: one.driver._readers[1].online is False)
        assert "install_mode" in one.driver._readers[1].why
        assert one.line.readers[1].key is None
        assert not one.sink.log
    folder = tmp_path / "again"
    folder.mkdir()
    async with doors(folder, {1: None}, settings={"readers": {1: {"install_mode": True}}}) as one:
        await one.until_reads("door_open", value=False)
        assert one.line.readers[1].key == bytes.fromhex(KEY)


async def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with doors(tmp_path, {1: bytes.fromhex(KEY)}) as one:
        await one.until_reads("door_open", value=False)
        killed = one.process
        os.kill(killed, signal.SIGKILL)
        await one.until(lambda: one.driver._panel is not None and one.process != killed)
        one.line.readers[1].contact(0, on=True)
        await one.until_reads("door_open", value=True)
        # So soon again: it is left alone for a while, and the port says why.
        os.kill(one.process, signal.SIGKILL)
        await one.until(lambda: ("down", "door", "port_down") in one.sink.events)
        assert "killed by signal 9" in one.driver._lost
        await one.until_reads("door_open", value=True)


async def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    async with doors(tmp_path, {1: bytes.fromhex(KEY)}) as one:
        await one.until_reads("door_open", value=False)
        hangs = one.process
        os.kill(hangs, signal.SIGSTOP)
        await one.until(lambda: one.driver._panel is not None and one.process != hangs)
        with pytest.raises(ProcessLookupError):
            os.kill(hangs, 0)


async def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    async with doors(tmp_path, {1: bytes.fromhex(KEY)}) as one:
        await one.until_reads("door_open", value=False)
        (tmp_path / "keys").chmod(0o644)
        with pytest.raises(Exception, match="allowed is 0600"):
            OsdpDriver(one.driver._port, SystemClock())._line()
