"""Table of births, so that a restarted server decodes at once."""

from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base


class Birth(Base):
    """The last NBIRTH or DBIRTH of a node or device."""

    __tablename__ = "births"

    key: Mapped[str] = mapped_column(primary_key=True)
    """site/gateway or site/gateway/device."""
    bd_seq: Mapped[int]
    received_at: Mapped[int]
    payload: Mapped[bytes]
