"""Several pseudo terminals that are one pair of wires: what one sends, all others hear."""

import asyncio
import os
import random
import termios
import tty
from contextlib import suppress
from types import TracebackType
from typing import Self

_READ_BYTES = 4096
_SPEED = 5  # of what tcgetattr returns: that of the bytes that go out


class SharedPair:
    """A bus of programs that each open a device.

    A pty has no speed, and its settings are kept all the same: bytes of one who sends at another
    speed than the listener's are noise to it, as on a real line.

    Args:
        ends: How many programs are on it.
        seed: Same seed, same noise.

    Attributes:
        paths: A device for each.
    """

    def __init__(self, ends: int, seed: int = 1) -> None:
        self._count = ends
        self._rng = random.Random(seed)  # noqa: S311 (noise is no secret)
        self._ends: list[tuple[int, int]] = []
        self.paths: list[str] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._ends.append((master, slave))
            self.paths.append(os.ttyname(slave))
            loop.add_reader(master, self._pass_on, master, slave)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for master, slave in self._ends:
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)
            os.close(slave)

    def _pass_on(self, master: int, slave: int) -> None:
        with suppress(BlockingIOError):
            data = os.read(master, _READ_BYTES)
            speed = termios.tcgetattr(slave)[_SPEED]
            for other, its_slave in self._ends:
                if other == master:
                    continue
                heard = termios.tcgetattr(its_slave)[_SPEED] == speed
                # A full terminal means that nobody listens; bytes on a wire do not wait either.
                with suppress(BlockingIOError):
                    os.write(other, data if heard else self._rng.randbytes(len(data)))
