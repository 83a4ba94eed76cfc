"""How a session of GB/T 26875.3 behaves where devices and sites differ."""

from dataclasses import dataclass, field
from datetime import time

from protocols.gb26875.events import EventOptions


@dataclass(frozen=True)
class SessionOptions:
    """How a session behaves.

    Attributes:
        sources: Addresses of the devices that may speak; empty: all.
        silence_s: So long without a frame is a lost link; heartbeats come each 20 to 30 s.
        reply_timeout_s: Wait for an answer; the standard advises at most 10 s.
        resends: Repetitions of a request without an answer; the standard advises 3.
        sets_clock: Whether the clock of the device is set: at first and once a day, and when
            it is wrong. Off where another centre does it.
        clock_every_s: Time between two settings.
        clock_tolerance_s: A clock that is off by more is set at once.
        asks_states: Whether the device is asked for its state and the open components when it
            connects. Off for devices that answer with a denial.
        confirms_user_commands: Whether command bytes from 128 are confirmed; the standard leaves
            them to makers. Off: denied as unknown.
        inspects_sentry_at: Local times of the day at which the sentry is inspected.
        sentry_minutes: Time for an answer, 1 to 255 minutes.
        events: How status words are understood.
    """

    sources: frozenset[int] = frozenset()
    silence_s: float = 90.0
    reply_timeout_s: float = 10.0
    resends: int = 3
    sets_clock: bool = True
    clock_every_s: float = 86_400.0
    clock_tolerance_s: float = 60.0
    asks_states: bool = True
    confirms_user_commands: bool = False
    inspects_sentry_at: tuple[time, ...] = ()
    sentry_minutes: int = 10
    events: EventOptions = field(default_factory=EventOptions)
