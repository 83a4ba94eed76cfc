"""Follows the connection of the server, tells the alarms of its changes, and evaluates silence."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from server.alarming.link_state import TRANSITIONS, Edge, LinkState
from server.alarming.pipeline import AlarmPipeline
from server.alarms.evaluation.engine import AlarmEngine
from server.core.clock import Clock
from server.core.isolation import ErrorIsolation
from server.core.sweep import Sweep

Handler = Callable[[], object]
log = structlog.get_logger()


class LinkWatch:
    """One handler for each change of ``link_state``; ``sweep`` also looks for silent points."""

    def __init__(
        self,
        clock: Clock,
        *,
        receives: Callable[[], bool],
        handlers: Mapping[Edge, Handler],
        on_silence: Handler = lambda: None,
        interval_s: float = 2.0,
        isolation: ErrorIsolation | None = None,
    ) -> None:
        """Begin in the phase of a start.

        Args:
            clock: Says what time it is.
            receives: Whether what the broker delivers is taken as it comes; from any thread.
            handlers: What follows from each change; one that changes the phase is called again
                with the next sweep when it fails with ``StoreError``.
            on_silence: Raises the alarms of silent points.
            interval_s: Between two sweeps, seconds.
            isolation: Where a bug in one sweep is kept.
        """
        self._clock = clock
        self._receives = receives
        self._handlers = handlers
        self._on_silence = on_silence
        self._lock = threading.Lock()
        self._state = LinkState(clock.monotonic_s(), self._ahead_s())
        self._sweep = Sweep(
            "silence", self.sweep, clock, interval_s=interval_s, isolation=isolation
        )

    async def run(self) -> None:
        """Sweep until cancelled."""
        await self._sweep.run()

    def look(self) -> bool:
        """Follow the connection and the clock; return whether the server receives."""
        with self._lock:
            before = self._state
            self._state, edges = before.look(
                received=self._receives(),
                now_s=self._clock.monotonic_s(),
                ahead_s=self._ahead_s(),
            )
            if Edge.CLOCK_AHEAD in edges:
                seconds = round(self._state.ahead_s - before.ahead_s, 1)
                log.warning("clock_leapt", seconds=seconds)
            for edge in edges:
                self._handlers[edge]()
            return self._state.received

    def sweep(self) -> None:
        """Follow the phase, then raise the alarms of points that are silent for too long.

        Raises:
            StoreError: Nothing changed; the next sweep does it.
        """
        self.look()
        now_s = self._clock.monotonic_s()
        state = self._state
        phase = state.phase_at(now_s)
        if phase is not state.phase:
            self._handlers[TRANSITIONS[state.phase, phase]]()
            with self._lock:
                self._state = replace(self._state, phase=phase)
        if state.is_settled(now_s):
            self._on_silence()

    def _ahead_s(self) -> float:
        return self._clock.now_ms() / 1000 - self._clock.monotonic_s()


def engine_handlers(engine: AlarmEngine) -> dict[Edge, Handler]:
    """Return what the engine makes of what it may have missed: delays wait for the backlog."""

    def on_clock_ahead() -> None:
        engine.mark_unconfirmed(clock_ahead=True)
        engine.hear_again()

    return {
        Edge.INTERRUPTED: engine.mark_unconfirmed,
        Edge.RESUMED: engine.hear_again,
        Edge.CLOCK_AHEAD: on_clock_ahead,
    }


def pipeline_handlers(pipeline: AlarmPipeline) -> dict[Edge, Handler]:
    """Return what follows for connections of equipment from a change of the server's own."""
    return {
        Edge.FIRST_CONNECTED: pipeline.on_listening,
        Edge.LOST: pipeline.on_connection_lost,
        Edge.RECONNECTED: pipeline.on_connection_restored,
    }
