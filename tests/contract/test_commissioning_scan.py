"""Searching simulated lines: TCP, RTU over TCP, and a pty that listens at one baud rate."""

import asyncio
from pathlib import Path

import click
import pytest
import yaml

from config.edge import AgentSettings
from config.load import load_profiles
from config.ports import ModbusRtuOverTcpPort, ModbusRtuPort, ModbusTcpPort, Port
from edge_agent.clock import SystemClock
from edge_agent.commissioning.port_spec import NamedPort, parse_port
from edge_agent.commissioning.scan_command import _units, summary
from edge_agent.commissioning.scanning import Found, Outcome, Scanner
from edge_agent.commissioning.search import LIKELY, UNITS, Setting
from edge_agent.drivers.identification import read_identification
from edge_agent.errors import PortDownError
from simulators.box import BoxFault, BoxFaultKind
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Responder
from simulators.modbus import Framing, ModbusServer
from simulators.serial_line import SerialLine
from tests.fakes.site_line import AtBaud, NamedUnit, PlainUnit, simulated

FEW = (1, 2, 3, 4, 5, 6, 20)
NAMES = ["Eastron", "SDM630", "V1.2"]


def scanner(port: Port, **options: float) -> tuple[Scanner, list[Found]]:
    reported: list[Found] = []
    timing = {"budget_s": 10.0, "timeout_s": 0.03} | options
    return Scanner(port, SystemClock(), on_found=reported.append, **timing), reported


def tcp(server: ModbusServer) -> Port:
    return ModbusTcpPort(kind="modbus_tcp", host=server.host, port=server.port)


def over_tcp(server: ModbusServer, framing: str) -> Port:
    kind = "modbus_rtu_over_tcp"
    return ModbusRtuOverTcpPort.model_validate(
        {"kind": kind, "host": server.host, "port": server.port, "framing": framing}
    )


@pytest.mark.sampled(3)
@pytest.mark.parametrize("framing", ["mbap", "rtu", "ascii"])
async def test_units_are_found_identified_and_recognised(framing: Framing) -> None:
    units: dict[int, Responder] = {
        2: NamedUnit(simulated("eastron-sdm630", "meter"), NAMES),
        6: simulated("xy-md02", "room"),
    }
    async with ModbusServer(units, framing=framing) as server:
        port = tcp(server) if framing == "mbap" else over_tcp(server, framing)
        scan, reported = scanner(port)
        await scan.search(LIKELY, FEW)
        assert [one.unit for one in reported] == [2, 6]
        await scan.identify(load_profiles())
    meter, room = scan.outcome.found
    assert meter.objects == {0: "Eastron", 1: "SDM630", 2: "V1.2"}
    assert meter.looks_like is not None
    assert meter.looks_like.profile == "eastron-sdm630"
    assert room.objects == {}
    assert room.looks_like is not None
    assert room.looks_like.profile == "xy-md02"
    text = "\n".join(summary(scan.outcome, NamedPort("x", port, stated=False)))
    assert "unit 2: says it is Eastron SDM630 V1.2; looks like eastron-sdm630" in text
    assert "unit-6: {port: bus, unit: 6, profile: xy-md02" in text


async def test_a_line_is_found_at_its_baud_rate_and_its_other_units_with_it(tmp_path: Path) -> None:
    units: dict[int, Responder] = {}
    timing = LineTiming(baud=115200, turnaround_s=0.001)
    async with SerialLine(units, path=tmp_path / "line", timing=timing) as line:
        for unit in (3, 20):
            inner = PlainUnit({0: 100 + unit})
            units[unit] = AtBaud(inner, baud=19200, spoken=lambda: line.baud)
        port = ModbusRtuPort(kind="modbus_rtu", device=str(line.path))
        scan, reported = scanner(port, timeout_s=0.02)
        settings = [Setting(9600, "N"), Setting(19200, "N"), Setting(4800, "N")]
        await scan.search(settings, FEW)
    assert [(one.unit, one.answer) for one in reported] == [
        (3, "holding 0 is 103"),
        (20, "holding 0 is 120"),
    ]
    assert {one.port.baud for one in reported if isinstance(one.port, ModbusRtuPort)} == {19200}
    assert scan.outcome.ended_by == ""


