"""A serial line on a pseudo terminal: several slaves with the timing of a given baud rate.

A pty refuses parity, so the master opens it with parity N; the bytes still take as long as the 11
bits of 8E1.
"""

import asyncio
import os
import random
import tty
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.clock import Clock, SystemClock
from simulators.line import LineOfUnits, LineTiming, Responder
from simulators.line_protocols import LineFraming

_READ_BYTES = 4096


class SerialLine:
    """Units on a pty; ``path`` is a symbolic link that stays the same over restarts."""

    def __init__(
        self,
        units: Mapping[int, Responder],
        *,
        path: Path,
        timing: LineTiming | None = None,
        clock: Clock | None = None,
        seed: int = 0,
        framing: LineFraming = "rtu",
    ) -> None:
        self.path = path
        self._units = units
        self._timing = timing or LineTiming(baud=9600, turnaround_s=0.005)
        self._clock = clock or SystemClock()
        self._seed = seed
        self._framing: LineFraming = framing
        self._ends: tuple[int, int] | None = None
        self._line: LineOfUnits | None = None

    async def __aenter__(self) -> Self:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        # The slave end stays open here too; otherwise a master that closes it would end the line.
        self._ends = (master, slave)
        self._line = LineOfUnits(
            self._units,
            write=self._write,
            clock=self._clock,
            rng=random.Random(self._seed),
            timing=self._timing,
            framing=self._framing,
        )
        self._link(os.ttyname(slave))
        asyncio.get_running_loop().add_reader(master, self._readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ends is None or self._line is None:
            return
        master, slave = self._ends
        asyncio.get_running_loop().remove_reader(master)
        self._line.close()
        if self.path.is_symlink() and str(self.path.readlink()) == os.ttyname(slave):
            self.path.unlink()
        os.close(master)
        os.close(slave)
        self._ends = self._line = None

    def _link(self, terminal: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(terminal)

    def _readable(self) -> None:
        if self._ends is None or self._line is None:
            return
        with suppress(BlockingIOError):
            self._line.receive(os.read(self._ends[0], _READ_BYTES))

    def _write(self, data: bytes) -> None:
        if self._ends is None:
            return
        # A full terminal means that nobody listens; bytes on a wire do not wait either.
        with suppress(BlockingIOError):
            os.write(self._ends[0], data)
