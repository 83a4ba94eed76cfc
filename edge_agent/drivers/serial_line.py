"""A serial line; the only importer of pyserial.

pyserial opens and configures the line, the event loop watches its file descriptor: pymodbus' own
serial transport polls, and pays for it with processor time.
"""

import asyncio
import errno
import os
import termios
from typing import TYPE_CHECKING, Protocol

from edge_agent.drivers.link import LineSetting, ignore
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import PortDownError

if TYPE_CHECKING:
    import serial

_CHUNK = 4096
_OPENING_S = 5.0
_CLOSING_S = 1.0


class LineSettings(Protocol):
    """A serial line of this machine and its settings."""

    @property
    def device(self) -> str:
        """Path of the device."""
        ...

    @property
    def bits_per_second(self) -> int:
        """Speed."""
        ...

    @property
    def character_bits(self) -> int:
        """Bits of a character beside start, parity and stop bits."""
        ...

    @property
    def parity(self) -> str:
        """N, E or O."""
        ...

    @property
    def stop_bits(self) -> int:
        """1 or 2."""
        ...


class SerialLink:
    """An open serial line."""

    def __init__(self, line: "serial.Serial", thread: OwnThread) -> None:
        self.received = bytearray()
        self.lost = ""
        self.on_change = ignore
        self._line = line
        self._thread = thread
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._fd = line.fileno()
        self._loop.add_reader(self._fd, self._readable)

    @property
    def fd(self) -> int:
        """The file descriptor, for settings that pyserial does not know."""
        return self._fd

    def send(self, data: bytes) -> None:
        """Hand bytes to the line; a frame always fits the kernel's buffer."""
        if self.lost:
            raise PortDownError(self.lost)
        try:
            sent = os.write(self._fd, data)
        except OSError as error:
            self._lose(f"{self._line.port}: {error.strerror}")
            raise PortDownError(self.lost) from error
        if sent != len(data):
            raise PortDownError(f"{self._line.port}: took {sent} of {len(data)} bytes")

    def configure(self, setting: LineSetting) -> None:
        """Change the settings of the line and drop what came before."""
        if self.lost:
            raise PortDownError(self.lost)
        try:
            self._line.apply_settings(
                {
                    "baudrate": setting.baud,
                    "bytesize": setting.data_bits,
                    "parity": setting.parity,
                    "stopbits": setting.stop_bits,
                }
            )
            self._line.reset_input_buffer()
        except (OSError, ValueError, termios.error) as error:
            self._lose(f"{self._line.port}: {_why(error)}")
            raise PortDownError(self.lost) from error
        self.received.clear()

    def close(self, why: str = "closed") -> None:
        """Give the line back; the kernel may first wait until its bytes are taken."""
        self._lose(why)
        if not self._closing:
            self._closing = True
            self._thread.start(self._line.close)

    async def closed(self) -> None:
        """Wait until another may have it, or until that takes too long to wait for."""
        await self._thread.wait(timeout_s=_CLOSING_S)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            data = b""
            self._lose(f"{self._line.port}: {error.strerror}")
        if data:
            self.received += data
        else:
            # Readable without bytes: an unplugged adapter.
            self._lose(f"{self._line.port}: unplugged")
        self.on_change()

    def _lose(self, why: str) -> None:
        if not self.lost:
            self.lost = why
            self._loop.remove_reader(self._fd)


_WHY = {
    errno.ENOENT: "there is no such device; is the adapter plugged in?",
    errno.ENXIO: "there is no such device; is the adapter plugged in?",
    errno.ENODEV: "there is no such device; is the adapter plugged in?",
    errno.EACCES: "permission denied; this user must be in the group of the device (dialout)",
    errno.EPERM: "permission denied; this user must be in the group of the device (dialout)",
    errno.EBUSY: "in use by another program",
    errno.EAGAIN: "in use by another program, perhaps a second agent",
}


def _why(error: Exception) -> str:
    """Say what stands in the way of a line, and what helps."""
    number = error.errno if isinstance(error, OSError) else None
    return _WHY.get(number or 0, str(error))


async def open_serial(port: LineSettings, thread: OwnThread) -> SerialLink:
    """Open a line for this process alone, in a thread: the driver of an adapter may hang.

    Raises:
        PortDownError: It does not exist, may not be used, is in use, refuses the settings, hangs.
    """
    try:
        line = await thread.run(
            lambda: _opened(port), timeout_s=_OPENING_S, unwanted=lambda late: late.close()
        )
    except TimeoutError as error:
        message = f"{port.device}: neither opens nor says why; the adapter or its driver hangs"
        raise PortDownError(message) from error
    return SerialLink(line, thread)


def _opened(port: LineSettings) -> "serial.Serial":
    # What no file uses is not imported.
    import serial  # noqa: PLC0415

    try:
        return serial.Serial(
            port.device,
            baudrate=port.bits_per_second,
            bytesize=port.character_bits,
            parity=port.parity,
            stopbits=port.stop_bits,
            timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError) as error:
        raise PortDownError(f"{port.device}: {_why(error)}") from error
    except termios.error as error:
        raise PortDownError(f"{port.device}: {error}; a pseudo terminal has no parity") from error
