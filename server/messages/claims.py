"""Which messages leave now: what is due, within every budget, the rest merged or put off."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, and_, or_, select, tuple_, update
from sqlalchemy.orm import Session

from server.messages.attempts import give_up, record_unreached
from server.messages.digests import merged
from server.messages.model import RECEIPT_DUE, UNDER_WAY, Message
from server.messages.queue import URGENT, Outgoing, outgoing
from server.messages.rate_limits import (
    Budget,
    ChannelConcurrency,
    DeliveryPolicy,
    RateLimiter,
    channel_of_message,
)
from server.messages.receivers import hold_until, quiet_of

_ROUNDS = 25
_PATIENCE_MS = {True: 60_000, False: 900_000}
"""A wait for a budget that is longer makes an urgent (or other) message use another channel."""

PolicyOf = Callable[[str, str, str], DeliveryPolicy]
"""Terms of a channel, a receiver and an address."""


def unlimited(_channel: str, _receiver: str, _address: str) -> DeliveryPolicy:
    """Everything may leave at once and twice."""
    return DeliveryPolicy()


def claim_due(
    session: Session,
    *,
    now: int,
    lease_ms: int,
    limit: int,
    worker: str = "",
    policy: PolicyOf = unlimited,
    slots: ChannelConcurrency | None = None,
    most_attempts: int = 100,
) -> list[Outgoing]:
    """Take messages that are due, urgent ones first; they are due again when the lease ends.

    Gateways take turns: hundreds of messages about one hold up those about another by one.

    A message is ``sending`` before its channel is called, so a crash leaves that in the row.
    Messages over budget wait; when a token is free, those of one receiver leave as one digest.

    Args:
        slots: Messages whose channel has none stay due; without it there is room for all.
        most_attempts: A message whose last attempt never ended is given up after so many.
    """
    run = _ClaimRun(
        worker=worker,
        now=now,
        lease_ms=lease_ms,
        policy=policy,
        slots=slots or ChannelConcurrency(channel_of_message, Counter(), size=limit + 3),
        most_attempts=most_attempts,
    )
    claimed: list[Outgoing] = []
    # What is put off makes room: it must not hide the messages behind it until the next claim.
    for _ in range(_ROUNDS):
        query = (
            select(Message)
            .where(UNDER_WAY, Message.next_attempt_at <= now, *run.not_full())
            .order_by(Message.severity != URGENT, Message.turn, Message.next_attempt_at, Message.id)
            .limit(limit - len(claimed))
            .with_for_update(skip_locked=True)
        )
        rows = session.scalars(query).all()
        new = _claim_all(session, rows, run)
        claimed += new
        if len(new) == len(rows):
            break
    return claimed


def confirm_claims(session: Session, *, messages: Sequence[int]) -> None:
    """Write claims once more: durable with the commit, as all that was committed before."""
    session.execute(update(Message).where(Message.id.in_(messages)).values(state="sending"))


def release_claims(session: Session, *, now: int, worker: str = "") -> None:
    """Make due again what this worker had claimed when it was killed; called when it starts.

    An unknown outcome has its error and its own time; a claim has none.
    """
    session.execute(
        update(Message)
        .where(
            Message.state == "sending",
            Message.claimed_by == worker,
            Message.last_error.is_(None),
            Message.next_attempt_at > now,
        )
        .values(next_attempt_at=now)
    )


def block_budgets(session: Session, budgets: Iterable[Budget], *, until: int) -> None:
    """The provider throttles: nothing uses these budgets before ``until``, UTC ms."""
    RateLimiter(session, budgets).block(until=until)


def claim_receipts(
    session: Session, *, now: int, lease_ms: int, limit: int, most_asks: int = 100
) -> list[Outgoing]:
    """Take sent messages whose provider shall be asked what became of them.

    Args:
        most_asks: The provider is asked at most so often.
    """
    query = (
        select(Message)
        .where(RECEIPT_DUE, Message.receipt_due_at <= now)
        .order_by(Message.receipt_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(query).all()
    for row in rows:
        row.receipt_asks += 1
        row.receipt_due_at = now + lease_ms if row.receipt_asks <= most_asks else None
    return [outgoing(row) for row in rows if row.receipt_due_at is not None]


_Way = tuple[str, str, str]
"""Channel, receiver and address of a message."""


@dataclass
class _ClaimRun:
    """What holds while due messages are claimed."""

    worker: str
    now: int
    lease_ms: int
    policy: PolicyOf
    slots: ChannelConcurrency
    most_attempts: int
    full: dict[bool, set[_Way]] = field(default_factory=lambda: {True: set(), False: set()})
    """Ways without a slot for urgent, and for other messages."""

    def not_full(self) -> Iterable[ColumnElement[bool]]:
        """Leave out the messages whose channel has no slot."""
        if not any(self.full.values()):
            return ()
        way = tuple_(Message.channel, Message.receiver, Message.address)
        is_urgent = Message.severity == URGENT
        return (
            or_(
                and_(is_urgent, way.not_in(self.full[True])),
                and_(~is_urgent, way.not_in(self.full[False])),
            ),
        )


def _claim_all(session: Session, rows: Sequence[Message], run: _ClaimRun) -> list[Outgoing]:
    now = run.now
    of = {row.id: run.policy(*_way(row)) for row in rows}
    limiter = RateLimiter(session, (budget for one in of.values() for budget in one.budgets))
    claimed: list[Outgoing] = []
    for row in rows:
        if row.state == "merged" or _ended(session, row, run):
            continue
        urgent = row.severity == URGENT
        outcome_unknown = row.state == "sending"
        asked = outcome_unknown and not of[row.id].repeatable
        if not asked and _kept_quiet(row, now=now):
            continue
        if not run.slots.free(_way(row), urgent=urgent):
            run.full[urgent].add(_way(row))
            continue
        if not asked:
            free_at = limiter.take(of[row.id].budgets, urgent=urgent, now=now)
            if free_at:
                _put_off(session, row, until=free_at, now=now)
                continue
        before = row.tried_at
        taken = merged(session, row, now=now) if row.waiting and not asked else row
        run.slots.take(_way(taken))
        _claim(taken, run)
        if not asked:
            taken.tried_at = now
        tried_at = before if asked and before is not None else now
        claimed.append(replace(outgoing(taken), outcome_unknown=outcome_unknown, tried_at=tried_at))
    return claimed


def _way(row: Message) -> _Way:
    return row.channel, row.receiver, row.address


def _claim(row: Message, run: _ClaimRun) -> None:
    row.state = "sending"
    row.claimed_by = run.worker
    row.attempts += 1
    row.next_attempt_at = run.now + run.lease_ms
    row.last_error = None


def _ended(session: Session, row: Message, run: _ClaimRun) -> bool:
    """Give up what was withdrawn while it was on its way, and what no attempt ever ended."""
    if row.cancelled_at is None:
        if row.attempts < run.most_attempts:
            return False
        row.last_error = row.last_error or f"none of {row.attempts} attempts came to an end"
    give_up(session, row, now=run.now)
    return True


def _kept_quiet(row: Message, *, now: int) -> bool:
    """Put it off to the end of the receiver's quiet hours, however it came to be due in them."""
    until = hold_until(quiet_of(row.quiet), row.severity, now)
    if until <= now:
        return False
    row.state = "pending"
    row.next_attempt_at = until
    row.waiting = True
    return True


def _put_off(session: Session, row: Message, *, until: int, now: int) -> None:
    """Wait for the budget; who would wait too long is reached by another channel."""
    urgent = row.severity == URGENT
    row.state = "pending"
    too_long = until - now > _PATIENCE_MS[urgent]
    if row.fallbacks and too_long:
        row.last_error = "over budget"
        give_up(session, row, now=now)
        return
    row.next_attempt_at = until
    row.waiting = not urgent
    if too_long:
        record_unreached(session, row, now=now)
