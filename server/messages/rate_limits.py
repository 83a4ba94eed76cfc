"""What may leave now: rate limits of providers, and slots of channels.

A rate limit is a token bucket in a row that all workers share. A token comes back exactly one
window after it was taken. So no window of that length ever sees more than the provider allows,
which a bucket that refills evenly does not promise: full at the start, it lets nearly twice its
size through in the first window. A channel has a number of slots for messages on their way, so
that one that hangs holds up no other.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.upsert import insert_new
from server.messages.model import Bucket

_TOKENS_FOR_URGENT = 0.3
_SLACK_MS = 1_000
"""Messages travel unevenly: the provider's window may see them closer together than they left."""
_SLOTS = 10
"""Messages that a channel may have on their way; the last of them are for urgent ones."""
_SLOTS_FOR_URGENT = 3
ChannelOf = Callable[[str, str, str], str]
"""Name of the channel that a message's channel, receiver and address lead to."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``tokens`` messages in any ``window_s`` seconds for whatever ``key`` names."""

    key: str
    tokens: int
    window_s: float

    @property
    def kept_for_urgent(self) -> int:
        """Tokens that only urgent messages may take; none of a bucket with fewer than four."""
        return int(self.tokens * _TOKENS_FOR_URGENT)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What holds between a channel and one address.

    Attributes:
        budgets: All of them must have a token.
        repeatable: A message may be sent twice without harm; otherwise an unknown outcome is asked
            for before the message is sent again.
    """

    budgets: tuple[Budget, ...] = ()
    repeatable: bool = True


class RateLimiter:
    """The buckets of one transaction, locked in one order so that two workers never deadlock."""

    def __init__(self, session: Session, budgets: Iterable[Budget]) -> None:
        self._rows: dict[str, Bucket] = {}
        for key in sorted({budget.key for budget in budgets}):
            insert_new(session, Bucket, key=key, taken=[], blocked_until_at=0)
            query = select(Bucket).where(Bucket.key == key).with_for_update()
            self._rows[key] = session.scalars(query).one()

    def take(self, budgets: Sequence[Budget], *, urgent: bool, now: int) -> int:
        """Take one token of each and return 0, or take nothing and return when to ask again."""
        free_at = max((self._free_at(one, urgent=urgent, now=now) for one in budgets), default=0)
        if free_at > now:
            return free_at
        for budget in budgets:
            row = self._rows[budget.key]
            row.taken = [*self._taken(budget, now=now), now]
        return 0

    def block(self, *, until: int) -> None:
        """The provider asked for a pause: nothing leaves before ``until``, UTC ms."""
        for row in self._rows.values():
            row.blocked_until_at = max(row.blocked_until_at, until)

    def _free_at(self, budget: Budget, *, urgent: bool, now: int) -> int:
        row = self._rows[budget.key]
        taken = self._taken(budget, now=now)
        allowed = budget.tokens - (0 if urgent else budget.kept_for_urgent)
        free_at = row.blocked_until_at
        if len(taken) >= allowed:
            free_at = max(free_at, taken[len(taken) - allowed] + _window_ms(budget))
        return free_at

    def _taken(self, budget: Budget, *, now: int) -> list[int]:
        """When tokens were taken that are not back yet, oldest first."""
        window_ms = _window_ms(budget)
        # A token of the future is that of a clock that was set back; it would block for ever.
        return sorted(at for at in self._rows[budget.key].taken if now - window_ms < at <= now)


def channel_of_message(channel: str, _receiver: str, _address: str) -> str:
    """The channel of the message itself."""
    return channel


class ChannelConcurrency:
    """The free slots of each channel while messages are claimed.

    Attributes:
        refused: A message is due and waits for a slot of its channel.
    """

    def __init__(self, channel_of: ChannelOf, busy: Counter[str], *, size: int = _SLOTS) -> None:
        self._channel_of = channel_of
        self._busy = Counter(busy)
        self._size = size
        self.refused = False

    def free(self, way: tuple[str, str, str], *, urgent: bool) -> bool:
        """Say whether a message may go this way now; the last slots are for urgent ones."""
        allowed = self._size - (0 if urgent else min(_SLOTS_FOR_URGENT, self._size - 1))
        free = self._busy[self._channel_of(*way)] < allowed
        self.refused = self.refused or not free
        return free

    def take(self, way: tuple[str, str, str]) -> None:
        """A message goes this way."""
        self._busy[self._channel_of(*way)] += 1


def _window_ms(budget: Budget) -> int:
    return round(budget.window_s * 1000) + _SLACK_MS
