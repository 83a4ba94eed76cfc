"""A serial line whose characters have a ninth bit that marks addresses (GST panels).

The ninth bit is the parity bit: mark parity sends it as 1, space parity as 0. What is received is
compared with space parity, and the kernel marks the characters that differ (PARMRK). Linux, and
adapters whose driver knows mark and space parity. Not tried at a panel.
"""

import asyncio
import os
import termios
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from edge_agent.drivers.link import Link
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import PortDownError
from protocols.fire.session import AddressBytes

_MARK_OR_SPACE: Final = 0o10000000000
"""CMSPAR, for which the module termios has no name."""
_IFLAG: Final = 0
_CFLAG: Final = 2
_SENDING_S: Final = 2.0
_ESCAPE: Final = 0xFF


class DescribedLink(Link, Protocol):
    """A link with a file descriptor."""

    @property
    def fd(self) -> int:
        """The file descriptor."""
        ...


class AddressBitLink:
    """A link that sends ``AddressBytes`` with the bit and all else without.

    ``received`` has the bytes as the kernel marks them; ``unmarked`` reads the marks.
    """

    def __init__(
        self, link: DescribedLink, *, set_bit: Callable[[int, bool], None] | None = None
    ) -> None:
        self._link = link
        self._set_bit = set_bit or set_address_bit
        self._waiting: deque[bytes] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._thread = OwnThread()
        self._why = ""
        self._marks = MarkedBytes()
        self._waiting.append(AddressBytes())  # sets the line up

    @property
    def received(self) -> bytearray:
        """Bytes not yet taken."""
        return self._link.received

    @property
    def lost(self) -> str:
        """Why the line is gone; empty while it is there."""
        return self._why or self._link.lost

    @property
    def on_change(self) -> Callable[[], None]:
        """Called after bytes arrived or the line was lost."""
        return self._link.on_change

    @on_change.setter
    def on_change(self, call: Callable[[], None]) -> None:
        self._link.on_change = call
        self._begin()

    def send(self, data: bytes) -> None:
        """Queue bytes; raises PortDownError when the line is gone."""
        if self.lost:
            raise PortDownError(self.lost)
        self._waiting.append(data)
        self._begin()

    def close(self, why: str = "closed") -> None:
        """Give the line back once nothing is being written to it."""
        self._why = self.lost or why
        self._waiting.clear()
        if self._sending is None:
            self._link.close(why)

    async def closed(self) -> None:
        """Wait until it is given back."""
        if self._sending is not None:
            await asyncio.wait([self._sending])
        await self._link.closed()

    def unmarked(self, data: bytes) -> Sequence[tuple[int, bool]]:
        """Return received bytes with whether their address bit was set."""
        return self._marks.feed(data)

    def _begin(self) -> None:
        if self._sending is None and self._waiting:
            self._sending = asyncio.create_task(self._send_all(), name="address-bit")

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                data = self._waiting.popleft()
                await self._thread.run(lambda data=data: self._write(data), timeout_s=_SENDING_S)
        except (OSError, termios.error, TimeoutError) as error:
            self._why = self.lost or f"cannot send with an address bit: {error}"
        finally:
            self._sending = None
            if self._why:
                self._link.close(self._why)
                self._link.on_change()

    def _write(self, data: bytes) -> None:
        """Send in a thread: the kernel says when the last bit has left."""
        fd = self._link.fd
        is_address = isinstance(data, AddressBytes)
        if is_address:
            self._set_bit(fd, True)  # noqa: FBT003 (the bit)
        os.write(fd, data)
        termios.tcdrain(fd)
        if is_address:
            self._set_bit(fd, False)  # noqa: FBT003 (the bit)


class MarkedBytes:
    """Reads what the kernel marks: ``FF 00 x`` = x with the bit, ``FF FF`` = FF without."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Sequence[tuple[int, bool]]:
        """Return bytes with their bits; the beginning of a mark waits for its rest."""
        data = self._pending + data
        found: list[tuple[int, bool]] = []
        at = 0
        while at < len(data):
            size = _mark_size(data, at)
            if at + size > len(data):
                break
            found.append((data[at + size - 1], size == 3))  # noqa: PLR2004 (FF 00 x)
            at += size
        self._pending = data[at:]
        return found


def _mark_size(data: bytes, at: int) -> int:
    """Return how many bytes stand for the next one; 2 while that is not known."""
    if data[at] != _ESCAPE:
        return 1
    following = data[at + 1 : at + 2]
    if following == b"\0":
        return 3
    return 1 if following not in {b"", b"\xff"} else 2


def set_address_bit(fd: int, on: bool) -> None:  # noqa: FBT001 (the bit)
    """Set the ninth bit of what is sent from now on; raises termios.error when there is none."""
    attributes = termios.tcgetattr(fd)
    attributes[_IFLAG] |= termios.INPCK | termios.PARMRK
    attributes[_IFLAG] &= ~(termios.IGNPAR | termios.ISTRIP)
    attributes[_CFLAG] |= termios.PARENB | _MARK_OR_SPACE
    if on:
        attributes[_CFLAG] |= termios.PARODD
    else:
        attributes[_CFLAG] &= ~termios.PARODD
    termios.tcsetattr(fd, termios.TCSADRAIN, attributes)
