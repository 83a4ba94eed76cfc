"""How a port is named on the command line."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from edge_agent.commissioning.port_spec import describe, parse_port


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("/dev/ttyUSB0", "/dev/ttyUSB0 9600 8E1"),
        ("/dev/ttyUSB0,19200,8N2", "/dev/ttyUSB0 19200 8N2"),
        ("/dev/ttyUSB0,8o1", "/dev/ttyUSB0 9600 8O1"),
        ("/dev/serial/by-path/pci-0:1:2", "/dev/serial/by-path/pci-0:1:2 9600 8E1"),
        ("/dev/ttyUSB0,7E1,ascii", "/dev/ttyUSB0 9600 7E1 ASCII"),
        ("192.168.1.10", "Modbus TCP 192.168.1.10:502"),
        ("tcp:plc.local:1502", "Modbus TCP plc.local:1502"),
        ("tcp://plc.local:1502", "Modbus TCP plc.local:1502"),
        ("[fe80::1]:503", "Modbus TCP fe80::1:503"),
        ("rtu:192.168.1.11", "RTU over TCP 192.168.1.11:4001"),
    ],
)
def test_ports_are_named_as_people_write_them(text: str, meant: str) -> None:
    assert describe(parse_port(text).port) == meant


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("/dev/ttyUSB0,9601", "baud: Input should be 1200"),
        ("/dev/ttyUSB0,9E1", "'9E1' is no baud rate"),
        ("/dev/ttyUSB0,7E1", "data_bits: 7 carries no RTU frame"),
        ("ttyUSB0", "named by its path, /dev/ttyUSB0"),
        ("192.168.1.10:99999", "port: Input should be less than or equal to 65535"),
        ("a.yaml", "a.yaml: say which of its ports: a.yaml#PORT"),
        ("/etc/none.yml", "say which of its ports: /etc/none.yml#PORT"),
        ("http://x/y", "expected a serial line"),
        ("", "expected a serial line"),
    ],
)
def test_what_names_no_port_is_refused_in_words(text: str, reported: str) -> None:
    with pytest.raises(ConfigError, match="(?s)" + reported.replace("(", r"\(")):
        parse_port(text)


def test_a_port_of_an_agent_file_is_taken_with_its_settings(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "config" / "examples" / "agent.yaml"
    named = parse_port(f"{example}#plc")
    assert (named.name, describe(named.port)) == ("plc", "Modbus TCP 192.0.2.10:502")
    with pytest.raises(ConfigError, match="no port 'pcl'; did you mean 'plc'"):
        parse_port(f"{example}#pcl")
    with pytest.raises(ConfigError, match="no such file"):
        parse_port(f"{tmp_path}/none.yaml#plc")


def test_a_file_without_a_port_is_answered_with_its_ports(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(
        "site: s\ngateway: g\nports: {b: {kind: modbus_tcp, host: 192.0.2.1}}\n"
        "devices: {d: {port: b, profile: xy-md02, name: {en: R, zh: R}}}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError, match="#PORT; there are: b"):
        parse_port(str(file))
