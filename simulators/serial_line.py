"""A serial line on a pseudo terminal: several slaves with the timing of a given baud rate.

A pty refuses parity, so the master opens it with parity N; the bytes still take as long as the 11
bits of 8E1. Units of several protocols may share the pair: then only those hear a request whose
baud rate the master has set, and their answers are noise to a master that has changed it since.
"""

import asyncio
import os
import random
import termios
import tty
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.clock import Clock, SystemClock
from simulators.line import LineOfUnits, LineTiming, Responder
from simulators.line_protocols import LineFraming

_READ_BYTES = 4096
_RATES = {
    getattr(termios, f"B{baud}"): baud
    for baud in (600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
}


@dataclass(frozen=True, slots=True)
class Party:
    """Units of one protocol on a pair of wires.

    Attributes:
        units: By their number.
        framing: Their protocol.
        timing: Baud rate and turnaround.
    """

    units: Mapping[int, Responder]
    framing: LineFraming = "rtu"
    timing: LineTiming = field(default_factory=lambda: LineTiming(baud=9600, turnaround_s=0.005))


class SerialLine:
    """Units on a pty; ``path`` is a symbolic link that stays the same over restarts.

    Args:
        units: By their number.
        path: Of the symbolic link.
        timing: Of the line.
        clock: Time of the units.
        seed: Same seed, same noise.
        framing: Protocol of the units.
        others: Further units on the same pair, with another baud rate.
    """

    def __init__(
        self,
        units: Mapping[int, Responder],
        *,
        path: Path,
        timing: LineTiming | None = None,
        clock: Clock | None = None,
        seed: int = 0,
        framing: LineFraming = "rtu",
        others: Sequence[Party] = (),
    ) -> None:
        self.path = path
        first = Party(units, framing, timing) if timing else Party(units, framing)
        self._parties = (first, *others)
        self._clock = clock or SystemClock()
        self._seed = seed
        self._ends: tuple[int, int] | None = None
        self._lines: list[LineOfUnits] = []

    async def __aenter__(self) -> Self:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        # The slave end stays open here too; otherwise a master that closes it would end the line.
        self._ends = (master, slave)
        rng = random.Random(self._seed)
        self._lines = [
            LineOfUnits(
                party.units,
                write=partial(self._write, party.timing.baud, rng),
                clock=self._clock,
                rng=rng,
                timing=party.timing,
                framing=party.framing,
            )
            for party in self._parties
        ]
        self._link(os.ttyname(slave))
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
        for line in self._lines:
            line.close()
        if self.path.is_symlink() and str(self.path.readlink()) == os.ttyname(slave):
            self.path.unlink()
        os.close(master)
        os.close(slave)
        self._ends = None
        self._lines = []

    def _link(self, terminal: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(terminal)

    def _readable(self) -> None:
        if self._ends is None:
            return
        with suppress(BlockingIOError):
            data = os.read(self._ends[0], _READ_BYTES)
            for party, line in zip(self._parties, self._lines, strict=True):
                if self._is_at(party.timing.baud):
                    line.receive(data)

    def _is_at(self, baud: int) -> bool:
        """Whether the master speaks at this rate; where nobody else listens it does not matter."""
        if len(self._parties) == 1 or self._ends is None:
            return True
        return _RATES.get(termios.tcgetattr(self._ends[1])[5]) == baud

    def _write(self, baud: int, rng: random.Random, data: bytes) -> None:
        if self._ends is None:
            return
        # A full terminal means that nobody listens; bytes on a wire do not wait either.
        with suppress(BlockingIOError):
            os.write(self._ends[0], data if self._is_at(baud) else rng.randbytes(len(data)))
