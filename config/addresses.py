"""Whether a device can be where the agent file puts it: its port, its address, its points."""

from collections.abc import Iterator
from typing import Final

from config.base import Conflict
from config.cjt188 import Cjt188Settings, FieldPoint
from config.edge import Device
from config.identifiers import IdentifierPoint
from config.listening import FIRE_PANEL, Gb26875TcpPort
from config.points import Point, Table
from config.ports import LinePort, ModbusRtuOverTcpPort, ModbusTcpPort, Port
from config.profiles import DeviceProfile, Limits
from config.protocol import Protocol

_ON_A_LINE: Final = range(1, 248)
_DIGITS: Final = {Protocol.DLT645: 12, Protocol.CJT188: 14}
"""Of a meter's address."""
_PLACED: Final = {
    Protocol.MODBUS: (Point.TAG, "a table and an address"),
    Protocol.DLT645: (IdentifierPoint.TAG, "an identifier"),
    Protocol.CJT188: (FieldPoint.TAG, "a field"),
}
"""The kind of its points, and what places them."""
_POLLED_ONLY: Final = frozenset(
    {
        "cjt188",
        "computed",
        "limits",
        "meter",
        "only",
        "period_s",
        "points",
        "profile",
        "protocol",
        "ratios",
        "unit",
    }
)


def protocol_of(device: Device, profile: DeviceProfile | None) -> Protocol:
    """Return what a device speaks."""
    return device.protocol or (profile.protocol if profile else Protocol.MODBUS)


def listening_conflicts(device: Device, port: Gb26875TcpPort) -> Iterator[Conflict]:
    """Yield what a device on a port that listens cannot have."""
    if device.source is None:
        message = f"a device on a port of kind {port.kind} has a source: its own address, a number"
        yield Conflict((), message)
    if device.equipment_class not in {None, FIRE_PANEL}:
        message = f"expected {FIRE_PANEL} on a port of kind {port.kind}"
        yield Conflict(("class",), f"{message}, got {device.equipment_class}")
    for name in sorted(device.model_fields_set & _POLLED_ONLY):
        key = Device.model_fields[name].alias or name
        message = f"means nothing on a port of kind {port.kind}: the device speaks by itself"
        yield Conflict((key,), f"{message}; remove it")


def address_conflicts(
    device: Device, port: Port, profile: DeviceProfile | None
) -> Iterator[Conflict]:
    """Yield what does not fit its protocol: the port, the address, the kind of its points."""
    protocol = protocol_of(device, profile)
    if device.protocol and profile and device.protocol is not profile.protocol:
        message = f"device file {profile.profile} speaks {profile.protocol}, not {protocol}"
        yield Conflict(("protocol",), message)
        return
    if protocol not in port.protocols:
        allowed = ", ".join(sorted(port.protocols))
        message = f"a port of kind {port.kind} carries {allowed}; this device speaks {protocol}"
        yield Conflict(("port",), message)
    if protocol is Protocol.GB26875:
        return
    yield from _kind_conflicts(device, profile, protocol)
    if device.cjt188 is not None and protocol is not Protocol.CJT188:
        yield Conflict(("cjt188",), f"this device speaks {protocol}; remove it")
    if device.source is not None:
        yield Conflict(("source",), "only a device on a port of kind gb26875_tcp has one")
    if protocol in _DIGITS:
        yield from _meter_conflicts(device, protocol)
        yield from _relay_conflicts(device, port, profile)
    else:
        yield from _unit_conflicts(device, port)


def _kind_conflicts(
    device: Device, profile: DeviceProfile | None, protocol: Protocol
) -> Iterator[Conflict]:
    points = device.points if profile is None else profile.points | device.points
    tag, wanted = _PLACED[protocol]
    for name, point in points.items():
        at = ("points", name) if name in device.points else ("profile",)
        if tag != point.TAG:
            yield Conflict(at, f"{name}: a point of a device that speaks {protocol} has {wanted}")
        elif isinstance(point, FieldPoint):
            given = cjt188_of(device, profile).number
            if not point.is_given_by(given):
                message = f"a meter of type {given:02X} has no {point.where}"
                yield Conflict(at, f"{name}: {message}")
    editions = {one.edition for one in points.values() if isinstance(one, IdentifierPoint)}
    if len(editions) > 1:
        message = "identifiers of two editions (8 digits: 2007, 4 digits: 1997) in one device"
        yield Conflict(("points",) if device.points else ("profile",), message)


def _meter_conflicts(device: Device, protocol: Protocol) -> Iterator[Conflict]:
    digits = _DIGITS[protocol]
    if device.meter is None:
        message = f"a device that speaks {protocol} has a meter: the {digits} digits on its plate"
        yield Conflict((), f"{message}, in quotes")
    elif len(device.meter) != digits:
        message = f"expected {digits} digits of a meter that speaks {protocol}"
        yield Conflict(("meter",), f"{message}, got {len(device.meter)}: {device.meter}")
    if "unit" in device.model_fields_set:
        yield Conflict(("unit",), f"a device that speaks {protocol} has a meter instead; remove it")
    if device.limits is not None:
        yield Conflict(("limits",), "they are of registers; a meter has none")


def _relay_conflicts(
    device: Device, port: Port, profile: DeviceProfile | None
) -> Iterator[Conflict]:
    points = device.points if profile is None else profile.points | device.points
    commanded = [name for name, point in points.items() if point.writable is not None]
    meters = port.of_meters
    if commanded and meters is not None and meters.password_file is None:
        at = ("points", commanded[0], "writable") if commanded[0] in device.points else ("profile",)
        yield Conflict(at, f"{commanded[0]}: the port of a commanded meter needs a password_file")


def cjt188_of(device: Device, profile: DeviceProfile | None) -> Cjt188Settings:
    """Return what a CJ/T 188 meter is set to."""
    return device.cjt188 or (profile and profile.cjt188) or Cjt188Settings()


def _unit_conflicts(device: Device, port: Port) -> Iterator[Conflict]:
    if device.meter is not None:
        speakers = " or ".join(sorted(_DIGITS))
        message = f"only a device that speaks {speakers} has one; others have a unit"
        yield Conflict(("meter",), message)
    if isinstance(port, LinePort | ModbusRtuOverTcpPort) and device.unit not in _ON_A_LINE:
        what = "0 is the broadcast" if device.unit == 0 else "248 to 255 are reserved"
        yield Conflict(("unit",), f"expected 1 to 247 on a serial line, got {device.unit} ({what})")
    elif isinstance(port, ModbusTcpPort) and port.line_baud is not None and device.unit == 0:
        what = "0 is the broadcast: nobody answers it, and a command reaches every unit"
        yield Conflict(("unit",), f"expected 1 to 255 behind a gateway (line_baud), got 0 ({what})")


def register_conflicts(
    name: str, point: Point, limits: Limits, at: tuple[str, ...]
) -> Iterator[Conflict]:
    """Yield why no request may carry a point; ``at`` is where that is told."""
    if point.table in {Table.HOLDING, Table.INPUT} and point.words > limits.max_registers:
        message = f"{name} has {point.words} registers, more than one read may ask"
        yield Conflict(at, f"{message} (max_registers {limits.max_registers})")
    refusal = limits.refusal(point)
    if refusal:
        yield Conflict(at, f"{name} cannot be read: {refusal}")
