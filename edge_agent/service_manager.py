"""Notifies systemd of the agent's state (sd_notify): ready, reloading, stopping, still alive."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

from edge_agent.clock import Clock


class ServiceManager:
    """The socket that the service manager listens on; says nothing when there is none.

    Args:
        address: Path of the socket; a leading ``@`` is the abstract namespace. Empty: none.
        watchdog_s: A sign of life is expected at least this often; 0: never.
    """

    def __init__(self, address: str = "", *, watchdog_s: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_s = watchdog_s

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return the one that the environment names (NOTIFY_SOCKET, WATCHDOG_USEC)."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        watchdog_s = int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_s=watchdog_s)

    def ready(self, status: str) -> None:
        """Notify that it works, or works again after a reload.

        Args:
            status: Shown to people.
        """
        one_line = " / ".join(status.split("\n"))
        self._say(f"READY=1\nSTATUS={one_line}")

    def reloading(self, clock: Clock) -> None:
        """Notify that the configuration is being read again; ``ready`` ends it."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={int(clock.monotonic_s() * 1e6)}")

    def stopping(self) -> None:
        """Notify that it ends."""
        self._say("STOPPING=1")

    async def run(self, clock: Clock) -> None:
        """Give signs of life, for ever; an event loop that hangs gives none and is restarted."""
        while True:
            self._say("WATCHDOG=1")
            await clock.sleep(self._watchdog_s / 3 or 3600.0)

    def _say(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.setblocking(False)  # noqa: FBT003 (the standard library's way)
            speaker.sendto(text.encode(), self._address)
