"""Whether the ports of an agent file can be there beside each other, with these devices."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from config.base import Conflict
from config.edge import AgentSettings
from config.line_ports import LinePort, SerialPort
from config.listening import HeardPort
from config.ports import Accept, AnyPort, ModbusRtuOverTcpPort, ModbusTcpPort
from config.shared_line import SharedLine


def shared_lines(ports: Mapping[str, AnyPort]) -> Iterator[Conflict]:
    """Two ports on one serial line would talk into each other's answers."""
    owners: dict[Path | str, tuple[str, str]] = {}
    for name, port in ports.items():
        if isinstance(port, LinePort) and port.server:
            line = place = str(port.server)
            key = "host"
        elif isinstance(port, SerialPort):
            # A link of /dev/serial/by-id and what it leads to are one line.
            line, key, place = port.device, "device", Path(port.device).resolve()
        elif isinstance(port, HeardPort):
            key, line = port.place
            place = Path(line).resolve() if key == "device" else line
        elif isinstance(port, ModbusRtuOverTcpPort):
            line = place = f"{port.host}:{port.port}"
            key = "host"
        else:
            continue
        owner, other = owners.setdefault(place, (name, line))
        if owner != name:
            also = "" if other == line else f" ({other})"
            message = f"{line} is already port {owner!r}{also}; put its devices on that port"
            yield Conflict(("ports", name, key), message + _as_entry(port, ports[owner]))


def _as_entry(port: AnyPort, owner: AnyPort) -> str:
    """Return how a line that is already a port carries another protocol; empty: in no way."""
    if not isinstance(port, SharedLine) or not isinstance(owner, SharedLine):
        return ""
    if port.server is not None or owner.protocols >= port.PROTOCOLS:
        return ""
    return f", with {{kind: {port.kind}}} in its also"


def shared_sources(settings: AgentSettings) -> Iterator[Conflict]:
    """What a transmission device or a panel says is about one device of the file."""
    owners: dict[tuple[str, int | None], str] = {}
    for name, device in settings.devices.items():
        port = settings.ports[device.port]
        if isinstance(port, HeardPort) and port.is_line:
            owner = owners.setdefault((device.port, None), name)
            if owner != name:
                message = f"a port of kind {port.kind} carries one device"
                at = ("devices", name, "port")
                yield Conflict(at, f"{message}, and {device.port!r} is already {owner!r}")
        elif device.source is not None:
            owner = owners.setdefault((device.port, device.source), name)
            if owner != name:
                message = f"{device.source} of port {device.port!r} is already {owner!r}"
                yield Conflict(("devices", name, "source"), message)


def loose_answers(settings: AgentSettings) -> Iterator[Conflict]:
    """Whose answer it is must be certain where its header does not say so."""
    for name, port in settings.ports.items():
        if isinstance(port, ModbusTcpPort) and port.accept_answers is not Accept.EXACT:
            units = sorted({one.unit for one in settings.devices.values() if one.port == name})
            if len(units) > 1:
                message = f"expected exact on a port with several units, got {port.accept_answers}"
                listed = ", ".join(map(str, units))
                yield Conflict(("ports", name, "accept_answers"), f"{message} (units {listed})")
