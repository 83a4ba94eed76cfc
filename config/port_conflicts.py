"""Whether the ports of an agent file can be there beside each other, with these devices."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from config.base import Conflict
from config.edge import AgentSettings
from config.listening import Gb26875TcpPort
from config.ports import Accept, AnyPort, LinePort, ModbusRtuOverTcpPort, ModbusTcpPort


def shared_lines(ports: Mapping[str, AnyPort]) -> Iterator[Conflict]:
    """Two ports on one serial line would talk into each other's answers."""
    owners: dict[Path | str, tuple[str, str]] = {}
    for name, port in ports.items():
        if isinstance(port, LinePort):
            # A link of /dev/serial/by-id and what it leads to are one line.
            line, key, place = port.device, "device", Path(port.device).resolve()
        elif isinstance(port, Gb26875TcpPort):
            line = place = f"TCP port {port.port} of this gateway"
            key = "port"
        elif isinstance(port, ModbusRtuOverTcpPort):
            line = place = f"{port.host}:{port.port}"
            key = "host"
        else:
            continue
        owner, other = owners.setdefault(place, (name, line))
        if owner != name:
            also = "" if other == line else f" ({other})"
            message = f"{line} is already port {owner!r}{also}; put its devices on that port"
            yield Conflict(("ports", name, key), message)


def shared_sources(settings: AgentSettings) -> Iterator[Conflict]:
    """What a transmission device says is about one panel of the file."""
    owners: dict[tuple[str, int], str] = {}
    for name, device in settings.devices.items():
        if device.source is not None:
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
