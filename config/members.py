"""A port as each protocol on it sees it: a plain port of one protocol."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from config.line_ports import SerialPort
from config.ports import Cjt188Port, Dlt645Port, ModbusRtuPort, Port
from config.protocol import Protocol
from config.shared_line import SharedLine

LineMember: TypeAlias = ModbusRtuPort | Dlt645Port | Cjt188Port
"""A port of one protocol that may share its line with others."""
_PORTS: Final[Mapping[str, type[LineMember]]] = {
    "modbus_rtu": ModbusRtuPort,
    "dlt645": Dlt645Port,
    "cjt188": Cjt188Port,
}
"""The port of its own that an entry of ``also`` is like."""


def members_of(port: Port) -> tuple[Port, ...]:
    """Return the port for each protocol on it, its own first; most have one protocol."""
    if not isinstance(port, SharedLine) or not port.others:
        return (port,)
    others = (
        # It was checked with the port: a running gateway builds no model.
        _PORTS[one.kind].model_construct(device=port.device, timeout_s=port.timeout_s, **dict(one))
        for one in port.others
    )
    return (port.with_others(()), *others)


def member_of(port: Port, protocol: Protocol) -> Port:
    """Return the port for one protocol; the port itself where it does not carry it."""
    return next((one for one in members_of(port) if protocol in one.PROTOCOLS), port)


def change_s_of(port: Port) -> float:
    """Return what a change of protocol may cost before a request, seconds."""
    settings = {one.setting for one in members_of(port) if isinstance(one, SerialPort)}
    return port.silence_s if isinstance(port, SharedLine) and len(settings) > 1 else 0.0


def at_baud(port: Port, protocol: Protocol, baud: int) -> Port:
    """Return the port with another speed of one protocol."""
    if not isinstance(port, SharedLine) or protocol in port.PROTOCOLS:
        return port.model_copy(update={"baud": baud})
    return port.with_others(
        [
            one.model_copy(update={"baud": baud}) if one.PROTOCOL is protocol else one
            for one in port.others
        ]
    )
