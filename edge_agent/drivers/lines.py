"""The lines of this process: who uses one next knows what is still outstanding."""

import itertools
from os.path import realpath
from typing import TYPE_CHECKING

from config.ports import Cjt188Port, Dlt645Port, LinePort, ModbusPort, ModbusRtuPort, Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver
from edge_agent.drivers.modbus_client import ModbusClient, open_modbus
from edge_agent.drivers.outstanding import Outstanding
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial

if TYPE_CHECKING:
    from edge_agent.drivers.cjt188 import Cjt188Client
    from edge_agent.drivers.dlt645.client import MeterClient
    from edge_agent.drivers.dlt645.outstanding import OutstandingRequests


class Lines:
    """Opens ports, one client of a line after the other.

    A new client would take the response to the last request of the one before it for its own.
    """

    def __init__(self) -> None:
        self._outstanding: dict[str, Outstanding] = {}
        self._of_meters: dict[str, OutstandingRequests] = {}
        self._serials: dict[str, itertools.count[int]] = {}

    def open(self, port: Port, clock: Clock) -> Driver:
        """Return the driver of a port; it opens when it is entered."""
        if isinstance(port, Dlt645Port):
            # What no file uses is not imported.
            from edge_agent.drivers.dlt645.driver import MeterDriver  # noqa: PLC0415
            from edge_agent.drivers.dlt645.relays import Relays  # noqa: PLC0415

            return MeterDriver(self.open_meters(port, clock), Relays(port, clock))
        if isinstance(port, ModbusRtuPort) and port.of_meters is not None:
            return self._open_pair(port, port.of_meters, clock)
        if isinstance(port, Cjt188Port):
            from edge_agent.drivers.cjt188_driver import Cjt188Driver  # noqa: PLC0415 (as above)

            return Cjt188Driver(self.open_flow_meters(port, clock))
        return self.open_modbus(port, clock)

    def open_flow_meters(self, port: Cjt188Port, clock: Clock) -> "Cjt188Client":
        """Return a client of a line of CJ/T 188 meters."""
        from edge_agent.drivers.cjt188_driver import cjt188_client  # noqa: PLC0415 (as above)

        serials = self._serials.setdefault(_wire(port), itertools.count(1))
        return cjt188_client(port, clock, serials=serials)

    def _open_pair(self, port: ModbusRtuPort, meters: Dlt645Port, clock: Clock) -> Driver:
        from edge_agent.drivers.dlt645.outstanding import OutstandingRequests  # noqa: PLC0415
        from edge_agent.drivers.dlt645.relays import Relays  # noqa: PLC0415
        from edge_agent.drivers.pair import PairDriver  # noqa: PLC0415 (as above)

        thread, wire = OwnThread(), _wire(port)
        return PairDriver(
            open_wire=lambda: open_serial(port, thread),
            port=port,
            meters=meters,
            change_s=port.meters.change_s if port.meters else 0.0,
            clock=clock,
            outstanding=self._outstanding.setdefault(wire, Outstanding(port.timeout_s)),
            of_meters=self._of_meters.setdefault(wire, OutstandingRequests(port.timeout_s)),
            relays=Relays(meters, clock),
        )

    def open_modbus(self, port: ModbusPort, clock: Clock) -> ModbusClient:
        """Return a client of a port with Modbus."""
        # Its timeout does not matter: each client has its own.
        outstanding = self._outstanding.setdefault(_wire(port), Outstanding(port.timeout_s))
        return open_modbus(port, clock, outstanding=outstanding)

    def open_meters(self, port: Dlt645Port, clock: Clock) -> "MeterClient":
        """Return a client of a line of meters."""
        from edge_agent.drivers.dlt645.driver import meter_client  # noqa: PLC0415 (as above)
        from edge_agent.drivers.dlt645.outstanding import OutstandingRequests  # noqa: PLC0415

        known = self._of_meters.setdefault(_wire(port), OutstandingRequests(port.timeout_s))
        return meter_client(port, clock, outstanding=known)


def _wire(port: Port) -> str:
    """Return what two settings of one wire have in common."""
    if isinstance(port, LinePort):
        return realpath(port.device)
    return f"{port.host.lower()}:{port.port}"
