"""A serial line on a pseudo terminal: several slaves with the timing of a given baud rate.

A pty refuses parity, so the master opens it with parity N; the bytes still take as long as the 11
bits of 8E1. Units of several protocols may share the pair: then only those hear a request whose
baud rate the master has set, and their answers are noise to a master that has changed it since.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.clock import Clock, SystemClock
from simulators.line import LineOfUnits, LineTiming, Responder
from simulators.line_protocols import LineFraming
from simulators.terminal import Terminal


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
    """Units on a pty; ``path`` is a symbolic link to it.

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
        self._terminal = Terminal(path, self._received)
        self._lines: list[LineOfUnits] = []

    async def __aenter__(self) -> Self:
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
        await self._terminal.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._terminal.__aexit__(kind, error, trace)
        for line in self._lines:
            line.close()
        self._lines = []

    @property
    def baud(self) -> int | None:
        """The rate at which the master speaks."""
        return self._terminal.baud

    def _received(self, data: bytes) -> None:
        for party, line in zip(self._parties, self._lines, strict=True):
            if self._is_at(party.timing.baud):
                line.receive(data)

    def _is_at(self, baud: int) -> bool:
        """Whether the master speaks at this rate; where nobody else listens it does not matter."""
        return len(self._parties) == 1 or self.baud == baud

    def _write(self, baud: int, rng: random.Random, data: bytes) -> None:
        self._terminal.write(data if self._is_at(baud) else rng.randbytes(len(data)))
