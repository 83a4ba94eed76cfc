"""A pseudo terminal of simulated equipment; what is written to its other end arrives here."""

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_MOST_BYTES: Final = 4096
_RATES: Final = {
    getattr(termios, f"B{baud}"): baud
    for baud in (600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
}


class Terminal:
    """Open while it is entered; ``path`` is a symbolic link that stays the same over restarts.

    Args:
        path: Of the symbolic link, which replaces an older one but no file.
        received: Takes what arrives.
    """

    def __init__(self, path: Path, received: Callable[[bytes], None]) -> None:
        self.path = path
        self._received = received
        self._ends: tuple[int, int] | None = None

    async def __aenter__(self) -> Self:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        # The other end stays open here, too: who closes it does not end the line.
        self._ends = (master, slave)
        try:
            self._link(os.ttyname(slave))
        except OSError:
            self._close()
            raise
        asyncio.get_running_loop().add_reader(master, self._readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ends is None:
            return
        master, slave = self._ends
        asyncio.get_running_loop().remove_reader(master)
        if self.path.is_symlink() and str(self.path.readlink()) == os.ttyname(slave):
            self.path.unlink()
        self._close()

    @property
    def baud(self) -> int | None:
        """The rate that the other end has set."""
        return None if self._ends is None else _RATES.get(termios.tcgetattr(self._ends[1])[5])

    def write(self, data: bytes) -> None:
        """Send; what nobody takes from a full line is lost, as on a wire."""
        if self._ends is not None:
            with suppress(BlockingIOError):
                os.write(self._ends[0], data)

    def _link(self, terminal: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(terminal)

    def _close(self) -> None:
        ends, self._ends = self._ends or (), None
        for end in ends:
            os.close(end)

    def _readable(self) -> None:
        if self._ends is not None:
            with suppress(BlockingIOError):
                self._received(os.read(self._ends[0], _MOST_BYTES))
