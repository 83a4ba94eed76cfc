"""pyMeterBus on the other side: as a slave with recorded telegrams, and as the master."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import meterbus
import pytest
import serial
import yaml

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.mbus.client import MBUS_LINE, MbusClient
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from protocols.mbus.addresses import SecondaryAddress
from protocols.mbus.frames import LongFrame, decode_frame
from protocols.mbus.master import Master
from protocols.mbus.telegram import decode_header
from simulators.equipment.flow_meters import HeatMeter
from simulators.line import LineTiming
from simulators.mbus import SimulatedSlave, SlaveSettings
from simulators.serial_line import SerialLine
from tests.fakes.joined_lines import JoinedLines

CASES = Path(__file__).parents[1] / "cases" / "mbus"
RECORDED = (
    "example_data_01",
    "allmess_cf50",
    "elster_f96_plus",
    "sensostar_2",
    "large_numbers",
)
ONE = SecondaryAddress("12345678", 0x2C2D, 1, 4)


def recorded(name: str) -> dict[str, Any]:
    return yaml.safe_load((CASES / f"{name}.yaml").read_text("utf-8"))


def answer(data: bytes, telegram: bytes) -> bytes:
    """Return what a slave made of pyMeterBus answers, which can parse no selection."""
    asks = data[0] == 0x10 and meterbus.load(data).header.cField.parts[0] != 0x40
    return bytes(meterbus.TelegramLong.parse(list(telegram))) if asks else b"\xe5"


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_slave_is_read_by_both_addresses(name: str) -> None:
    case = recorded(name)
    telegram = bytes.fromhex(case["frame"])
    frame = decode_frame(telegram)
    assert isinstance(frame, LongFrame)
    header = decode_header(frame)
    assert header is not None
    async with JoinedLines() as line:
        port = ModbusRtuPort(kind="modbus_rtu", device=line.left, parity="N")
        thread, far = OwnThread(), serial.Serial(line.right, timeout=0)

        def heard() -> None:
            far.write(answer(far.read(300), telegram))

        asyncio.get_running_loop().add_reader(far.fileno(), heard)
        async with MbusClient(
            open_link=lambda: open_serial(port, thread), clock=SystemClock(), line=MBUS_LINE
        ) as client:
            for slave in (frame.address, header.slave):
                reading = await client.read(slave, timeout_s=1)
                assert reading.header == header
                wanted = [record["value"] for record in case["records"]]
                assert [record.value for record in reading.records] == wanted
        asyncio.get_running_loop().remove_reader(far.fileno())
        far.close()


async def test_a_simulated_slave_is_read_by_the_master_of_pymeterbus(tmp_path: Path) -> None:
    path = tmp_path / "line"
    model = HeatMeter(seed=1, started_s=0)
    slave = SimulatedSlave("one", equipment=model, settings=SlaveSettings(ONE), started_s=0)
    slave.hold("heat", 12345.0)
    slave.hold("supply_temperature", 61.5)

    def read() -> tuple[bytes, bytes, bytes]:
        with serial.Serial(str(path), baudrate=19200, timeout=0.3) as line:
            meterbus.send_ping_frame(line, 3)
            reset = meterbus.recv_frame(line, 1)
            meterbus.send_request_frame_multi(line, 3)
            own = meterbus.recv_frame(line, meterbus.FRAME_DATA_LENGTH)
            meterbus.send_select_frame(line, str(ONE))
            selected = meterbus.recv_frame(line, 1)
            assert reset == selected == b"\xe5"
            meterbus.send_request_frame_multi(line, 253)
            return reset, own, meterbus.recv_frame(line, meterbus.FRAME_DATA_LENGTH)

    line = SerialLine({3: slave}, path=path, timing=LineTiming(baud=19200), framing="mbus")
    async with line:
        _, *telegrams = await asyncio.to_thread(read)
    for data in telegrams:
        found = meterbus.load(data)
        assert found.secondary_address == str(ONE)
        assert found.more_records_follow
        values = [float(record.value) for record in found.records if record.unit == "Wh"]
        assert values == [12_345_000.0]
        (supply,) = (r.value for r in found.records if r.vib.parts == [0x5B])
        assert float(supply) == 61.5


def test_the_selections_of_both_are_the_same() -> None:
    class Line:
        sent = b""

        def write(self, data: bytes) -> None:
            self.sent += bytes(data)

    line = Line()
    for slave in (ONE, replace(ONE, identification="1234FFFF", maker=0xFFFF, medium=0xFF)):
        line.sent = b""
        meterbus.send_select_frame(line, str(slave))
        assert line.sent == Master().select(slave).encode()
