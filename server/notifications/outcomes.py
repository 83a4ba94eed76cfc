"""What follows from an attempt or a provider's delivery status: the change of the row."""

from collections.abc import Callable
from functools import partial
from random import Random

from sqlalchemy.orm import Session

from config.server import MessageSettings
from server.messages.attempts import (
    mark_delivered,
    mark_failed,
    mark_sent,
    mark_undelivered,
    mark_unknown,
)
from server.messages.claims import block_budgets
from server.messages.queue import Outgoing
from server.notifications.channels.base import (
    Delivered,
    DeliveryStatus,
    Failed,
    Outcome,
    Refused,
    Sent,
    Throttled,
    Unknown,
    Unsent,
)
from server.notifications.registry import Channels

Write = Callable[[Session], None]

_FIRST_ASK_S = 30.0
MOST_ASKS = 8
"""The last is made an hour after the message; providers report in minutes."""
_PATIENCE_S = 60.0
"""A throttled provider that pauses longer makes a message use another channel."""


class OutcomeHandler:
    """From an outcome to the change that is written: next attempt and next channel included."""

    def __init__(self, settings: MessageSettings, channels: Channels, random: Random) -> None:
        self._settings = settings
        self._channels = channels
        self._random = random

    def of_attempt(  # noqa: PLR0911 (one for each outcome)
        self, message: Outgoing, outcome: Outcome | DeliveryStatus, *, now: int
    ) -> Write:
        """Return the change after an attempt, or after asking for one of unknown outcome."""
        match outcome:
            case Sent(receipt):
                number = receipt or message.receipt
                ask_at = now + round(_FIRST_ASK_S * 1000) if number else None
                return partial(
                    mark_sent, message_id=message.id, now=now, receipt=number, ask_at=ask_at
                )
            case Delivered():
                return partial(mark_delivered, message_id=message.id, now=now)
            case Unsent(error):
                return self._failed(message, error, retry_at=now, now=now)
            case Refused(error):
                return self._failed(message, error, retry_at=None, now=now)
            case Throttled(error, pause_s):
                return partial(
                    self._throttle, message=message, error=error, pause_s=pause_s, now=now
                )
            case Unknown(error):
                return partial(
                    mark_unknown,
                    message_id=message.id,
                    error=error,
                    ask_at=self._again_at(message, None, now=now),
                    now=now,
                    unreached=self._takes_long(message),
                )
            case Failed(error, retry_after_s):
                retry_at = self._again_at(message, retry_after_s, now=now)
                return self._failed(message, error, retry_at=retry_at, now=now)

    def of_receipt(self, message: Outgoing, status: DeliveryStatus, *, now: int) -> Write:
        """Return the change that the delivery status of a sent message leads to."""
        match status:
            case Delivered():
                return partial(mark_delivered, message_id=message.id, now=now)
            case Refused(error):
                return partial(mark_undelivered, message_id=message.id, error=error, now=now)
            case Sent() | Unknown() | Unsent():
                more = message.receipt_asks < MOST_ASKS
                pause_s = _FIRST_ASK_S * 2.0 ** (message.receipt_asks - 1)
                ask_at = now + round(pause_s * 1000) if more else None
                return partial(
                    mark_sent,
                    message_id=message.id,
                    now=message.tried_at,
                    receipt=message.receipt,
                    ask_at=ask_at,
                    silent=True,
                )

    def _failed(self, message: Outgoing, error: str, *, retry_at: int | None, now: int) -> Write:
        return partial(
            mark_failed,
            message_id=message.id,
            error=error,
            retry_at=retry_at,
            now=now,
            unreached=self._takes_long(message),
        )

    def _takes_long(self, message: Outgoing) -> bool:
        """Whether another channel would have it by now, if there were one."""
        return message.attempts >= self._settings.fail_over_attempts

    def _again_at(self, message: Outgoing, retry_after_s: float | None, *, now: int) -> int | None:
        if message.others and self._takes_long(message):
            return None
        pause_s = retry_delay_s(
            message.attempts,
            self._settings,
            jitter=self._random.random(),
            retry_after_s=retry_after_s,
        )
        return None if pause_s is None else now + round(pause_s * 1000)

    def _throttle(
        self, session: Session, *, message: Outgoing, error: str, pause_s: float, now: int
    ) -> None:
        """Send nothing more for a while; what waits meanwhile becomes a digest."""
        until = now + round(pause_s * 1000)
        policy = self._channels.policy(message.channel, message.receiver, message.address)
        block_budgets(session, policy.budgets, until=until)
        too_long = pause_s > _PATIENCE_S
        passed_on = message.others > 0 and too_long
        given_up = message.attempts >= self._settings.max_attempts
        mark_failed(
            session,
            message.id,
            error=error,
            retry_at=None if passed_on or given_up else until,
            now=now,
            hold=True,
            unreached=too_long or self._takes_long(message),
        )


def retry_delay_s(
    attempts: int, settings: MessageSettings, *, jitter: float, retry_after_s: float | None
) -> float | None:
    """Return the pause before the next attempt, seconds; None when there is none.

    Args:
        attempts: Made so far, at least 1.
        jitter: From 0 to 1; spreads what failed together.
        retry_after_s: The receiver's own wish; longer pauses than the longest are not granted.
    """
    if attempts >= settings.max_attempts:
        return None
    # 2**30 first retries are far beyond any longest pause, and a float still carries them.
    grown = settings.first_retry_s * 2.0 ** min(attempts - 1, 30)
    pause = min(grown, settings.max_retry_s) * (0.5 + 0.5 * jitter)
    return max(pause, min(retry_after_s or 0.0, settings.max_retry_s))
