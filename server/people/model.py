"""Tables of persons, teams, rosters and escalation policies."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base


class Entry(Base):
    """What these tables have in common: a document under a key, with a version."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """What other documents name it by."""
    body: Mapped[dict[str, Any]]
    """The settings of config/people.py."""
    version: Mapped[int]
    """Counts changes; the ETag."""
    changed_at: Mapped[int]
    changed_by: Mapped[str]


class Person(Entry):
    """Somebody who is called."""

    __tablename__ = "persons"


class Team(Entry):
    """People who work together."""

    __tablename__ = "teams"


class Roster(Entry):
    """Who is on duty, as a pattern."""

    __tablename__ = "rosters"


class EscalationPolicy(Entry):
    """Who is told, and who next."""

    __tablename__ = "escalation_policies"


class Assurance(Entry):
    """Days on which nothing may fail."""

    __tablename__ = "assurance_periods"


class RosterChange(Base):
    """One exception to the pattern: somebody is away, or somebody else is there, or both."""

    __tablename__ = "roster_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    roster: Mapped[str] = mapped_column(index=True)
    """Key of the roster."""
    start_at: Mapped[int]
    end_at: Mapped[int]
    off: Mapped[str | None]
    """Key of the person who is not on duty; nobody when the change only adds people."""
    on: Mapped[str | None]
    """Key of the person who is on duty instead, or as well."""
    batch: Mapped[int | None]
    """Number of the first one written with it: they look at the roster as it was before all of
    them, so two people can swap the same hours."""
    reason: Mapped[str]
    changed_at: Mapped[int]
    changed_by: Mapped[str]
