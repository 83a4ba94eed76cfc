"""The next client of a line gets no response of the one before: reloads, commands by hand."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import serial

from config.edge import AgentSettings
from config.gateway import Gateway
from config.points import Table
from config.ports import Framing, ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.commissioning.port_spec import NamedPort
from edge_agent.commissioning.read_command import Wish, show
from edge_agent.drivers.lines import Lines
from edge_agent.errors import DeviceTimeoutError
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port_manager import PortManager
from protocols.reading import Quality
from simulators.serial_line import SerialLine
from tests.fakes.devices import device, point
from tests.fakes.memory_line import LateUnit, value_of
from tests.fakes.reading_sink import ListSink

TIMEOUT_S = 0.1
LATE_S = 1.3 * TIMEOUT_S


def line(path: Path, **options: Any) -> ModbusRtuPort:
    return ModbusRtuPort(
        kind="modbus_rtu", device=str(path), parity="N", timeout_s=TIMEOUT_S, **options
    )


@pytest.mark.parametrize("framing", list(Framing))
async def test_a_new_client_of_a_line_knows_what_is_still_outstanding(
    tmp_path: Path, framing: Framing
) -> None:
    path, lines, clock = tmp_path / "line", Lines(), SystemClock()
    # So late that the first is closed by then, also on a busy machine.
    unit = LateUnit(1, lambda: 2 * TIMEOUT_S)
    async with SerialLine({1: unit}, path=path, framing=framing.value):
        async with lines.open(line(path, framing=framing), clock) as first:
            with pytest.raises(DeviceTimeoutError):
                await first.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        # Another timeout, and the same line under another name: it is the wire that counts.
        (tmp_path / "by-id").symlink_to(path)
        again = line(tmp_path / "by-id", framing=framing).model_copy(update={"timeout_s": 0.2})
        async with lines.open(again, clock) as second:
            assert second.clear_at(1, Table.HOLDING, 200, 1) > clock.monotonic_s()
            reply = await second.read(1, Table.HOLDING, 200, 1, timeout_s=1.0)
    assert list(reply.values) == [value_of(1, 200)]


async def test_a_request_under_way_when_its_port_is_closed_is_outstanding_as_well(
    tmp_path: Path,
) -> None:
    path, lines, clock = tmp_path / "line", Lines(), SystemClock()
    async with SerialLine({1: LateUnit(1, lambda: LATE_S)}, path=path):
        async with lines.open(line(path), clock) as first:
            asked = asyncio.create_task(
                first.read(1, Table.HOLDING, 100, 1, timeout_s=10 * TIMEOUT_S)
            )
            await clock.sleep(0.5 * LATE_S)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        async with lines.open(line(path), clock) as second:
            reply = await second.read(1, Table.HOLDING, 200, 1, timeout_s=1.0)
    assert list(reply.values) == [value_of(1, 200)]


@pytest.mark.long
async def test_no_reload_gives_a_late_answer_to_another_request(tmp_path: Path) -> None:
    path, clock, sink = tmp_path / "line", SystemClock(), ListSink()
    settings = AgentSettings.model_validate(
        {
            "site": "site",
            "gateway": "gw",
            "journal": {"path": tmp_path / "journal.sqlite"},
            "ports": {"bus": line(path).model_dump()},
            "devices": {"d1": {"port": "bus", "name": {"en": "Meter", "zh": "电表"}}},
        }
    )
    port_manager = PortManager(
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=clock,
        open_driver=Lines().open,
    )

    def version(address: int) -> Gateway:
        meter = device("d1", {f"at{address}": point(address, period_s=0.05, report_all=True)})
        return Gateway(settings, {"d1": meter})

    delays_s = iter([0.01, LATE_S, LATE_S, 0.01, LATE_S] * 100)
    async with (
        SerialLine({1: LateUnit(1, lambda: next(delays_s))}, path=path),
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(10):
            change = port_manager.prepare(version(100 if number % 2 else 200))
            await port_manager.stop(change)
            port_manager.start(change, tasks)
            await clock.sleep(2.2 * TIMEOUT_S)
        await port_manager.stop(port_manager.prepare(Gateway(settings, {})))
    good = [one for _, one in sink.log if one.quality is Quality.GOOD]
    # How many of the versions got an answer in time is a matter of the machine.
    assert good
    assert {(one.point, one.value) for one in good} <= {
        ("at100", value_of(1, 100)),
        ("at200", value_of(1, 200)),
    }


@pytest.mark.long
async def test_looking_again_and_again_at_a_silent_unit_leaves_the_line_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = serial.Serial
    opened: list[str] = []

    def note(device: str, **options: Any) -> serial.Serial:
        opened.append(device)
        return plain(device, **options)

    monkeypatch.setattr(serial, "Serial", note)
    path, said = tmp_path / "line", list[str]()
    delays_s = iter([0.01, LATE_S, LATE_S, 0.01])
    async with SerialLine({1: LateUnit(1, lambda: next(delays_s))}, path=path):
        wish = Wish(1, Table.HOLDING, 100, 2, ("int32",), None)
        port = NamedPort("line", line(path), stated=True)
        await show(port, wish, said.append, SystemClock(), every_s=2 * TIMEOUT_S, times=4)
    assert [page.count("no answer in time") for page in said] == [0, 1, 1, 0]
    assert len(opened) == 1