async def test_a_slow_unit_is_found_by_the_second_look() -> None:
    slow = FaultyUnit(PlainUnit({0: 1}), seed=1)
    slow.faults.add(Fault(FaultKind.SLOW, seconds=0.06))
    async with ModbusServer({1: PlainUnit({0: 1}), 4: slow}) as server:
        scan, reported = scanner(tcp(server))
        await scan.search(LIKELY, FEW)
    assert [one.unit for one in reported] == [1, 4]
    assert scan.outcome.ended_by == ""


async def test_a_device_that_ignores_the_unit_number_is_one_device() -> None:
    unit = PlainUnit({0: 1})
    async with ModbusServer(dict.fromkeys(range(1, 248), unit)) as server:
        scan, _ = scanner(tcp(server))
        await scan.search(LIKELY)
        port = tcp(server)
    assert scan.outcome.one_device
    assert [one.unit for one in scan.outcome.found] == [1]
    assert unit.asked < 20
    assert "one device" in "\n".join(summary(scan.outcome, NamedPort("x", port, stated=False)))


async def test_the_budget_ends_a_search_and_says_so() -> None:
    async with ModbusServer({}) as server:
        scan, reported = scanner(tcp(server), budget_s=0.2)
        await scan.search(LIKELY)
        port = tcp(server)
    assert reported == []
    text = "\n".join(summary(scan.outcome, NamedPort("plc", port, stated=False)))
    assert "questions by the budget (--budget gives more)" in text
    assert "plc: no unit answered" in text
    assert "\nnot asked: " in text
    # The most likely addresses come first; how many of them a fifth of a second allows, varies.
    (left,) = scan.outcome.unasked.values()
    likely = [*range(1, 6), 101, 247]
    order = [*likely, *(unit for unit in UNITS if unit not in likely)]
    assert len(left) < len(order)
    assert left == sorted(order[len(order) - len(left) :])


@pytest.mark.long
async def test_what_a_line_was_not_asked_is_reported_at_each_setting(tmp_path: Path) -> None:
    timing = LineTiming(baud=115200, turnaround_s=0.001)
    async with SerialLine({}, path=tmp_path / "line", timing=timing) as line:
        port = ModbusRtuPort(kind="modbus_rtu", device=str(line.path))
        # Time for the low units at all settings, and for not all of the others.
        scan, _ = scanner(port, budget_s=1.0, timeout_s=0.02)
        settings = [Setting(19200, "N"), Setting(38400, "N"), Setting(57600, "N")]
        await scan.search(settings)
    lines = list(summary(scan.outcome, NamedPort("x", port, stated=False)))
    assert "by the budget (--budget gives more)" in lines[0]
    reported = [one for one in lines if one.startswith("not asked: ")]
    assert reported[-1].startswith(f"not asked: 6-247 at {line.path} ")
    assert reported[-1].endswith("57600 8N1")
    assert f"{line.path} 19200 8N1" in reported[0]
    assert lines[-2] == f"x: no unit answered {scan.outcome.asked} questions"


@pytest.mark.parametrize(
    ("port", "snippet"),
    [
        (
            ModbusRtuPort(kind="modbus_rtu", device="/dev/ttyUSB0", timeout_s=0.15),
            '{kind: modbus_rtu, device: "/dev/ttyUSB0", baud: 9600, parity: E}',
        ),
        (
            ModbusRtuPort(
                kind="modbus_rtu",
                device="/dev/ttyUSB0",
                framing="ascii",
                parity="N",
                stop_bits=2,
                data_bits=7,
                turnaround_s=0.05,
            ),
            (
                '{kind: modbus_rtu, device: "/dev/ttyUSB0", baud: 9600, parity: "N", '
                "turnaround_s: 0.05, framing: ascii, stop_bits: 2, data_bits: 7}"
            ),
        ),
        (
            ModbusRtuOverTcpPort(kind="modbus_rtu_over_tcp", framing="ascii", host="192.0.2.1"),
            '{kind: modbus_rtu_over_tcp, host: "192.0.2.1", port: 4001, framing: ascii}',
        ),
    ],
)
def test_the_port_for_the_agent_file_is_the_one_that_was_found(port: Port, snippet: str) -> None:
    asked = port.model_copy(update={"timeout_s": 1.0})
    lines = list(summary(Outcome([Found(port, 3, "")]), NamedPort("x", asked, stated=True)))
    assert f"  bus: {snippet}" in lines
    # As it stands it is an agent file but for its first two lines.
    text = "\n".join(["site: s", "gateway: g", *lines[lines.index("ports:") :]])
    settings = yaml.safe_load(text.replace("its-device-file", "xy-md02"))
    assert AgentSettings.model_validate(settings).ports["bus"] == asked


