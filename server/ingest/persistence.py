"""Work that needs a store is done again until the store takes it."""

import math
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

import structlog

from protocols.errors import PlantroomError
from server.core.clock import Clock
from server.core.errors import StoreError
from server.ingest.metrics import IngestMetrics

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
SLOW_S = 10.0
"""A disk that hangs or a server that accepts and says nothing raises no error."""
_log = structlog.get_logger()


class StoppedError(PlantroomError):
    """The ingest was told to stop while a store could not be reached."""


class Persist(Protocol):
    """Runs work that needs a store until it succeeds."""

    def __call__(self, step: str, work: Callable[[], T], /) -> T:
        """Return what the work returns; ``step`` is for the log."""
        ...


class Persistence:
    """Repeats what a store refuses, with pauses, until it succeeds or is stopped; thread-safe."""

    def __init__(self, metrics: IngestMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._begun_s: dict[str, float] = {}
        self._stopping = threading.Event()
        self._stuck: dict[str, str] = {}

    @property
    def stopping(self) -> bool:
        """Whether nothing is repeated any more."""
        return self._stopping.is_set()

    @property
    def stuck(self) -> frozenset[str]:
        """Steps for which a store is waited for, as ``history``."""
        now_s = self._clock.monotonic_s()
        slow = {step for step, at_s in self._begun_s.copy().items() if now_s - at_s >= SLOW_S}
        return frozenset(slow.union(self._stuck))

    def problem(self, step: str) -> str:
        """Return why a step has to wait for its store; empty: it does not."""
        failed = self._stuck.get(step)
        if failed is not None:
            return failed
        waits_s = self._clock.monotonic_s() - self._begun_s.get(step, math.inf)
        return "" if waits_s < SLOW_S else f"no answer for {waits_s:.0f} s"

    def stop(self) -> None:
        """Repeat nothing any more; may be repeated."""
        self._stopping.set()

    def __call__(self, step: str, work: Callable[[], T]) -> T:
        """Return what the work returns; ``step`` is for the log and the health page.

        Raises:
            StoppedError: Stopped before it succeeded.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            self._begun_s[step] = self._clock.monotonic_s()
            try:
                result = work()
            except StoreError as error:
                self._metrics.store_failures.labels(step).inc()
                if step not in self._stuck:
                    _log.error("store_failed", step=step, error=str(error))
                self._stuck[step] = str(error)
                if self._stopping.wait(pause_s):
                    raise StoppedError(step) from error
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                if step in self._stuck:
                    self._stuck.pop(step, None)
                    _log.info("store_works_again", step=step)
                return result
            finally:
                self._begun_s.pop(step, None)
