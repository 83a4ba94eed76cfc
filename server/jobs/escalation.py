"""The timers of escalations: each step once, however late and however often it is tried."""

from functools import partial

from config.server import MessageSettings
from server.core.clock import Clock
from server.core.records import Records
from server.core.timers import DueTimer
from server.incidents.escalation import Escalation
from server.people.channels import channel_names
from server.workorders.content import message_content


class EscalationTimers:
    """Runs steps and idle timers, and goes on where a message reached nobody."""

    def __init__(self, records: Records, messages: MessageSettings, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._escalation = Escalation(message_content, channel_names(messages))

    def on_timer(self, timer: DueTimer) -> None:
        """Take the timer and do its work in one transaction.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        now = self._clock.now_ms()
        self._records.write(partial(self._escalation.on_timer, timer=timer, now=now))

    def on_dead_letter(self, timer: DueTimer) -> None:
        """Take the timer of a message that reached nobody, in one transaction.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        now = self._clock.now_ms()
        self._records.write(partial(self._escalation.on_dead_letter, timer=timer, now=now))
