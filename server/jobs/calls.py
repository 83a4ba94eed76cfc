"""Calling people: the timers of escalations and of orders, and the daily look at the rosters."""

from config.load import load_classes
from config.server import ServerSettings
from server.core.clock import Clock
from server.core.isolation import ErrorIsolation
from server.core.records import Records
from server.core.timer_sweep import Handler, TimerSweep
from server.incidents.escalation import TIMER_KINDS
from server.jobs import coverage
from server.jobs.coverage import CoverageCheck
from server.jobs.escalation import EscalationTimers
from server.jobs.order_clocks import OrderClockTimers
from server.messages.attempts import UNREACHED
from server.workorders.clock import DUE


def start_calls(
    records: Records,
    settings: ServerSettings,
    clock: Clock,
    *,
    isolation: ErrorIsolation | None = None,
) -> TimerSweep:
    """Look for gaps now and every day; the sweep's ``run`` does that and all that is due.

    Raises:
        StoreError: The records cannot be written.
    """
    classes, messages = load_classes(settings.class_files), settings.messages
    check = CoverageCheck(records, classes, messages, clock)
    check.start()
    escalation = EscalationTimers(records, messages, clock)
    handlers: dict[str, Handler] = dict.fromkeys(TIMER_KINDS, escalation.on_timer)
    handlers[DUE] = OrderClockTimers(records, settings, clock).on_timer
    handlers |= {UNREACHED: escalation.on_dead_letter, coverage.KIND: check.on_timer}
    return TimerSweep(records, handlers, clock, isolation=isolation)
