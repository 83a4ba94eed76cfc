"""Opens the line of a port: of this machine, or behind a serial server."""

from typing import Final

from config.line_ports import LinePort
from edge_agent.drivers.connection import open_tcp
from edge_agent.drivers.link import Link, OpenLink
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial

_SHORTEST_S: Final = 1.0
"""A network may take longer to connect than a meter to answer."""


def line_opener(port: LinePort) -> OpenLink:
    """Return what opens the line, in a thread of the port's own."""
    thread, server = OwnThread(), port.server

    async def opened() -> Link:
        if server is None:
            return await open_serial(port, thread)
        timeout_s = max(port.timeout_s, _SHORTEST_S)
        return await open_tcp(server.host, server.port, timeout_s=timeout_s, thread=thread)

    return opened
