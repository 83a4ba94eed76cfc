"""Whether the gateway knows what time it is, and what the readings' times are worth meanwhile.

A gateway starts in 1970, or where a saved clock left off, until its clock is set right. What
it reads until then has a provisional timestamp and is journaled with the boot offset of the clock
that stamped it: the instant, by that clock, at which the machine was started. The true boot offset,
once known, gives the true times (ADR-18).
"""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from edge_agent.clock import TRUSTED_FROM_MS, Clock

log = structlog.get_logger()

_STEP_MS: Final = 1000
"""What UTC minus monotonic may drift before it counts as a step of the clock."""
_MOST_SPANS: Final = 64
_MOST_TRIES: Final = 4
_UNDISTURBED_S: Final = 0.001


@dataclass(slots=True)
class _Span:
    """Provisional stamps given under one boot offset, first to last, UTC ms."""

    boot_offset_ms: int
    first: int = sys.maxsize
    last: int = -1


class ClockTrust:
    """Follows one clock.

    Args:
        clock: Stamps the readings.
        synchronised: Asks the machine whether its clock is kept right.
        grace_s: How long the broker may be there before a clock is believed that is not
            synchronised; a gateway without NTP must work.
        believed: Whether this was waited for since the machine was started.

    Attributes:
        synchronised: Whether the machine ever said so since the start of this process.
        final_from_ms: Stamps from here on, UTC ms, are final by themselves.
    """

    def __init__(
        self, clock: Clock, *, synchronised: Callable[[], bool], grace_s: float, believed: bool
    ) -> None:
        self._clock = clock
        self._ask = synchronised
        self._grace_s = grace_s
        self._believed = believed
        self._reached_s: float | None = None
        self._spans: deque[_Span] = deque(maxlen=_MOST_SPANS)
        self.synchronised = self._warned = False
        self.final_from_ms = sys.maxsize
        self.look()
        if not self.synchronised:
            self._warned = True
            log.warning("clock_not_synchronised", now_ms=clock.now_ms(), grace_s=grace_s)

    def look(self) -> None:
        """Ask the machine again, and notice a step of its clock."""
        now_ms = self._clock.now_ms()
        if self.synchronised:
            return
        self._span_now()
        if now_ms >= TRUSTED_FROM_MS and self._ask():
            self.synchronised, self.final_from_ms = True, TRUSTED_FROM_MS
            if self._warned:
                log.info("clock_synchronised", now_ms=now_ms)

    def broker_reached(self) -> None:
        """Begin the grace, the first time that the broker is there."""
        if self._reached_s is None:
            self._reached_s = self._clock.monotonic_s()

    @property
    def waited_enough(self) -> bool:
        """Whether to connect: the clock is right, or the grace is over."""
        if self.synchronised or self._believed:
            return True
        if self._reached_s is None:
            return False
        self._believed = self._clock.monotonic_s() - self._reached_s >= self._grace_s
        if self._believed:
            log.warning("clock_believed_without_synchronisation", now_ms=self._clock.now_ms())
        return self._believed

    @property
    def usable(self) -> bool:
        """Whether the clock's times may be sent; one that was never set is no clock."""
        return self.waited_enough and self._clock.now_ms() >= TRUSTED_FROM_MS

    def boot_offset_of(self, taken_at: int, *, live: bool) -> int | None:
        """Return the boot offset to keep with a stamp, UTC ms; None when the stamp is final.

        Args:
            taken_at: The stamp, UTC ms.
            live: It is sent at once, so that nothing can be set right afterwards.
        """
        if taken_at >= self.final_from_ms:
            return None
        if live and taken_at >= TRUSTED_FROM_MS and self.waited_enough:
            return None
        span = self._span_of(taken_at)
        span.first, span.last = min(span.first, taken_at), max(span.last, taken_at)
        return span.boot_offset_ms

    def final_boot_offset(self) -> int:
        """Return the boot offset of this moment; stamps given so far can be ``shifted`` to it."""
        # That of the last stamps, to the millisecond, unless there was a step: a reading that is
        # in the journal and in a birth must have one time.
        self._final_ms = self._span_now().boot_offset_ms
        return self._final_ms

    def shifted(self, taken_at: int) -> int:
        """Return the true time of a stamp given before the last ``final_boot_offset``."""
        for span in reversed(self._spans):
            if span.first <= taken_at <= span.last:
                return taken_at + self._final_ms - span.boot_offset_ms
        return taken_at

    def forget(self) -> None:
        """Begin anew: everything stamped so far has its true time."""
        last = self._spans[-1]
        self._spans.clear()
        self._spans.append(_Span(last.boot_offset_ms))

    def _measure_ms(self) -> int:
        """Measure UTC minus monotonic; again when something came between the two questions."""
        clock = self._clock
        tries: list[tuple[float, int]] = []
        for _ in range(_MOST_TRIES):
            before_s, now_ms, after_s = clock.monotonic_s(), clock.now_ms(), clock.monotonic_s()
            tries.append((after_s - before_s, now_ms - round(after_s * 1000)))
            if after_s - before_s < _UNDISTURBED_S:
                break
        return min(tries)[1]

    def _span_now(self) -> _Span:
        boot_offset_ms = self._measure_ms()
        spans = self._spans
        if not spans or abs(spans[-1].boot_offset_ms - boot_offset_ms) > _STEP_MS:
            if spans:
                log.warning(
                    "clock_stepped", by_s=(boot_offset_ms - spans[-1].boot_offset_ms) / 1000
                )
            spans.append(_Span(boot_offset_ms))
        return spans[-1]

    def _span_of(self, taken_at: int) -> _Span:
        """Return the span in which this was stamped: the present one, or the one before a step."""
        self._span_now()
        spans = self._spans
        if len(spans) > 1:
            # Stamped before the step and handed over after it.
            now_s = self._clock.monotonic_s()
            recent = (spans[-1], spans[-2])
            return min(recent, key=lambda span: abs(span.boot_offset_ms + now_s * 1000 - taken_at))
        return spans[-1]
