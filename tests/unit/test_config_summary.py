import sys
from pathlib import Path

import pytest

from config.classes import EquipmentClass
from config.load import load_agent, load_classes
from config.load_server import load_server
from config.summary import summarize_gateway, summarize_server


def agent_lines(folder: Path, more: str = "") -> list[str]:
    path = folder / "agent.yaml"
    path.write_text(
        "site: estate1\ngateway: gw1\nports:\n"
        "  a: {kind: modbus_tcp, host: 192.0.2.1}\n"
        "  b: {kind: modbus_rtu, device: /dev/ttyS0}\n"
        "devices:\n"
        "  r1: {port: a, profile: xy-md02, period_s: 2, name: {en: Room 1, zh: 1室}}\n"
        "  c1: {port: a, name: {en: Counter, zh: 计数}, points: "
        "{n: {table: holding, address: 0, type: uint16}}}\n" + more,
        "utf-8",
    )
    return summarize_gateway(load_agent(path)).splitlines()


def notes(folder: Path, ports: str, devices: str = "") -> list[str]:
    path = folder / "agent.yaml"
    path.write_text(f"site: s\ngateway: g\nports:\n{ports}devices:\n{devices}", "utf-8")
    lines = summarize_gateway(load_agent(path)).splitlines()
    return [line.removeprefix("note").strip() for line in lines if line.startswith("note")]


HEAT_METER = '  h1: {port: m, meter: "24351689", profile: mbus-heat, name: {en: Heat, zh: 热表}}\n'


def test_a_port_whose_package_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = "  m: {kind: mbus, device: /dev/ttyS0}\n"
    assert notes(tmp_path, ports, HEAT_METER) == []
    monkeypatch.setitem(sys.modules, "meterbus", None)
    missing = "M-Bus needs the package pyMeterBus: pip install plantroom[mbus] (ports.m)"
    assert notes(tmp_path, ports, HEAT_METER) == [missing]


def test_a_file_of_codes_that_does_not_serve_is_named(tmp_path: Path) -> None:
    codes = tmp_path / "valves"
    ports = f"  m: {{kind: cjt188, device: /dev/ttyS0, valve_code_file: {codes}}}\n"
    meter = (
        '  w1: {port: m, meter: "78330011223344", profile: cjt188-water, name: {en: W, zh: 水}}\n'
    )
    assert notes(tmp_path, ports, meter) == [f"{codes} does not exist (ports.m.valve_code_file)"]
    codes.write_text("* 55 99 00")
    codes.chmod(0o600)
    wrong = "1: expected METER OPEN CLOSE, got 4 words (ports.m.valve_code_file)"
    assert notes(tmp_path, ports, meter) == [f"{codes}:{wrong}"]
    codes.write_text("* 55 99")
    assert notes(tmp_path, ports, meter) == []


def server_lines(folder: Path, text: str, classes: dict[str, EquipmentClass]) -> list[str]:
    path = folder / "server.yaml"
    path.write_text(text, "utf-8")
    return summarize_server(load_server(path), classes).splitlines()


def test_a_gateway_is_summed_up_port_by_port(tmp_path: Path) -> None:
    lines = agent_lines(tmp_path)
    assert lines[0] == "gateway gw1 of site estate1"
    assert lines[3] == "port    a: modbus_tcp 192.0.2.1:502, timeout 1 s"
    assert lines[4] == (
        "  device  r1: unit 1, xy-md02, room_climate, 2 points every 2 s, Room 1 (1室)"
    )
    assert "port    b: modbus_rtu /dev/ttyS0 9600 8E1, timeout 1 s" in lines
    assert "total   2 ports, 2 devices, 3 points, 1.2 values a second" in lines


def test_a_linkage_says_in_one_line_what_it_does_and_whether_it_is_armed(tmp_path: Path) -> None:
    more = """  v1:
    port: a
    unit: 2
    class: valve
    name: {en: Valve, zh: 阀}
    points: {open: {table: coil, address: 0, type: bool, writable: {}}}
linkages:
  leak:
    name: {en: A leak closes the valve, zh: 漏水关阀}
    armed: true
    when: '{c1.n} > 3 and {r1.temperature} > 0'
    delay_s: 5
    latch: true
    commands: [{device: v1, point: open, value: false}]
  trial:
    name: {en: Trial, zh: 试}
    when: '{c1.n} > 9'
    max_runs: 1
    within_s: null
    commands: [{device: v1, point: open, value: true}]
"""
    lines = [line for line in agent_lines(tmp_path, more) if line.startswith("linkage")]
    leak = "armed: {c1.n} > 3 and {r1.temperature} > 0 for 5 s -> v1.open = false, then latched"
    trial = "NOT ARMED, gives no command: {c1.n} > 9 -> v1.open = true, at most 1 run until a reset"
    assert lines == [
        f"linkage leak: {leak}, at most 3 runs in 3600 s, A leak closes the valve (漏水关阀)",
        f"linkage trial: {trial}, Trial (试)",
    ]


def test_what_is_allowed_but_odd_is_noted(tmp_path: Path) -> None:
    more = "mqtt: {host: broker.example, username: u, password_file: p}\n"
    more += "uplink: {acknowledgement: state}\n"
    notes = [line for line in agent_lines(tmp_path, more) if line.startswith("note")]
    password = "mqtt.password_file: the password of mqtt.username, one line"
    shared = "right for one controller, wrong for two devices"
    assert notes == [
        f"note    {tmp_path}/p does not exist ({password})",
        "note    mqtt has no tls: everything travels in clear",
        "note    c1 has no class: the server has no alarm rules for it",
        f"note    r1 and c1 are both unit 1 of port a: {shared}",
        "note    port b has no devices",
        "note    acknowledgement is state and primary_host is not set: readings leave once sent",
    ]


def test_a_server_is_summed_up_without_its_database_password(tmp_path: Path) -> None:
    text = "records: {url: 'postgresql+psycopg://plantroom:very-secret@db/plantroom'}\n"
    lines = server_lines(tmp_path, text, load_classes())
    assert "records postgresql+psycopg://plantroom@db/plantroom" in lines
    assert "class   room_climate (室温): 2 points, 6 alarm rules" in lines
    assert [line for line in lines if line.startswith("note    no webhook and no robot: nobody")]
    assert not [line for line in lines if "secret" in line]


def test_a_server_open_to_the_network_without_https_is_noted(tmp_path: Path) -> None:
    lines = server_lines(tmp_path, "http: {host: 0.0.0.0}\n", {})
    assert any("secure_cookie" in line for line in lines)
    (tmp_path / "key").write_text("whsec_", "utf-8")
    text = (
        "http: {host: localhost}\n"
        "messages: {webhooks: [{name: a, url: 'https://x.example', secret_file: key}]}\n"
    )
    lines = server_lines(tmp_path, text, {})
    assert "webhook a: https://x.example (urgent, high, medium, low)" in lines
    assert not [line for line in lines if line.startswith("note")]
