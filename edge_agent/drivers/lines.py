"""The lines of this process: who uses one next knows what is still outstanding."""

from os.path import realpath

from config.ports import ModbusRtuPort, Port
from edge_agent.clock import Clock
from edge_agent.drivers.modbus_client import ModbusClient, open_modbus
from edge_agent.drivers.outstanding import Outstanding


class Lines:
    """Opens ports, one client of a line after the other.

    A new client would take the response to the last request of the one before it for its own.
    """

    def __init__(self) -> None:
        self._outstanding: dict[str, Outstanding] = {}

    def open(self, port: Port, clock: Clock) -> ModbusClient:
        """Return a client of a port; it opens when it is entered."""
        # Its timeout does not matter: each client has its own.
        outstanding = self._outstanding.setdefault(_wire(port), Outstanding(port.timeout_s))
        return open_modbus(port, clock, outstanding=outstanding)


def _wire(port: Port) -> str:
    """Return what two settings of one wire have in common."""
    if isinstance(port, ModbusRtuPort):
        return realpath(port.device)
    return f"{port.host.lower()}:{port.port}"
