"""Equipment and points that were removed, equipment that is retired."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ABSENT = sa.text("removed_at IS NOT NULL OR retired_at IS NOT NULL")


def upgrade() -> None:
    """Make the change."""
    op.add_column("sites", sa.Column("retire_removed_after_days", sa.Double(), nullable=True))
    op.add_column("points", sa.Column("removed_at", _INT, nullable=True))
    for column in (
        sa.Column("removed_at", _INT, nullable=True),
        sa.Column("retired_at", _INT, nullable=True),
        sa.Column("retired_by", sa.String(), nullable=True),
        sa.Column("retired_reason", sa.String(), nullable=True),
    ):
        op.add_column("equipment", column)
    op.create_index(
        "ix_equipment_absent", "equipment", ["id"], sqlite_where=_ABSENT, postgresql_where=_ABSENT
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_equipment_absent", table_name="equipment")
    with op.batch_alter_table("equipment") as batch:
        for name in ("retired_reason", "retired_by", "retired_at", "removed_at"):
            batch.drop_column(name)
    with op.batch_alter_table("points") as batch:
        batch.drop_column("removed_at")
    with op.batch_alter_table("sites") as batch:
        batch.drop_column("retire_removed_after_days")
