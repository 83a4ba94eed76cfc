"""Calls and digests that are owed, who is moving, exceptions that belong together."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OWED = sa.text("call_owed_at IS NOT NULL")
_DIGESTED = sa.text("digest_of IS NOT NULL")

_OPEN_FLOOD = (
    "SELECT alarm_floods.{} FROM alarm_floods JOIN equipment"
    " ON equipment.site_id = alarm_floods.site_id"
    " WHERE alarm_floods.ended_at IS NULL AND equipment.id = {}.equipment_id"
)


def upgrade() -> None:
    """Make the change."""
    op.add_column("incidents", sa.Column("call_owed_at", _INT, nullable=True))
    op.add_column("incidents", sa.Column("moving_since_at", _INT, nullable=True))
    op.add_column("alarms", sa.Column("digest_of", _INT, nullable=True))
    op.add_column("roster_changes", sa.Column("batch", _INT, nullable=True))
    op.create_index(
        "ix_incidents_call_owed",
        "incidents",
        ["call_owed_at"],
        sqlite_where=_OWED,
        postgresql_where=_OWED,
    )
    op.create_index(
        "ix_alarms_digest_of",
        "alarms",
        ["digest_of"],
        sqlite_where=_DIGESTED,
        postgresql_where=_DIGESTED,
    )
    # A flood that is going on while the server is updated owes its digest and its calls.
    since = _OPEN_FLOOD.format("digested_until_at", "alarms")
    op.execute(
        f"UPDATE alarms SET digest_of = ({_OPEN_FLOOD.format('id', 'alarms')})"  # noqa: S608
        f" WHERE announced_at >= ({since})"
    )
    started = _OPEN_FLOOD.format("started_at", "incidents")
    op.execute(
        "UPDATE incidents SET call_owed_at = opened_at WHERE closed_at IS NULL"  # noqa: S608
        f" AND acknowledged_at IS NULL AND policy IS NULL AND opened_at >= ({started})"
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_index("ix_alarms_digest_of", table_name="alarms")
    op.drop_index("ix_incidents_call_owed", table_name="incidents")
    op.drop_column("roster_changes", "batch")
    op.drop_column("alarms", "digest_of")
    op.drop_column("incidents", "moving_since_at")
    op.drop_column("incidents", "call_owed_at")
