"""Devices that share a unit: one controller with several pieces of equipment, or a mistake."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from config.base import Conflict
from config.cjt188 import FieldPoint
from config.identifiers import IdentifierPoint
from config.line_ports import LinePort, SerialPort
from config.listening import HeardPort
from config.mbus import RecordPoint
from config.point_kinds import AnyPoint
from config.points import Point, Table
from config.ports import AnyPort, ModbusTcpPort, Port, ReachabilityPort
from config.protocol import Protocol

if TYPE_CHECKING:
    from config.gateway import ResolvedDevice

Register = tuple[Table, int]
_METERS: Final = frozenset({Protocol.DLT645, Protocol.CJT188, Protocol.MBUS})


def shared_conflicts(
    ports: Mapping[str, AnyPort], devices: "Mapping[str, ResolvedDevice]", makers: Mapping[str, str]
) -> Iterator[Conflict]:
    """Yield what cannot be meant where two devices are one unit.

    Args:
        ports: The ports by name.
        devices: The devices by id, in the file's order.
        makers: The maker of each device file.
    """
    reported: set[str] = set()
    for first, second in _pairs(ports, devices):
        what = ""
        # One controller on TCP may well be several pieces of equipment that share registers.
        if not isinstance(ports[first.port], ModbusTcpPort) or first.port != second.port:
            what = _contradiction(first, second, makers)
        if what and second.id not in reported:
            reported.add(second.id)
            is_meter = second.protocol in _METERS and isinstance(second.unit, str)
            at = ("devices", second.id, "meter" if is_meter else "unit")
            where = f"{first.addressed} of port {first.port!r} is already {first.id!r}"
            if first.port != second.port:
                where += f" (port {second.port!r} leads to the same place)"
            wanted = "numbers" if is_meter else "units"
            yield Conflict(at, f"{where}, and {what}; two devices on one line need two {wanted}")
        elif not what:
            yield from _emptied_by_another(first, second)
    for device in devices.values():
        yield from _emptied_too_early(device)


def shared_notes(
    ports: Mapping[str, AnyPort], devices: "Mapping[str, ResolvedDevice]"
) -> Iterator[str]:
    """Yield which devices share a unit though they are allowed to."""
    for first, second in _pairs(ports, devices):
        yield (
            f"{first.id} and {second.id} are both {first.addressed} of port {first.port}: right "
            "for one controller, wrong for two devices"
        )


def keeping_off_others(
    ports: Mapping[str, AnyPort], devices: "Mapping[str, ResolvedDevice]"
) -> "dict[str, ResolvedDevice]":
    """Return the devices; none reads over what another of its unit empties by reading it."""
    found = dict(devices)
    for first, second in _pairs(ports, devices):
        for one, other in ((first, second), (second, first)):
            points = [one for one in other.points.values() if isinstance(one, Point)]
            emptied = [point for point in points if point.clear_on_read]
            limits = found[one.id].limits.keeping_off(emptied)
            found[one.id] = replace(found[one.id], limits=limits)
    return found


def endpoint(port: Port) -> str:
    """Return what two ports have in common that lead to the same place."""
    if isinstance(port, ReachabilityPort):
        return port.kind
    if isinstance(port, LinePort) and port.server:
        return port.place.lower()
    return port.device if isinstance(port, SerialPort) else f"{port.host.lower()}:{port.port}"


def _pairs(
    ports: Mapping[str, AnyPort], devices: "Mapping[str, ResolvedDevice]"
) -> "Iterator[tuple[ResolvedDevice, ResolvedDevice]]":
    groups: dict[tuple[str, int | str], list[ResolvedDevice]] = {}
    for device in devices.values():
        port = ports[device.port]
        if not isinstance(port, HeardPort):
            groups.setdefault((endpoint(port), device.unit), []).append(device)
    for group in groups.values():
        yield from combinations(group, 2)


def _contradiction(
    first: "ResolvedDevice", second: "ResolvedDevice", makers: Mapping[str, str]
) -> str:
    if common := _common(first, second):
        return f"both read {common}"
    one, two = makers.get(first.profile), makers.get(second.profile)
    return f"they are of two makers, {one} and {two}" if one and two and one != two else ""


def _registers(point: AnyPoint) -> list[Register]:
    if not isinstance(point, Point):
        return []
    return [(point.table, point.address + k) for k in range(point.words)]


def _is_part(point: AnyPoint) -> bool:
    """Whether it is some bits or one byte of its place: those may belong to two devices."""
    if isinstance(point, Point):
        return point.bit is not None or point.byte is not None
    return isinstance(point, IdentifierPoint | FieldPoint) and point.bit is not None


def _places(point: AnyPoint) -> list[str]:
    """Name what it reads as a whole; a reader's states and a host are everybody's."""
    if _is_part(point):
        return []
    if isinstance(point, IdentifierPoint):
        return [f"value {point.part} of {point.where}" if point.part else point.where]
    if isinstance(point, FieldPoint | RecordPoint):
        return [point.where]
    return [f"{table} {address}" for table, address in _registers(point)]


def _common(first: "ResolvedDevice", second: "ResolvedDevice") -> str:
    """Name what both read as a whole."""
    whole = {place: name for name, point in first.points.items() for place in _places(point)}
    for name, point in second.points.items():
        for place in _places(point):
            if place in whole:
                return f"{place} ({whole[place]}, {name})"
    return ""


def _emptied_by_another(first: "ResolvedDevice", second: "ResolvedDevice") -> Iterator[Conflict]:
    for one, other in ((first, second), (second, first)):
        emptied = _emptied(one)
        for name, point in other.points.items():
            for place in _registers(point):
                if place in emptied:
                    message = f"{name} reads {place[0]} {place[1]}, which is emptied when"
                    yield Conflict(
                        ("devices", other.id), f"{message} {one.id}.{emptied[place]} is read"
                    )


def _emptied_too_early(device: "ResolvedDevice") -> Iterator[Conflict]:
    emptied = _emptied(device)
    for name, point in device.points.items():
        for place in _registers(point):
            other = emptied.get(place, name)
            if other != name and device.points[other].period_s != point.period_s:
                message = f"{name} reads {place[0]} {place[1]}, which is emptied when {other} is"
                yield Conflict(("devices", device.id), f"{message} read: give both one period_s")


def _emptied(device: "ResolvedDevice") -> dict[Register, str]:
    return {
        place: name
        for name, point in device.points.items()
        if point.clear_on_read
        for place in _registers(point)
    }
