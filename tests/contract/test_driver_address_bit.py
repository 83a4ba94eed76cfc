"""The ninth bit of a character: marks are read, and addresses are sent with it."""

import asyncio
import os
import random
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.ports import ModbusRtuPort
from edge_agent.drivers.address_bit import AddressBitLink, MarkedBytes, set_address_bit
from edge_agent.drivers.fire_delivery import Hearer, SiteTime
from edge_agent.drivers.fire_line import PanelLine
from edge_agent.drivers.link import Link
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import PortDownError
from protocols.fire.session import AddressBytes, Delivery, Moment
from protocols.panels.gst200 import Gst200
from protocols.panels.session import AdapterSession
from tests.fakes.fire_bench import HurriedClock, serving
from tests.fakes.panel_frames import gst200
from tests.fire_events import told
from tests.patience import PATIENCE_S


@contextmanager
def terminal() -> Iterator[tuple[int, Path]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    try:
        yield master, Path(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


async def opened(path: Path, bits: list[bool]) -> AddressBitLink:
    port = ModbusRtuPort(kind="modbus_rtu", device=str(path), baud=2400, parity="N")

    def note(fd: int, on: bool) -> None:  # noqa: FBT001 (the bit)
        assert fd >= 0
        bits.append(on)

    return AddressBitLink(await open_serial(port, OwnThread()), set_bit=note)


async def heard(master: int, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(PATIENCE_S):
        while len(data) < size:
            with suppress(BlockingIOError):
                data += os.read(master, 100)
            await asyncio.sleep(0.005)
    return data


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_marks_are_read_in_whatever_pieces(size: int) -> None:
    rng = random.Random(size)  # noqa: S311 (a search)
    pairs = [(rng.choice((0, 0xFF, 0x15, 0x51)), rng.random() < 0.3) for _ in range(200)]
    coded = b"".join(
        bytes((0xFF, 0, byte)) if bit else b"\xff\xff" if byte == 0xFF else bytes((byte,))
        for byte, bit in pairs
    )
    reader = MarkedBytes()
    found = [one for at in range(0, len(coded), size) for one in reader.feed(coded[at : at + size])]
    assert found == pairs


def test_a_mark_that_is_none_is_two_bytes() -> None:
    assert MarkedBytes().feed(b"\xff\x15") == [(0xFF, False), (0x15, False)]


async def test_addresses_are_sent_with_the_bit_and_in_order() -> None:
    bits: list[bool] = []
    with terminal() as (master, path):
        link = await opened(path, bits)
        for data in (AddressBytes(b"\x01"), AddressBytes(b"\x00"), b"\x0f", AddressBytes(b"\x02")):
            link.send(data)
        assert await heard(master, 4) == b"\x01\x00\x0f\x02"
        link.close()
        await link.closed()
        assert bits == [True, False] * 4  # the first pair sets the line up
        with pytest.raises(PortDownError):
            link.send(b"x")


async def test_a_line_that_knows_no_parity_is_down_with_a_reason() -> None:
    def refuse(_: int, on: bool) -> None:  # noqa: FBT001 (the bit)
        raise OSError(22, f"no parity {on}")

    with terminal() as (_, path):
        port = ModbusRtuPort(kind="modbus_rtu", device=str(path), parity="N")
        link = AddressBitLink(await open_serial(port, OwnThread()), set_bit=refuse)
        gone = asyncio.Event()
        link.on_change = gone.set
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        assert "cannot send with an address bit" in link.lost
        link.close()
        await link.closed()


async def test_a_gst200_is_polled_and_answered_with_the_bit() -> None:
    lines: list[str] = []

    async def keep(delivery: Delivery) -> bool:
        lines.extend(told(event) for event in delivery.events)
        return True

    with terminal() as (master, path):
        clock = HurriedClock()

        async def open_link() -> Link:
            return await opened(path, [])

        line = PanelLine(
            "gst",
            source="gst200",
            open_link=open_link,
            session=AdapterSession(Gst200(), moment=Moment(0, datetime.min)),  # noqa: DTZ901 (no matter)
            hearer=Hearer(keep, lambda *_: None),
            clock=clock,
            time=SiteTime(clock, UTC),
        )
        async with serving(line):
            assert await heard(master, 1) == b"\x31"
            fire = gst200(0x15, floor=3, room=1205, kind=3)
            os.write(master, b"\xff\x00" + fire)
            assert (await heard(master, 1))[:1] == b"\x51"
            assert lines == ["component-1-1-3-0-1205 on fire"]


def test_the_bit_is_a_setting_of_the_kernel() -> None:
    with terminal() as (master, _):
        set_address_bit(master, on=True)
        set_address_bit(master, on=False)
