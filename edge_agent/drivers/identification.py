"""Asks a unit what it is (function 43/14), on a connection of its own.

The reply's length is known only from its content, which is why this is no request of ModbusClient.
"""

import asyncio
from typing import Final

from config.ports import ModbusPort, ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.connection import open_tcp
from edge_agent.drivers.link import Link, ignore
from edge_agent.drivers.modbus import Request
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.drivers.wires import AsciiWire, Wire, wire_of
from edge_agent.errors import DeviceGarbageError
from protocols.errors import FrameError
from protocols.modbus.identification import (
    HEAD,
    Identification,
    identification_request,
    identification_size,
    parse_identification,
)

_MOST_REPLIES: Final = 4
_UNKNOWN_SIZE: Final = 253


async def read_identification(port: ModbusPort, unit: int, *, timeout_s: float) -> dict[int, str]:
    """Return the unit's own objects; nothing when it does not know the function or is silent.

    Raises:
        PortDownError: The port cannot be opened or is lost.
    """
    objects: dict[int, str] = {}
    link = await _open(port)
    wire = wire_of(port)
    try:
        first: int | None = 0
        for _ in range(_MOST_REPLIES):
            reply = await _transact(link, wire, unit, first or 0, timeout_s)
            objects |= reply.objects
            first = reply.next_object
            if first is None:
                break
    except (FrameError, DeviceGarbageError, TimeoutError):
        # Most units refuse this function or stay silent; what was heard before still counts.
        return objects
    finally:
        link.on_change = ignore
        link.close()
        await link.closed()
    return objects


async def _open(port: ModbusPort) -> Link:
    if isinstance(port, ModbusRtuPort):
        return await open_serial(port, OwnThread())
    timeout_s = max(port.timeout_s, 1.0)
    link = await open_tcp(port.host, port.port, timeout_s=timeout_s, thread=OwnThread())
    await SystemClock().sleep(port.connect_delay_s)
    return link


async def _transact(
    link: Link, wire: Wire, unit: int, first: int, timeout_s: float
) -> Identification:
    pdu = identification_request(first)
    request = Request(unit, pdu, HEAD, _UNKNOWN_SIZE, 0)
    changed = asyncio.Event()
    link.on_change = changed.set
    link.received.clear()
    link.send(wire.frame(request))
    async with asyncio.timeout(timeout_s):
        while True:
            await changed.wait()
            changed.clear()
            if link.lost:
                raise TimeoutError(link.lost)
            answer = _taken(link, wire, request)
            if answer is not None:
                return parse_identification(answer)


def _taken(link: Link, wire: Wire, request: Request) -> bytes | None:
    size = _size(link.received, wire, request.unit) or _UNKNOWN_SIZE
    return wire.take(link.received, request._replace(size=size))


def _size(received: bytearray, wire: Wire, unit: int) -> int | None:
    """Return the size of the PDU that is arriving; None while it is not known."""
    if isinstance(wire, AsciiWire):
        end = received.find(b"\r\n")
        # Unit and sum are not of the PDU.
        return (end - received.rfind(b":", 0, end) - 1) // 2 - 2 if end >= 0 else None
    start = received.find(bytes((unit,)) + HEAD)
    return identification_size(bytes(received[start + 1 :])) if start >= 0 else None
