"""The lines of this process: who uses one next knows what its units still owe."""

from os.path import realpath

from config.ports import ModbusRtuPort, Port
from edge_agent.clock import Clock
from edge_agent.drivers.late import OwedAnswers
from edge_agent.drivers.modbus_client import ModbusClient, open_modbus


class Lines:
    """Opens ports, one client of a line after the other.

    A new client would take the answer to the last question of the one before it for its own.
    """

    def __init__(self) -> None:
        self._owed: dict[str, OwedAnswers] = {}

    def open(self, port: Port, clock: Clock) -> ModbusClient:
        """Return a client of a port; it opens when it is entered."""
        # Its horizon does not matter: each client has its own.
        owed = self._owed.setdefault(_wire(port), OwedAnswers(port.timeout_s))
        return open_modbus(port, clock, owed=owed)


def _wire(port: Port) -> str:
    """Return what two settings of one wire have in common."""
    if isinstance(port, ModbusRtuPort):
        return realpath(port.device)
    return f"{port.host.lower()}:{port.port}"
