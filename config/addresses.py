"""Whether a device can be where the agent file puts it: its port, its address, its points."""

from collections.abc import Iterator
from typing import Final

from config.base import Conflict
from config.cjt188 import Cjt188Settings, FieldPoint
from config.edge import Device
from config.identifiers import IdentifierPoint
from config.line_ports import LinePort
from config.line_units import Cjt188Meters, Dlt645Meters
from config.listening import FIRE_PANEL, HeardPort
from config.mbus import MbusSettings, RecordPoint
from config.members import member_of
from config.osdp import OsdpPoint
from config.points import Point, Table
from config.ports import (
    AnyPort,
    HearingPort,
    ModbusRtuOverTcpPort,
    ModbusTcpPort,
    OsdpPort,
    Port,
)
from config.profiles import DeviceProfile, Limits
from config.protocol import Protocol
from config.reachability import ProbePoint
from config.shared_line import KINDS, SharedLine
from protocols.mbus.addresses import ANY as ANY_SLAVE
from protocols.mbus.addresses import LAST_PRIMARY

_ON_A_LINE: Final = range(1, 248)
_DIGITS: Final = {Protocol.DLT645: 12, Protocol.CJT188: 14}
"""Of a meter's address."""
_SECONDARY_DIGITS: Final = (8, 16)
"""Of the address of an M-Bus slave: its number, or all of it."""
_PLACED: Final = {
    Protocol.MODBUS: (Point.TAG, "a table and an address"),
    Protocol.DLT645: (IdentifierPoint.TAG, "an identifier"),
    Protocol.CJT188: (FieldPoint.TAG, "a field"),
    Protocol.REACHABILITY: (ProbePoint.TAG, "a probe"),
    Protocol.OSDP: (OsdpPoint.TAG, "a reader: the part of it"),
    Protocol.MBUS: (RecordPoint.TAG, "a quantity"),
}
"""The kind of its points, and what places them."""
_HEARD: Final = (Protocol.GB26875, Protocol.FIRE_PANEL)
_SOURCE_ONLY: Final = "only a device on a port of kind gb26875_tcp or gb26875_serial has one"
_POLLED_ONLY: Final = frozenset(
    {
        "cjt188",
        "computed",
        "host",
        "limits",
        "mbus",
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


def protocol_of(device: Device, port: AnyPort, profile: DeviceProfile | None) -> Protocol:
    """Return what a device speaks: its own word, its device file's, or what its port is of."""
    if device.protocol is None and profile is not None:
        return profile.protocol
    if isinstance(port, HeardPort):
        return port.PROTOCOL
    return device.protocol or next(iter(port.PROTOCOLS))


def listening_conflicts(device: Device, port: HearingPort) -> Iterator[Conflict]:
    """Yield what a device on a port that listens cannot have."""
    if port.known_as and device.source is not None:
        yield Conflict(("source",), f"{_SOURCE_ONLY}; a panel says none: remove it")
    elif not port.known_as and device.source is None:
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
    protocol = protocol_of(device, port, profile)
    if device.protocol and profile and device.protocol is not profile.protocol:
        message = f"device file {profile.profile} speaks {profile.protocol}, not {protocol}"
        yield Conflict(("protocol",), message)
        return
    if protocol not in port.protocols:
        yield Conflict(("port",), _not_carried(port, protocol))
    if protocol in _HEARD:
        return
    yield from _kind_conflicts(device, profile, protocol)
    yield from _foreign_settings(device, protocol)
    if device.source is not None:
        yield Conflict(("source",), _SOURCE_ONLY)
    if protocol is Protocol.REACHABILITY:
        yield from _host_conflicts(device)
        return
    if device.host is not None:
        yield Conflict(("host",), "only a device on a port of kind reachability has one")
    if protocol in _DIGITS:
        yield from _meter_conflicts(device, protocol)
        yield from _command_conflicts(device, member_of(port, protocol), profile)
    elif isinstance(port, OsdpPort):
        yield from _reader_conflicts(device, port)
    elif protocol is Protocol.MBUS:
        yield from _slave_conflicts(device)
    else:
        yield from _unit_conflicts(device, port)


def _not_carried(port: Port, protocol: Protocol) -> str:
    allowed = ", ".join(sorted(port.protocols))
    message = f"a port of kind {port.kind} carries {allowed}; this device speaks {protocol}"
    if isinstance(port, SharedLine) and port.server is None and protocol in KINDS:
        message += f" (its also may have {{kind: {KINDS[protocol]}}})"
    return message


def _foreign_settings(device: Device, protocol: Protocol) -> Iterator[Conflict]:
    for key, given in ((Protocol.CJT188, device.cjt188), (Protocol.MBUS, device.mbus)):
        if given is not None and protocol is not key:
            yield Conflict((key.value,), f"this device speaks {protocol}; remove it")


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


def _host_conflicts(device: Device) -> Iterator[Conflict]:
    if device.host is None:
        message = "a device on a port of kind reachability has a host: its name or its address"
        yield Conflict((), message)
    for name in sorted(device.model_fields_set & {"unit", "meter", "limits"}):
        yield Conflict((name,), "means nothing on a port of kind reachability; remove it")


def _slave_conflicts(device: Device) -> Iterator[Conflict]:
    """An M-Bus slave has a primary address, its unit, or a secondary one."""
    has_unit = "unit" in device.model_fields_set
    if device.meter is None and not has_unit:
        message = "a device that speaks mbus has a meter (the 8 digits on its plate, in quotes)"
        yield Conflict((), f"{message}, or a unit, its primary address")
    elif device.meter is not None and has_unit:
        yield Conflict(("unit",), "an M-Bus slave is asked by meter or by unit; remove one of them")
    elif device.meter is not None and len(device.meter) not in _SECONDARY_DIGITS:
        message = "expected the 8 digits of an M-Bus slave, or 16 with maker, version and medium"
        yield Conflict(("meter",), f"{message}, got {len(device.meter)}: {device.meter}")
    elif has_unit and device.unit > LAST_PRIMARY and device.unit != ANY_SLAVE:
        message = f"expected 0 to {LAST_PRIMARY}, or {ANY_SLAVE} for the only slave of a line"
        yield Conflict(("unit",), f"{message}, got {device.unit}")
    if device.limits is not None:
        yield Conflict(("limits",), "they are of registers; a meter has none")


def _command_conflicts(
    device: Device, port: Port, profile: DeviceProfile | None
) -> Iterator[Conflict]:
    points = device.points if profile is None else profile.points | device.points
    commanded = [name for name, point in points.items() if point.writable is not None]
    if not isinstance(port, Dlt645Meters | Cjt188Meters):
        return
    if commanded and getattr(port, port.COMMANDS_NEED) is None:
        at = ("points", commanded[0], "writable") if commanded[0] in device.points else ("profile",)
        message = f"the port of a commanded meter needs a {port.COMMANDS_NEED}"
        yield Conflict(at, f"{commanded[0]}: {message}")


def _reader_conflicts(device: Device, port: OsdpPort) -> Iterator[Conflict]:
    if device.meter is not None:
        yield Conflict(("meter",), "a reader has none; its unit is its address")
    if device.limits is not None:
        yield Conflict(("limits",), "they are of registers; a reader has none")
    if device.unit not in port.readers:
        known = ", ".join(map(str, sorted(port.readers)))
        message = f"{device.unit} is no reader of port {device.port!r}; its readers are {known}"
        yield Conflict(("unit",), message)


def cjt188_of(device: Device, profile: DeviceProfile | None) -> Cjt188Settings:
    """Return what a CJ/T 188 meter is set to."""
    return device.cjt188 or (profile and profile.cjt188) or Cjt188Settings()


def mbus_of(device: Device, profile: DeviceProfile | None) -> MbusSettings:
    """Return how an M-Bus slave answers."""
    return device.mbus or (profile and profile.mbus) or MbusSettings()


def _unit_conflicts(device: Device, port: Port) -> Iterator[Conflict]:
    if device.meter is not None:
        speakers = ", ".join(sorted([*_DIGITS, Protocol.MBUS]))
        message = f"only a device that speaks one of {speakers} has one; others have a unit"
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
