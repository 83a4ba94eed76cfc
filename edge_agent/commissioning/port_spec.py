"""How a port is named on the command line."""

import re
from pathlib import Path
from typing import Final, NamedTuple

import click
from pydantic import TypeAdapter, ValidationError

from config.errors import ConfigError
from config.listening import HeardPort
from config.load import load_agent
from config.members import members_of
from config.meter_ports import MeterPort
from config.ports import (
    Framing,
    ModbusRtuPort,
    ModbusTcpPort,
    OsdpPort,
    Port,
    ReachabilityPort,
)
from config.problems import suggestion

FORMS: Final = """\
\b
PORT-SPEC is one of
  /dev/ttyUSB0               a serial line, 9600 8E1
  /dev/ttyUSB0,19200,8N1     the same with its settings
  /dev/ttyUSB0,7E1,ascii     Modbus ASCII
  /dev/ttyUSB0,dlt645        electricity meters, DL/T 645 at 2400 8E1
  /dev/ttyUSB0,cjt188        water, gas and heat meters, CJ/T 188 at 2400 8E1
  /dev/ttyUSB0,mbus          M-Bus at 2400 8E1
  mbus:192.168.1.11:4001     the same behind a serial server; dlt645: and cjt188: as well
  192.168.1.10               Modbus TCP, port 502
  192.168.1.10:1502          Modbus TCP, another port
  rtu:192.168.1.11:4001      a serial server that passes RTU frames through TCP
  reachability               hosts of the network: there or not
  agent.yaml#line-1          the port of that name in an agent file
  agent.yaml#line-1,cjt188   the same in one of the protocols that share its line
"""

_METERS: Final = {"dlt645": "DL/T 645", "cjt188": "CJ/T 188", "mbus": "M-Bus"}
_SPOKEN: Final = _METERS | {"osdp": "OSDP"}
_PORT: Final[TypeAdapter[Port]] = TypeAdapter(Port)
_FRAME: Final = re.compile(r"([78])([NEO])([12])", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]\s/]+))(?::(\d{1,5}))?")


class NamedPort(NamedTuple):
    """A port and the words in which it was asked for."""

    name: str
    port: Port
    stated: bool
    """Whether baud and frame were given; a scan then tries no others."""


def port_argument(context: click.Context, parameter: click.Parameter, text: str) -> NamedPort:
    """Return the port of a PORT-SPEC argument (a click callback); a wrong one exits with 2."""
    try:
        return parse_port(text)
    except ConfigError as error:
        raise click.BadParameter(str(error), ctx=context, param=parameter) from error


def parse_port(text: str) -> NamedPort:
    """Return the port that ``text`` names.

    Raises:
        ConfigError: It names none; the message says what is allowed.
    """
    file, mark, name = text.rpartition("#")
    if mark:
        return _from_file(Path(file), name)
    if re.search(r"\.ya?ml$", text):
        raise ConfigError(f"{text}: say which of its ports: {text}#PORT{_names(Path(text))}")
    if text.startswith(("/", "./", "../")) or re.match(r"COM\d", text):
        return _serial(text)
    if re.match(r"tty\w+", text):
        raise ConfigError(f"{text}: a serial line is named by its path, /dev/{text}")
    kind, _, rest = text.partition(":")
    if text == "reachability":
        return NamedPort(text, ReachabilityPort(kind=text), stated=False)
    if kind == "rtu":
        return _tcp(text, rest, "modbus_rtu_over_tcp")
    if kind in _METERS:
        return _tcp(text, rest, kind)
    return _tcp(text, rest if kind == "tcp" else text, "modbus_tcp")


def describe(port: Port) -> str:
    """Return where a port is, as a person would say it, with all that shares its line."""
    if isinstance(port, MeterPort | OsdpPort | ModbusRtuPort):
        return f"{port.place} {' and '.join(map(_on_line, members_of(port)))}"
    if isinstance(port, ReachabilityPort):
        return "hosts"
    if isinstance(port, ModbusTcpPort):
        return f"Modbus TCP {port.host}:{port.port}"
    return f"{port.framing.upper()} over TCP {port.host}:{port.port}"


