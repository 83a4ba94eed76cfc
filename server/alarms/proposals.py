"""Changes that weaken a rule of life safety: one person proposes, another one confirms."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy.orm import Session

from server.alarms.model import AlarmRuleProposal
from server.alarms.overrides import Place, delete_override, put_override, version_of
from server.core.errors import ConflictError, NotFoundError
from server.core.records import record_event
from server.core.second_person import check_second

SECOND_PERSON_MS: Final = 3_600_000
"""How long a proposal waits for the second person."""


class ProposalState(StrEnum):
    """What became of a proposal."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


def state_of(row: AlarmRuleProposal, *, at: int) -> ProposalState:
    """Return the state of a proposal at an instant, UTC ms."""
    if row.confirmed_at is not None:
        return ProposalState.CONFIRMED
    if row.withdrawn_at is not None:
        return ProposalState.WITHDRAWN
    return ProposalState.EXPIRED if at >= row.expires_at else ProposalState.PROPOSED


def place_of(row: AlarmRuleProposal) -> Place:
    """Return what a proposal is about."""
    return Place(row.rule, row.scope, row.target)


def propose(
    session: Session,
    place: Place,
    *,
    changes: Mapping[str, Any] | None,
    weakens: str,
    reason: str,
    by: str,
    now: int,
) -> AlarmRuleProposal:
    """Write down what shall be changed; nothing changes before it is confirmed.

    Args:
        session: The transaction.
        place: The rule, and where.
        changes: As of an override; None takes the one of the place back.
        weakens: In which way the rule would be less, in words.
        reason: Why; it goes on record.
        by: Who.
        now: UTC ms.
    """
    row = AlarmRuleProposal(
        **place._asdict(),
        changes=None if changes is None else dict(changes),
        version=version_of(session, place),
        weakens=weakens,
        reason=reason,
        proposed_by=by,
        proposed_at=now,
        expires_at=now + SECOND_PERSON_MS,
    )
    session.add(row)
    session.flush()
    _record(session, row, kind="proposed", by=by, now=now)
    return row


def locked(session: Session, proposal_id: int) -> AlarmRuleProposal:
    """Return a proposal, locked against everybody who would decide on it.

    Raises:
        NotFoundError: There is none.
    """
    row = session.get(AlarmRuleProposal, proposal_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"no proposal {proposal_id}")
    return row


def confirm(session: Session, row: AlarmRuleProposal, *, by: str, now: int) -> int:
    """The second person: the change holds within a second; return the rule's new version.

    Raises:
        ConflictError: It is decided, or its time is over.
        ForbiddenError: The same person proposed it.
        StaleRuleError: The rule was changed there meanwhile.
    """
    _require_undecided(row)
    check_second(
        f"proposal {row.id}", first=row.proposed_by, second=by, until=row.expires_at, at=now
    )
    row.confirmed_by, row.confirmed_at = by, now
    made: dict[str, Any] = {
        "reason": row.reason,
        "by": row.proposed_by,
        "confirmed_by": by,
        "expected": row.version,
        "now": now,
    }
    if row.changes is None:
        version = delete_override(session, place_of(row), **made)
    else:
        version = put_override(session, place_of(row), changes=row.changes, **made)
    _record(session, row, kind="confirmed", by=by, now=now)
    return version


def withdraw(session: Session, row: AlarmRuleProposal, *, by: str, now: int) -> None:
    """Take a proposal back, or refuse it.

    Raises:
        ConflictError: It is decided.
    """
    _require_undecided(row)
    row.withdrawn_by, row.withdrawn_at = by, now
    _record(session, row, kind="withdrawn", by=by, now=now)


def _require_undecided(row: AlarmRuleProposal) -> None:
    for who, verb in ((row.confirmed_by, "confirmed"), (row.withdrawn_by, "withdrawn")):
        if who is not None:
            raise ConflictError(f"proposal {row.id} was {verb} by {who}")


def _record(session: Session, row: AlarmRuleProposal, *, kind: str, by: str, now: int) -> None:
    payload = {
        **place_of(row)._asdict(),
        "changes": row.changes,
        "weakens": row.weakens,
        "reason": row.reason,
        "proposed_by": row.proposed_by,
    }
    record_event(
        session,
        at=now,
        topic="audit",
        kind=f"alarm-rule.{kind}",
        subject_id=row.id,
        by=by,
        payload=payload,
    )
