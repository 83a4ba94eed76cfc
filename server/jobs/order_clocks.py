"""The timers of work orders' clocks: each says once that an order will be late, and that it is."""

from functools import partial

from config.server import ServerSettings
from server.core.clock import Clock
from server.core.records import Records
from server.core.timers import DueTimer
from server.people.channels import channel_names
from server.workorders.overdue import on_due


class OrderClockTimers:
    """Runs what is due of the clocks of orders."""

    def __init__(self, records: Records, settings: ServerSettings, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._settings = settings.work_orders
        self._channels = channel_names(settings.messages)

    def on_timer(self, timer: DueTimer) -> None:
        """Take the timer and do its work in one transaction.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """
        work = partial(
            on_due,
            timer=timer,
            settings=self._settings,
            channels=self._channels,
            now=self._clock.now_ms(),
        )
        self._records.write(work)
