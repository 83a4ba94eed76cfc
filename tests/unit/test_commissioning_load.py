"""Predicted load of ports, what is refused, and what would fit."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.gateway import Gateway
from config.ports import ModbusRtuPort, ModbusTcpPort, Port
from edge_agent.__main__ import cli
from edge_agent.commissioning.load import port_loads, read_apart, remedies
from tests.fakes.devices import device, point
from tests.fakes.gateway import gateway

LINE = ModbusRtuPort(kind="modbus_rtu", device="/dev/ttyUSB0", baud=9600, parity="E")
PLC = ModbusTcpPort(kind="modbus_tcp", host="192.0.2.1")

FILE = """\
site: s
gateway: g
ports:
  line: {kind: modbus_rtu, device: /dev/ttyUSB0, baud: BAUD}
  plc: {kind: modbus_tcp, host: 192.0.2.1}
devices:
  p1: {port: plc, profile: grundfos-magna3, name: {en: Pump, zh: 循环泵}}
"""
METER = (
    "  m{0}: {{port: line, unit: {0}, profile: eastron-sdm630, period_s: 1,"
    " name: {{en: Meter, zh: 电表}}}}\n"
)


def one_port(port: Port, units: int, *, period_s: float = 1.0, registers: int = 10) -> Gateway:
    points = {f"p{i}": point(i, period_s=period_s) for i in range(registers)}
    devices = {f"d{unit}": device(f"d{unit}", points, unit=unit) for unit in range(1, units + 1)}
    settings = gateway().settings.model_copy(update={"ports": {"bus": port}})
    return Gateway(settings=settings, devices=devices)


def agent_file(folder: Path, *, meters: int, baud: int = 9600) -> str:
    text = FILE.replace("BAUD", str(baud)) + "".join(METER.format(1 + i) for i in range(meters))
    path = folder / "agent.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_serial_request_is_priced_by_its_characters_silences_and_turnaround() -> None:
    (bus,) = port_loads(one_port(LINE, 1))
    # 8 characters asked, 5 + 20 answered, 7 of silence, 11 bits each; 10 ms of thinking.
    assert bus.classes[0].cycle_s == pytest.approx((8 + 25 + 7) * 11 / 9600 + 0.010)
    slow = LINE.model_copy(update={"turnaround_s": 0.05})
    (other,) = port_loads(one_port(slow, 1), answer_s=0.04)
    assert other.classes[0].cycle_s == pytest.approx((8 + 25 + 7) * 11 / 9600 + 0.090)


def test_a_factor_in_another_request_is_reported() -> None:
    points = {
        "near": point(0, ratio_from=("ct",)),
        "ct": point(1, type="uint16"),
        "far": point(5000, ratio_from=("ct",)),
    }
    settings = gateway().settings.model_copy(update={"ports": {"bus": PLC}})
    (bus,) = port_loads(Gateway(settings=settings, devices={"d": device("d", points)}))
    (note,) = read_apart(bus)
    assert "device d" in note
    assert "far (ct)" in note
    assert "near" not in note


def test_loads_of_all_units_and_periods_of_a_port_add_up() -> None:
    (bus,) = port_loads(one_port(LINE, 5, period_s=2))
    assert bus.load == pytest.approx(5 * bus.classes[0].cycle_s / 2)
    assert bus.fits
    (tcp,) = port_loads(one_port(PLC, 5), answer_s=0.02)
    assert tcp.load == pytest.approx(5 * (0.02 + 10 * 0.00002))


def test_a_port_without_devices_is_idle() -> None:
    (bus,) = port_loads(one_port(LINE, 0))
    assert (bus.load, bus.fits, bus.classes) == (0, True, ())


def test_what_would_fit_really_fits() -> None:
    (bus,) = port_loads(one_port(LINE, 30))
    assert not bus.fits
    period, baud, lines = remedies(bus)
    assert period.startswith("longer period: 3 s instead of 1 s")
    assert port_loads(one_port(LINE, 30, period_s=3))[0].load < 0.8
    assert baud.startswith("higher baud: 38400 instead of 9600")
    faster = LINE.model_copy(update={"baud": 38400})
    assert port_loads(one_port(faster, 30))[0].load < 0.8
    assert lines.startswith("more ports: its 30 units on 3 lines")


def test_a_tcp_port_is_reported_no_baud_rate() -> None:
    (tcp,) = port_loads(one_port(PLC, 100), answer_s=0.05)
    assert [text.split(":")[0] for text in remedies(tcp)] == ["longer period", "more ports"]


def test_the_command_prints_each_port_and_exits_with_0_when_all_fits(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["plan", agent_file(tmp_path, meters=2)])
    assert printed.exit_code == 0
    assert "port line: /dev/ttyUSB0 9600 8E1, load 29.0%" in printed.output
    assert "m2" in printed.output
    assert "port plc: Modbus TCP 192.0.2.1:502" in printed.output


def test_the_command_refuses_a_port_and_names_it_and_what_would_fit(tmp_path: Path) -> None:
    file = agent_file(tmp_path, meters=8)
    printed = CliRunner().invoke(cli, ["plan", file])
    assert printed.exit_code == 2
    assert f"{file}: port line is asked for 116% of its time" in printed.stderr
    assert "longer period: 2 s instead of 1 s" in printed.stderr
    assert "higher baud: 19200 instead of 9600" in printed.stderr
    assert "plc" not in printed.stderr


def test_a_full_port_is_reported_before_it_is_refused(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["plan", agent_file(tmp_path, meters=6)])
    assert printed.exit_code == 0
    assert "little room above 80 %" in printed.output


def test_json_has_every_request_with_its_points(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["plan", agent_file(tmp_path, meters=8), "--json"])
    data = json.loads(printed.stdout)
    assert data["fits"] is False
    assert data["ports"]["line"]["load_pct"] == pytest.approx(116, abs=1)
    first = data["ports"]["line"]["classes"][0]["requests"][0]
    assert (first["table"], first["address"]) == ("input", 0)
    assert "voltage_l1" in first["points"]


def test_requests_are_shown_on_demand(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["plan", agent_file(tmp_path, meters=1), "--requests"])
    assert "voltage_l1, voltage_l2" in printed.output


def test_a_wrong_file_exits_with_2(tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["plan", str(tmp_path / "none.yaml")])
    assert printed.exit_code == 2
    assert "no such file" in printed.stderr
