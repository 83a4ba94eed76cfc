"""Tables of alarms. An alarm stores facts; its state name is derived (server/alarms/state.py)."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base, PointValue

_OPEN = text("closed_at IS NULL")


class Alarm(Base):
    """One occurrence, open until it has returned to normal and was acknowledged."""

    __tablename__ = "alarms"
    __table_args__ = (
        Index(
            "uq_alarms_open",
            "rule",
            "point_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_alarms_digest_of",
            "digest_of",
            sqlite_where=text("digest_of IS NOT NULL"),
            postgresql_where=text("digest_of IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    """<class>.<rule>, for example heating_pump.fault."""
    point_id: Mapped[int] = mapped_column(ForeignKey("points.id"), index=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    cause: Mapped[str]
    severity: Mapped[str]
    life_safety: Mapped[bool]
    name_en: Mapped[str]
    name_zh: Mapped[str]
    active: Mapped[bool]
    active_since_at: Mapped[int]
    """Event time of the onset: when the condition began, not when its delay ended."""
    inactive_since_at: Mapped[int | None]
    acknowledged_at: Mapped[int | None]
    acknowledged_by: Mapped[str | None]
    false_alarm_at: Mapped[int | None]
    """When somebody found that there was nothing to repair."""
    false_alarm_by: Mapped[str | None]
    comment: Mapped[str | None]
    onset_value: Mapped[Any] = mapped_column(PointValue)
    onset_quality: Mapped[int]
    activations: Mapped[int] = mapped_column(default=1)
    trade: Mapped[str] = mapped_column(default="", server_default="")
    opens_order: Mapped[bool] = mapped_column(default=True, server_default=true())
    of_communication: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It says that nothing is heard, not that something is wrong."""
    latching: Mapped[bool] = mapped_column(default=False, server_default=false())
    latched: Mapped[bool] = mapped_column(default=False, server_default=false())
    shelved_until_at: Mapped[int | None]
    shelved_by: Mapped[str | None]
    shelved_reason: Mapped[str | None]
    suppressed_by: Mapped[str | None] = mapped_column(index=True)
    """The cause that explains it, such as gateway:site/gw."""
    out_of_service_until_at: Mapped[int | None]
    out_of_service_by: Mapped[str | None]
    monitored: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Its rule is on trial: counted, not announced."""
    announced_at: Mapped[int | None] = mapped_column(index=True)
    """Server time of its last announcement; none before the first."""
    digest_of: Mapped[int | None]
    """The flood whose next digest counts it; none when no digest is due."""
    chattering: Mapped[bool] = mapped_column(default=False, server_default=false())
    proposed_off_delay_s: Mapped[float | None]
    raised_at: Mapped[int] = mapped_column(index=True)
    """Server time at which the row was written."""
    closed_at: Mapped[int | None] = mapped_column(index=True)


class AlarmChange(Base):
    """One line of an alarm's history."""

    __tablename__ = "alarm_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id"), index=True)
    at: Mapped[int]
    """Event time."""
    recorded_at: Mapped[int]
    kind: Mapped[str]
    """raised, returned, acknowledged, raised_again, commented, shelved, unshelved, suppressed,
    released, out_of_service, in_service, reset, chattering, retired, closed, recorded,
    onset_corrected, return_corrected."""
    by: Mapped[str | None]
    comment: Mapped[str | None]
    value: Mapped[Any] = mapped_column(PointValue)


class AlarmAnnouncement(Base):
    """People were told of an alarm; once more each time that it is told again. Never changed."""

    __tablename__ = "alarm_announcements"

    id: Mapped[int] = mapped_column(primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id"), index=True)
    at: Mapped[int] = mapped_column(index=True)
    """Server time."""
    severity: Mapped[str]


class AlarmRuleOverride(Base):
    """What was changed of a rule for a class, a site or one piece of equipment."""

    __tablename__ = "alarm_rule_overrides"
    __table_args__ = (UniqueConstraint("rule", "scope", "target"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    """<class>.<rule>."""
    scope: Mapped[str]
    """class, site or equipment."""
    target: Mapped[str]
    """Key of the site, id of the equipment; empty for the class."""
    changes: Mapped[dict[str, Any]]
    version: Mapped[int]
    updated_at: Mapped[int]
    updated_by: Mapped[str]
    confirmed_by: Mapped[str | None]
    """The second person, when it weakens a rule of life safety."""


class AlarmRuleCounter(Base):
    """One row, which every change of a rule changes: they come one after the other."""

    __tablename__ = "alarm_rule_counter"

    id: Mapped[int] = mapped_column(primary_key=True)
    changes: Mapped[int]


class AlarmRuleVersion(Base):
    """Every change of an override, the deletion included; nothing is ever changed here."""

    __tablename__ = "alarm_rule_versions"
    __table_args__ = (UniqueConstraint("rule", "scope", "target", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    scope: Mapped[str]
    target: Mapped[str]
    version: Mapped[int]
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """None: it was deleted."""
    at: Mapped[int]
    by: Mapped[str]
    confirmed_by: Mapped[str | None]
    reason: Mapped[str]


class AlarmRuleProposal(Base):
    """A change that weakens a rule of life safety: it holds once another person confirms it."""

    __tablename__ = "alarm_rule_proposals"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    scope: Mapped[str]
    target: Mapped[str]
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """None: what the place changes is taken back."""
    version: Mapped[int]
    """Of the place when it was proposed; it is confirmed for no other."""
    weakens: Mapped[str]
    """In which way the rule would be less, in words."""
    reason: Mapped[str]
    proposed_by: Mapped[str]
    proposed_at: Mapped[int]
    expires_at: Mapped[int]
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[int | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[int | None]


class AlarmFlood(Base):
    """More alarms of a site than anybody can read; open until it is quiet again."""

    __tablename__ = "alarm_floods"
    __table_args__ = (
        Index(
            "uq_alarm_floods_open",
            "site_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    started_at: Mapped[int] = mapped_column(index=True)
    ended_at: Mapped[int | None]
    digests: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many digests left."""
    digested_until_at: Mapped[int]
    """Since when the next digest counts; it begins ten minutes before the flood."""
