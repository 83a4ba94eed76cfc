"""Tables of the equipment ledger, filled from Sparkplug births."""

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_ABSENT = text("removed_at IS NOT NULL OR retired_at IS NOT NULL")


class Site(Base):
    """An estate."""

    __tablename__ = "sites"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Sparkplug group id."""
    name_zh: Mapped[str] = mapped_column(default="", server_default="")
    """What people call it; empty until somebody names it."""
    name_en: Mapped[str] = mapped_column(default="", server_default="")
    retire_removed_after_days: Mapped[float | None]
    """What its gateways no longer have is retired after so many days; none: a person does it."""


class Gateway(Base):
    """An edge node of a site."""

    __tablename__ = "gateways"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """site/gateway."""
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    online: Mapped[bool]
    since_at: Mapped[int]
    """When it came online or went away."""
    refused: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """How many devices, points and long names it brought beyond what it may."""
    problem: Mapped[str] = mapped_column(default="", server_default="")
    """What people should look at, and its probable cause; empty: nothing."""


class Equipment(Base):
    """One piece of equipment: a Sparkplug device, or the gateway itself."""

    __tablename__ = "equipment"
    __table_args__ = (
        Index("ix_equipment_absent", "id", sqlite_where=_ABSENT, postgresql_where=_ABSENT),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """site/gateway/device; site/gateway for the gateway's own metrics."""
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateways.id"), index=True)
    equipment_class: Mapped[str]
    """From the birth's Properties/Class; empty when unknown."""
    profile: Mapped[str]
    name_en: Mapped[str]
    name_zh: Mapped[str]
    online: Mapped[bool]
    since_at: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    """Why it is not online."""
    port: Mapped[str] = mapped_column(default="", server_default="")
    """Line of the gateway that it is on, as the birth says; empty when unknown."""
    out_of_service_since_at: Mapped[int | None]
    out_of_service_until_at: Mapped[int | None]
    out_of_service_by: Mapped[str | None]
    out_of_service_reason: Mapped[str | None]
    removed_at: Mapped[int | None]
    """Since when its gateway says that it no longer has it: no rule watches it from then on."""
    retired_at: Mapped[int | None]
    retired_by: Mapped[str | None]
    retired_reason: Mapped[str | None]


class PowerLink(Base):
    """A feeder that supplies other equipment."""

    __tablename__ = "power_links"
    __table_args__ = (UniqueConstraint("feeder_id", "equipment_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feeder_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"))
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    cause: Mapped[str]
    """An active alarm of the feeder with this cause means that the equipment has no power."""
    created_at: Mapped[int]
    created_by: Mapped[str]


class Point(Base):
    """One value of a piece of equipment; its id names the time series."""

    __tablename__ = "points"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """site/gateway/device/point; '<equipment key>/connection' is the synthetic online flag."""
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    name: Mapped[str]
    datatype: Mapped[int]
    """Sparkplug datatype number of the last birth."""
    unit: Mapped[str]
    name_en: Mapped[str]
    name_zh: Mapped[str]
    max_silence_ms: Mapped[int | None]
    """The agent reports at least this often; absent for nodes that do not say."""
    writable: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It may be commanded, from minimum to maximum."""
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]
    removed_at: Mapped[int | None]
    """Since when births of its equipment do not name it: no rule watches it from then on."""
