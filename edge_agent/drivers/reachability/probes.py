"""Pings and connections: the I/O of a look at a host."""

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from config.ports import ReachabilityPort
from edge_agent.clock import Clock
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.reachability.driver import Outcome, ReachabilityDriver
from edge_agent.drivers.reachability.planner import ProbeQuestion
from edge_agent.errors import CannotAskError
from protocols.errors import FrameError
from protocols.icmp.echo import LARGEST, Echo, echo_reply, echo_request

_KEPT_S: Final = 300.0
"""How long the address of a name is used before it is looked up again, seconds."""
_GROUP_RANGE: Final = Path("/proc/sys/net/ipv4/ping_group_range")
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ICMP: Final = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_NOT_THERE: Final = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})
_CUT: Final = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
_DATA: Final = b"plantroom"


class Prober:
    """Looks whether hosts are there.

    Args:
        port: How long and how often a host is asked.
        clock: Time.
        ping_socket: Opens a socket for echoes of a version of IP, one that does not block.
    """

    def __init__(
        self,
        port: ReachabilityPort,
        clock: Clock,
        ping_socket: Callable[[int], socket.socket] | None = None,
    ) -> None:
        self._ping_socket = ping_socket or _ping_socket
        self._timeout_s = port.timeout_s
        self._attempts = port.attempts
        self._clock = clock
        self._thread = OwnThread()
        self._addresses: dict[str, tuple[str, float]] = {}

    async def look(self, host: str, question: ProbeQuestion) -> Outcome:
        """Ask a host; one that does not answer is an outcome as well.

        Raises:
            CannotAskError: It cannot be asked from here.
        """
        address = await self._address(host)
        began_s = self._clock.monotonic_s()
        ask = self._ping if question.probe == "ping" else self._connect
        try:
            for attempt in range(self._attempts):
                asked_s = self._clock.monotonic_s()
                try:
                    async with asyncio.timeout(self._timeout_s):
                        there = await ask(address, question, attempt)
                except TimeoutError:
                    continue
                return Outcome(there, self._clock.monotonic_s() - asked_s)
        except OSError as error:
            raise CannotAskError(f"host {host}: {_why(error, question)}") from error
        return Outcome(is_there=False, took_s=self._clock.monotonic_s() - began_s)

    async def _ping(self, address: str, question: ProbeQuestion, attempt: int) -> bool:
        """Wait for the reply to an echo; only an answer ends it."""
        del question
        version, loop = _version(address), asyncio.get_running_loop()
        # The kernel numbers the socket, and hands over the replies to its own requests alone.
        with self._ping_socket(version) as asking:
            asking.connect((address, 0))
            await loop.sock_sendall(asking, echo_request(Echo(attempt, _DATA), version=version))
            while True:
                with suppress(FrameError):
                    echo_reply(await loop.sock_recv(asking, LARGEST), version=version)
                    return True

    async def _connect(self, address: str, question: ProbeQuestion, attempt: int) -> bool:
        """Connect, and hang up."""
        del attempt
        family = _FAMILIES[_version(address)]
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking:
            try:
                await asyncio.get_running_loop().sock_connect(asking, (address, question.tcp_port))
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    return question.refused_is_there
                if error.errno in _CUT:
                    return True
                if error.errno in _NOT_THERE:
                    return False
                raise
        return True

    async def _address(self, host: str) -> str:
        """Return the address of a host; of a name the one that is known while there is no other.

        Raises:
            CannotAskError: Nobody knows the name.
        """
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            pass
        else:
            return host
        now = self._clock.monotonic_s()
        known, until_s = self._addresses.get(host, ("", 0.0))
        if known and now < until_s:
            return known
        try:
            found = await self._thread.run(
                lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM),
                timeout_s=self._timeout_s,
            )
        except (OSError, TimeoutError) as error:
            if not known:
                raise CannotAskError(f"host {host}: its name is not known: {error}") from error
            found_address = known
        else:
            found_address = str(found[0][4][0])
        self._addresses[host] = (found_address, now + _KEPT_S)
        return found_address


def _version(address: str) -> int:
    return ip_address(address.partition("%")[0]).version


def _ping_socket(version: int) -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    return socket.socket(_FAMILIES[version], kind, _ICMP[version])


def reachability_driver(port: ReachabilityPort, clock: Clock) -> ReachabilityDriver:
    """Return the driver of hosts on a real network."""
    return ReachabilityDriver(port, look=Prober(port, clock).look, clock=clock)


def why_no_ping() -> str:
    """Return why this process may not ping, and what to do; empty: it may."""
    try:
        with _ping_socket(4):
            return ""
    except OSError as error:
        return _no_right(error)


def _why(error: OSError, question: ProbeQuestion) -> str:
    denied = error.errno in {errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT}
    if denied and question.probe == "ping":
        return _no_right(error)
    return f"it cannot be asked from here: {error.strerror or error}"


def _no_right(error: OSError) -> str:
    try:
        allowed = _GROUP_RANGE.read_text().split()
    except OSError:
        allowed = []
    now = f", now {' '.join(allowed)}" if allowed else ""
    return (
        f"the kernel lets this user send no ping ({error.strerror or error}): the sysctl "
        f"net.ipv4.ping_group_range must include its group{now}: "
        "sysctl -w net.ipv4.ping_group_range='0 2147483647', or use probe: tcp"
    )