@pytest.mark.parametrize(
    ("units", "spec", "refused"),
    [
        ("0,255", "192.0.2.1", False),
        ("256", "192.0.2.1", True),
        ("0", "rtu:192.0.2.1:4001", True),
        ("248", "/dev/ttyUSB9", True),
    ],
)
def test_0_and_255_are_units_on_tcp_only(units: str, spec: str, *, refused: bool) -> None:
    if refused:
        with pytest.raises(click.BadParameter, match="units are"):
            _units(units, parse_port(spec))
    else:
        assert _units(units, parse_port(spec)) == [0, 255]


async def test_noise_is_distinguished_from_silence(tmp_path: Path) -> None:
    noisy = FaultyUnit(PlainUnit({0: 1}), seed=1)
    noisy.faults.add(Fault(FaultKind.NOISE))
    timing = LineTiming(baud=115200, turnaround_s=0.001)
    async with SerialLine({2: noisy}, path=tmp_path / "line", timing=timing) as line:
        port = ModbusRtuPort(kind="modbus_rtu", device=str(line.path))
        scan, reported = scanner(port)
        await scan.search([Setting(9600, "N")], (1, 2))
    assert reported == []
    assert [unit for _, unit in scan.outcome.noise] == [2]
    text = "\n".join(summary(scan.outcome, NamedPort("x", port, stated=False)))
    assert "bytes that are no answer" in text


async def test_a_missing_port_and_a_silent_host_are_errors() -> None:
    line = ModbusRtuPort(kind="modbus_rtu", device="/dev/ttyMISSING")
    with pytest.raises(PortDownError, match="ttyMISSING"):
        await scanner(line)[0].search(LIKELY[:3], FEW)
    with pytest.raises(PortDownError):
        await scanner(ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", port=1))[0].search(LIKELY)


async def test_a_peer_that_hangs_up_on_everybody_ends_the_search() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        number = server.sockets[0].getsockname()[1]
        port = ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", port=number)
        with pytest.raises(PortDownError):
            await scanner(port)[0].search(LIKELY, FEW)


async def test_identification_survives_refusal_silence_and_torn_texts(tmp_path: Path) -> None:
    timing = LineTiming(baud=115200, turnaround_s=0.001)
    torn = FaultyUnit(NamedUnit(PlainUnit({}), NAMES), seed=3)
    torn.faults.add(Fault(FaultKind.NOISE))
    units: dict[int, Responder] = {
        1: PlainUnit({}),
        2: torn,
        3: NamedUnit(PlainUnit({}), NAMES),
    }
    async with SerialLine(units, path=tmp_path / "line", timing=timing) as line:
        port = ModbusRtuPort(kind="modbus_rtu", device=str(line.path), parity="N")
        heard = [await read_identification(port, unit, timeout_s=0.2) for unit in (1, 2, 3, 9)]
    assert heard == [{}, {}, dict(enumerate(NAMES)), {}]


async def test_a_device_that_answers_under_another_unit_is_reported_as_that() -> None:
    async with ModbusServer({1: PlainUnit({0: 1})}) as server:
        server.box.add(BoxFault(BoxFaultKind.UNIT, number=0))
        port = ModbusTcpPort(kind="modbus_tcp", host=server.host, port=server.port)
        scan, _ = scanner(port, timeout_s=0.05)
        await scan.search([None], [1, 2])
    lines = list(summary(scan.outcome, NamedPort("x", port, stated=False)))
    assert (
        "unit 1: answered as unit 0; if it is the only device there: accept_answers: any_unit"
        in lines
    )
