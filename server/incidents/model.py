"""Table of incidents."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_OPEN = text("closed_at IS NULL")


class Incident(Base):
    """Alarms of one (equipment, cause), open until all of them are closed."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "uq_incidents_open",
            "equipment_id",
            "cause",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    cause: Mapped[str]
    severity: Mapped[str]
    title_en: Mapped[str]
    title_zh: Mapped[str]
    opened_at: Mapped[int]
    closed_at: Mapped[int | None] = mapped_column(index=True)
