"""Looks at one host for the integrator: is it there, and how fast does it answer?"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from config.point_kinds import probes_of
from config.ports import ReachabilityPort
from config.profiles import DeviceProfile
from config.reachability import ProbePoint
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.meter_reader import point_lines
from edge_agent.commissioning.point_reader import PointReader, at_one_period
from edge_agent.commissioning.table import table
from edge_agent.drivers.base import Driver
from edge_agent.drivers.reachability.planner import ProbePlanner
from edge_agent.errors import CannotAskError

_HEADS: Final = ("asked", "there", "round trip ms")
_US_PER_MS: Final = 1000


class HostWish(NamedTuple):
    """What is to be looked at.

    Attributes:
        host: Its name or its address.
        tcp_ports: Connections that are tried beside a ping.
        profile: Its points instead.
    """

    host: str
    tcp_ports: Sequence[int]
    profile: DeviceProfile | None

    @property
    def unit(self) -> str:
        """The host."""
        return self.host

    @property
    def asked(self) -> str:
        """The words for it in an error."""
        if self.profile is not None:
            return f"points of {self.profile.profile}"
        return ", ".join(["ping", *(f"tcp {port}" for port in self.tcp_ports)])

    @property
    def problem(self) -> str:
        """What is wrong with it; empty when nothing is."""
        if not self.host:
            return "--host: which host? Its name or its address"
        return ""


class HostReader:
    """Hosts, one at a time.

    Args:
        driver: Asks them.
        port: Its settings.
    """

    def __init__(self, driver: Driver, port: ReachabilityPort) -> None:
        self._driver = driver
        self._port = port

    async def page(self, wish: HostWish) -> list[str]:
        """Return the table of what is wished, below the host.

        Raises:
            CannotAskError: It can be asked in none of these ways.
        """
        head = [f"host {wish.host}"]
        if wish.profile is not None:
            points = at_one_period(wish.profile.read_points())
            planner = ProbePlanner(probes_of(points))
            reader = PointReader(self._driver, wish.host, planner, timeout_s=self._port.timeout_s)
            readings = await reader.read(points, computed=wish.profile.computed)
            return head + list(point_lines(wish.profile, readings))
        points = [ProbePoint(probe="ping")]
        points += [ProbePoint(probe="tcp", tcp_port=one) for one in wish.tcp_ports]
        rows: list[tuple[str, ...]] = []
        errors: list[CannotAskError] = []
        for point in points:
            try:
                rows.append(await self._row(wish.host, point))
            except CannotAskError as error:
                errors.append(error)
        if not rows:
            raise errors[0]
        notes = [in_words(error) for error in errors]
        return head + table(_HEADS, rows, right={"round trip ms"}) + notes

    async def _row(self, host: str, point: ProbePoint) -> tuple[str, ...]:
        question = ProbePlanner({"p": point}).alone("p")
        reply = await self._driver.ask(host, question, timeout_s=self._port.timeout_s)
        there, took_us = reply.values
        if not there:
            return (point.where, "no", "-")
        return (point.where, "yes", f"{took_us / _US_PER_MS:.2f}")
