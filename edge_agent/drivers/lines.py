"""The lines of this process: who uses one next knows what is still outstanding."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from os.path import realpath
from typing import TYPE_CHECKING, Any

from config.line_ports import LinePort
from config.members import LineMember, change_s_of, members_of
from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort, MeterPort
from config.ports import ModbusPort, OsdpPort, Port, ReachabilityPort
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, OnLateResponse, ignore_late_response
from edge_agent.drivers.link import LineSetting, OpenLine, OpenLink
from edge_agent.drivers.modbus_client import ModbusClient, open_modbus
from edge_agent.drivers.outstanding import Outstanding
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial

if TYPE_CHECKING:
    from config.protocol import Protocol
    from edge_agent.drivers.cjt188.client import Cjt188Client
    from edge_agent.drivers.dlt645.client import MeterClient
    from edge_agent.drivers.frame_outstanding import OutstandingRequests
    from edge_agent.drivers.mbus.client import MbusClient
    from edge_agent.drivers.osdp.driver import OsdpDriver


def line_of(port: LinePort) -> OpenLine:
    """Return what opens a line of this machine, in a thread of its own."""
    return partial(open_serial, port, OwnThread())


class Lines:
    """Opens ports, one client of a line after the other.

    A new client would take the response to the last request of the one before it for its own.

    Args:
        line_of: Returns what opens the line of a port with several protocols.
    """

    def __init__(self, *, line_of: Callable[[LinePort], OpenLine] = line_of) -> None:
        self._line_of = line_of
        self._outstanding: dict[str, Outstanding] = {}
        self._of_frames: dict[tuple[str, Protocol], OutstandingRequests[Any]] = {}
        self._serials: dict[str, itertools.count[int]] = {}

    def open(
        self,
        port: Port,
        clock: Clock,
        on_late_response: OnLateResponse = ignore_late_response,
    ) -> Driver:
        """Return the driver of a port; it opens when it is entered."""
        members = [one for one in members_of(port) if isinstance(one, LineMember)]
        if len(members) > 1:
            return self._open_pair(members, change_s_of(port), clock, on_late_response)
        if isinstance(port, MeterPort):
            return self._driver_of_meters(port, clock, on_late_response)
        if isinstance(port, ReachabilityPort):
            from edge_agent.drivers.reachability.probes import (  # noqa: PLC0415 (as above)
                reachability_driver,
            )

            return reachability_driver(port, clock)
        if isinstance(port, OsdpPort):
            return self.open_readers(port, clock, on_late_response)
        return self.open_modbus(port, clock, on_late_response)

    def _driver_of_meters(
        self,
        port: MeterPort,
        clock: Clock,
        on_late_response: OnLateResponse,
        open_link: OpenLink | None = None,
    ) -> Driver:
        # What no file uses is not imported.
        match port:
            case Dlt645Port():
                from edge_agent.drivers.dlt645.driver import MeterDriver  # noqa: PLC0415
                from edge_agent.drivers.dlt645.relays import Relays  # noqa: PLC0415

                client = self.open_meters(port, clock, on_late_response, open_link=open_link)
                return MeterDriver(client, Relays(port, clock))
            case Cjt188Port():
                from edge_agent.drivers.cjt188.driver import Cjt188Driver  # noqa: PLC0415
                from edge_agent.drivers.cjt188.valves import Valves  # noqa: PLC0415

                client = self.open_flow_meters(port, clock, on_late_response, open_link=open_link)
                return Cjt188Driver(client, Valves(port))
            case MbusPort():
                from edge_agent.drivers.mbus.driver import MbusDriver  # noqa: PLC0415

                return MbusDriver(self.open_mbus(port, clock, on_late_response))

    def open_mbus(
        self,
        port: MbusPort,
        clock: Clock,
        on_late_response: OnLateResponse = ignore_late_response,
        *,
        searching: bool = False,
    ) -> "MbusClient":
        """Return a client of an M-Bus; in a search nobody's silence is the connection's."""
        from edge_agent.drivers.mbus.driver import mbus_client  # noqa: PLC0415 (as above)

        return mbus_client(
            port,
            clock,
            outstanding=self._frames_of(port),
            on_late_response=on_late_response,
            searching=searching,
        )

    def open_flow_meters(
        self,
        port: Cjt188Port,
        clock: Clock,
        on_late_response: OnLateResponse = ignore_late_response,
        *,
        open_link: OpenLink | None = None,
    ) -> "Cjt188Client":
        """Return a client of a line of CJ/T 188 meters."""
        from edge_agent.drivers.cjt188.driver import cjt188_client  # noqa: PLC0415 (as above)

        serials = self._serials.setdefault(_wire(port), itertools.count(1))
        return cjt188_client(
            port,
            clock,
            outstanding=self._frames_of(port),
            on_late_response=on_late_response,
            serials=serials,
            open_link=open_link,
        )

    def open_readers(
        self,
        port: OsdpPort,
        clock: Clock,
        on_late_response: OnLateResponse = ignore_late_response,
    ) -> "OsdpDriver":
        """Return the driver of a line of readers."""
        from edge_agent.drivers.osdp.driver import OsdpDriver  # noqa: PLC0415 (as above)

        return OsdpDriver(port, clock, on_late_response=on_late_response)

    def _open_pair(
        self,
        members: Sequence[LineMember],
        change_s: float,
        clock: Clock,
        on_late_response: OnLateResponse,
    ) -> Driver:
        from edge_agent.drivers.pair import Member, PairDriver  # noqa: PLC0415 (as above)

        return PairDriver(
            open_line=self._line_of(members[0]),
            members={
                protocol: Member(
                    LineSetting(*one.setting),
                    partial(self._member_on, one, clock, on_late_response),
                )
                for one in members
                for protocol in one.PROTOCOLS
            },
            change_s=change_s,
            clock=clock,
        )

    def _member_on(
        self, port: LineMember, clock: Clock, on_late_response: OnLateResponse, open_link: OpenLink
    ) -> Driver:
        """Return the driver of one protocol on a line that another opens."""
        if isinstance(port, MeterPort):
            return self._driver_of_meters(port, clock, on_late_response, open_link)
        return self.open_modbus(port, clock, on_late_response, open_link=open_link)

    def open_modbus(
        self,
        port: ModbusPort,
        clock: Clock,
        on_late_response: OnLateResponse = ignore_late_response,
        *,
        open_link: OpenLink | None = None,
    ) -> ModbusClient:
        """Return a client of a port with Modbus."""
        # Its timeout does not matter: each client has its own.
        outstanding = self._outstanding.setdefault(_wire(port), Outstanding(port.timeout_s))
        return open_modbus(
            port, clock, on_late_response, outstanding=outstanding, open_link=open_link
        )

    def open_meters(
        self,
        port: Dlt645Port,
        clock: Clock,
        on_late_response: OnLateResponse = ignore_late_response,
        *,
        searching: bool = False,
        open_link: OpenLink | None = None,
    ) -> "MeterClient":
        """Return a client of a line of meters; ``searching`` as of ``open_mbus``."""
        from edge_agent.drivers.dlt645.driver import meter_client  # noqa: PLC0415 (as above)

        return meter_client(
            port,
            clock,
            outstanding=self._frames_of(port),
            on_late_response=on_late_response,
            searching=searching,
            open_link=open_link,
        )

    def _frames_of(self, port: MeterPort) -> "OutstandingRequests[Any]":
        from edge_agent.drivers.frame_outstanding import OutstandingRequests  # noqa: PLC0415

        # What one protocol has asked is nothing to compare the frames of another with.
        (protocol,) = port.PROTOCOLS
        return self._of_frames.setdefault((_wire(port), protocol), OutstandingRequests())


def _wire(port: LinePort | ModbusPort) -> str:
    """Return what two settings of one wire have in common."""
    if isinstance(port, LinePort):
        return port.place.lower() if port.server else realpath(port.device)
    return f"{port.host.lower()}:{port.port}"
