"""Tables of the equipment ledger, filled from Sparkplug births."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from server.assets.state_words import StateWords, StateWordsText
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


class Room(Base):
    """A room of an estate: of the plant, or of residents."""

    __tablename__ = "rooms"
    __table_args__ = (UniqueConstraint("site_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    key: Mapped[str]
    """As people write it: 3-2-501, B1 pump room."""
    building: Mapped[str]
    floor: Mapped[str]
    name: Mapped[str]
    moved_in: Mapped[str | None]
    """Day on which it was handed to its resident, YYYY-MM-DD: its warranty begins."""
    warranty: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """Last day by trade, where another one was agreed on."""
    builder: Mapped[str | None]
    """Key of the contractor who repairs it in warranty."""


class Particulars(Base):
    """What people know of a piece of equipment: where it is, who made it, who looks after it."""

    __tablename__ = "equipment_particulars"

    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), primary_key=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"), index=True)
    maker: Mapped[str]
    model: Mapped[str]
    serial_number: Mapped[str]
    warranty_until: Mapped[str | None]
    """Last day, YYYY-MM-DD; likewise the days of the contract."""
    builder: Mapped[str | None] = mapped_column(index=True)
    """Key of the contractor who repairs it in warranty."""
    contractor: Mapped[str | None] = mapped_column(index=True)
    """Key of the contractor of its maintenance contract."""
    contract_from: Mapped[str | None]
    contract_until: Mapped[str | None]
    contract_hours: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """When the contractor comes; none: always."""
    version: Mapped[int]
    """Counts changes; the ETag."""
    changed_at: Mapped[int]
    changed_by: Mapped[str]


class EquipmentDocument(Base):
    """A manual, a drawing or a certificate; what it holds is in the folder of attachments."""

    __tablename__ = "equipment_documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    """Bytes."""
    sha256: Mapped[str] = mapped_column(index=True)
    """Its name on disk."""
    added_at: Mapped[int]
    added_by: Mapped[str]


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
    interlock: Mapped[str] = mapped_column(default="", server_default="")
    """What must hold before its gateway writes it, as the birth says; empty: nothing."""
    words: Mapped[StateWords] = mapped_column(StateWordsText, default=(), server_default="")
    """What people say for its states, as the birth says."""
    removed_at: Mapped[int | None]
    """Since when births of its equipment do not name it: no rule watches it from then on."""
