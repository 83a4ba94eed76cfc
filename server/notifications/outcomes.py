"""What follows from an attempt or from a provider's word: the change of the message's row."""

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
    Failed,
    Fate,
    Outcome,
    Refused,
    Sent,
    Throttled,
    Unknown,
    Unsent,
)
from server.notifications.registry import Channels
from server.notifications.retry import retry_delay_s

Write = Callable[[Session], None]

_FIRST_ASK_S = 30.0
MOST_ASKS = 8
"""The last is made an hour after the message; providers report in minutes."""
_PATIENCE_S = 60.0
"""A throttled provider that pauses longer makes a message use another channel."""


class OutcomeHandler:
    """From an outcome to what is written down; the next attempt and the next channel included."""

    def __init__(self, settings: MessageSettings, channels: Channels, random: Random) -> None:
        self._settings = settings
        self._channels = channels
        self._random = random

    def of_attempt(  # noqa: PLR0911 (one for each outcome)
        self, message: Outgoing, outcome: Outcome | Fate, *, now: int
    ) -> Write:
        """Return the change that an attempt, or a question about an unsure one, leads to."""
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

    def of_receipt(self, message: Outgoing, fate: Fate, *, now: int) -> Write:
        """Return the change that a provider's word about a sent message leads to."""
        match fate:
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
        """Leave the provider alone; what waits meanwhile becomes a digest."""
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
