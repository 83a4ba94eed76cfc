"""What went wrong on a port, in words that say where to look (pure but for a look at /dev)."""

import errno
import os
import re
from pathlib import Path
from typing import Final

from config.line_ports import LinePort, SerialPort
from config.meter_ports import MeterPort
from config.points import Table
from config.ports import OsdpPort, Port, ReachabilityPort
from edge_agent.commissioning.port_spec import describe, spec_of
from edge_agent.errors import (
    CannotAskError,
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)

_REFUSED: Final = {
    1: "the unit answers, but not to this function: try another table (holding, input)",
    2: "the unit answers, but has no such register: addresses here are 0-based, 40001 is 0; "
    "try one less, one more, or a smaller count",
    3: "the unit answers, but not to this count: ask for fewer registers (its limits may be small)",
    4: "the unit answers, but failed inside",
    5: "the unit needs longer: ask again",
    6: "the unit is busy: ask again",
}
_SILENT_LINE: Final = (
    "check unit number, baud rate and parity (plantroom agent scan {device}), A and B swapped, "
    "the terminators, and the unit's power"
)
_REFUSED_BY_METER: Final = {
    2: "the meter answers, but has no such data: not every meter has each identifier",
    4: "the meter answers, and refuses: a block that it lacks, or data that need a password",
}
_SILENT_METERS: Final = (
    "check the digits of the meter, baud rate and parity (plantroom agent scan "
    "{spec}), A and B swapped, and whether the meter wants wake-up bytes (wake_up)"
)
_SILENT_READERS: Final = (
    "check its address and baud rate (switches or a configuration card), A and B swapped, its key "
    "in key_file, and that no other control panel is on the line"
)
_SILENT_TCP: Final = "check the unit number (often 1, 0 or 255) and the wiring behind the gateway"
_GARBAGE: Final = (
    "something talks: wrong baud rate or parity, two units of one number, a second master, or noise"
)


def place(table: Table, address: int, count: int) -> str:
    """Return ``holding 100..109``, or ``holding 100``."""
    return f"{table} {address}" if count == 1 else f"{table} {address}..{address + count - 1}"


def in_words(error: DriverError) -> str:
    """Return what happened; where it happened stands before the first colon of a unit's error."""
    return re.sub(r"^((unit|meter|slave|reader) \w+[^:]*|host \S+): ", "", str(error))


def explain(
    error: DriverError, port: Port, *, unit: int | str | None = None, asked: str = ""
) -> str:
    """Return one line that names port, unit and register, and one that helps."""
    if isinstance(error, PortDownError):
        return f"{describe(port)}: {_port_trouble(error, port)}"
    where = ", ".join(part for part in (describe(port), _addressed(unit, port), asked) if part)
    words = in_words(error)
    match error:
        case DeviceRefusedError():
            meters = isinstance(port, MeterPort)
            refused = _REFUSED_BY_METER if meters else _REFUSED
            hint = refused.get(error.code, "the unit answers, and refuses: see its manual")
        case DeviceTimeoutError() if isinstance(port, MeterPort):
            hint = _SILENT_METERS.format(spec=spec_of(port))
        case DeviceTimeoutError() if isinstance(port, OsdpPort):
            hint = _SILENT_READERS
        case DeviceTimeoutError() if isinstance(port, SerialPort):
            hint = _SILENT_LINE.format(device=port.device)
        case DeviceTimeoutError():
            hint = _SILENT_TCP
        case CannotAskError():
            hint = ""
        case DeviceGarbageError() if "accept_answers" not in words:
            hint = _GARBAGE
        case _:
            hint = ""
    return f"{where}: {words}" + (f"\n  {hint}" if hint else "")


def _addressed(unit: int | str | None, port: Port) -> str:
    if unit is None:
        return ""
    if isinstance(port, ReachabilityPort):
        return f"host {unit}"
    return f"meter {unit}" if isinstance(unit, str) else f"unit {unit}"


def _port_trouble(error: PortDownError, port: Port) -> str:
    if isinstance(port, SerialPort) and not (isinstance(port, LinePort) and port.server):
        return _line_trouble(error, port)
    if isinstance(port, ReachabilityPort):
        return str(error)
    server = port.server if isinstance(port, LinePort) else None
    host, number = server or (("", 0) if isinstance(port, SerialPort) else (port.host, port.port))
    text = str(error).removeprefix(f"{host}:{number}: ")
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
        what = "the serial server" if isinstance(port, LinePort) else "Modbus"
        return f"connection refused: nothing listens on TCP port {number} there; is {what} on?"
    if "no connection within" in text:
        return f"{text}: is the host switched on and in this network (ping {host})?"
    if "unanswered" in text:
        return "connected, but nobody answers: check the unit number"
    return text


def _line_trouble(error: PortDownError, port: SerialPort) -> str:
    path = Path(port.device)
    if not path.exists():
        return f"port missing: there is no {port.device}; {_present()}"
    if not os.access(path, os.R_OK | os.W_OK):
        return (
            "permission denied: this user may not open the line; "
            "sudo usermod -aG dialout $USER, then log in again"
        )
    text = str(error)
    if "in use" in text or "exclusively lock" in text:
        return "in use by another program; is an agent running here? Stop it first"
    if f"({errno.ENOTTY}, " in text:
        return "not a serial line"
    return text.removeprefix(f"{port.device}: ")


def _present() -> str:
    """Name the lines that are there, the lasting names first."""
    by_id = Path("/dev/serial/by-id")
    found = sorted(by_id.iterdir()) if by_id.is_dir() else []
    if not found:
        found = sorted([*Path("/dev").glob("ttyUSB*"), *Path("/dev").glob("ttyACM*")])
    if not found:
        return "no USB adapter is plugged in"
    return f"there are: {', '.join(map(str, found))}"