def _on_line(port: Port) -> str:
    """Return the settings of a line and what is spoken on it."""
    if isinstance(port, ModbusRtuPort):
        frame = f"{port.data_bits}{port.parity}{port.stop_bits}"
        framing = " ASCII" if port.framing is Framing.ASCII else ""
        return f"{port.baud} {frame}{framing}"
    if isinstance(port, MeterPort | OsdpPort):
        return f"{port.baud} 8{port.parity}{port.stop_bits} {_SPOKEN[port.kind]}"
    return port.kind


def spec_of(port: MeterPort) -> str:
    """Return how a line of meters is named on the command line."""
    return f"{port.kind}:{port.server}" if port.server else f"{port.device},{port.kind}"


def facts_of(port: MeterPort) -> dict[str, object]:
    """Return what says in an agent file where a line of meters is."""
    if port.server is not None:
        return {"kind": port.kind, "host": port.server.host, "port": port.server.port}
    return {"kind": port.kind, "device": port.device, "baud": port.baud, "parity": port.parity}


def _names(file: Path) -> str:
    """Return which ports a file has, nothing when it cannot be read."""
    try:
        return f"; there are: {', '.join(sorted(load_agent(file).settings.ports))}"
    except ConfigError:
        return ""


def _from_file(file: Path, text: str) -> NamedPort:
    name, _, kind = text.partition(",")
    ports = load_agent(file).settings.ports
    if name not in ports:
        known = sorted(ports)
        message = f"{file}: no port {name!r}{suggestion(name, known)} There are: {', '.join(known)}"
        raise ConfigError(message)
    port = ports[name]
    if isinstance(port, HeardPort):
        raise ConfigError(
            f"{file}: port {name!r} only listens (kind {port.kind}): nothing is asked"
        )
    kinds = {one.kind: one for one in members_of(port)}
    if kind and kind not in kinds:
        known = ", ".join(kinds)
        raise ConfigError(f"{file}: port {name!r} carries no {kind!r}; on its line are: {known}")
    return NamedPort(name, kinds[kind] if kind else port, stated=True)


def _serial(text: str) -> NamedPort:
    device, *options = (part.strip() for part in text.split(","))
    meters = next((one.lower() for one in options if one.lower() in _METERS), "")
    settings: dict[str, object] = {"kind": meters or "modbus_rtu", "device": device}
    for option in options:
        frame = _FRAME.fullmatch(option)
        if frame:
            settings |= {"parity": frame[2].upper(), "stop_bits": int(frame[3])}
            if not meters:
                settings["data_bits"] = int(frame[1])
            elif frame[1] != "8":
                message = f"{text}: {_METERS[meters]} has characters of 8 bits, not {frame[1]}"
                raise ConfigError(message)
        elif option.lower() == meters:
            continue
        elif option.lower() == "ascii" and not meters:
            settings["framing"] = Framing.ASCII
        elif option.isdecimal():
            settings["baud"] = int(option)
        else:
            raise ConfigError(
                f"{text}: {option!r} is no baud rate (9600), frame (8E1, 8N1, 8O1, 8N2), "
                f"ascii, {' or '.join(_METERS)}"
            )
    # The protocol alone says nothing of the setting.
    stated = len(settings) > len(("kind", "device"))
    return NamedPort(device, _checked(text, settings), stated=stated)


def _tcp(text: str, address: str, kind: str) -> NamedPort:
    found = _ADDRESS.fullmatch(address.removeprefix("//"))
    if found is None:
        message = f"{text}: expected a serial line (/dev/ttyUSB0), HOST[:PORT], rtu:HOST[:PORT]"
        raise ConfigError(f"{message} or FILE#PORT")
    settings: dict[str, object] = {"kind": kind, "host": found[1] or found[2]}
    if found[3]:
        settings["port"] = int(found[3])
    return NamedPort(text, _checked(text, settings), stated=False)


def _checked(text: str, settings: dict[str, object]) -> Port:
    try:
        return _PORT.validate_python(settings, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        raise ConfigError(f"{text}: {where}: {first['msg']}".replace(": : ", ": ")) from None
