"""Readings taken before the gateway knows what time it is, pure.

A gateway without a battery starts in 1970. Until its clock was set, readings are held with the
monotonic instant of their arrival; once the clock is trusted that gives their true time.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from protocols.reading import Reading

TRUSTED_FROM_MS: Final = 1_704_067_200_000
"""2024-01-01: a clock that says less was never set."""

_MAX_HELD = 100_000


class _Held(NamedTuple):
    device: str
    readings: Sequence[Reading]
    wrong_ms: int
    monotonic_s: float


class HeldReadings:
    """Readings without a time, oldest first; bounded, the oldest give way.

    Attributes:
        dropped: Readings given up because too many were held.
    """

    def __init__(self, *, limit: int = _MAX_HELD) -> None:
        self._held: deque[_Held] = deque()
        self._limit = limit
        self._count = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._count

    def hold(
        self, device: str, readings: Sequence[Reading], *, wrong_ms: int, monotonic_s: float
    ) -> None:
        """Keep readings stamped by an untrusted clock that now says ``wrong_ms``."""
        self._held.append(_Held(device, readings, wrong_ms, monotonic_s))
        self._count += len(readings)
        while self._count > self._limit:
            gone = self._held.popleft()
            self._count -= len(gone.readings)
            self.dropped += len(gone.readings)

    def release(self, *, now_ms: int, monotonic_s: float) -> Iterator[tuple[str, list[Reading]]]:
        """Yield everything with its true time, now that the clock says ``now_ms``."""
        while self._held:
            held = self._held.popleft()
            self._count -= len(held.readings)
            arrived_ms = now_ms - round((monotonic_s - held.monotonic_s) * 1000)
            shift = arrived_ms - held.wrong_ms
            yield (
                held.device,
                [reading._replace(taken_at=reading.taken_at + shift) for reading in held.readings],
            )
