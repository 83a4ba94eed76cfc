"""Events of logins, users and tokens."""

from sqlalchemy.orm import Session

from server.core.records import record_event


def record_access(
    session: Session, kind: str, *, at: int, by: str | None, subject: int | None, **payload: object
) -> None:
    """Record what happened to a login, a user or a token."""
    record_event(
        session, at=at, topic="audit", kind=kind, subject_id=subject, by=by, payload=payload
    )
