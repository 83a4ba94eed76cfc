"""Commands to equipment, and which points take them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNDER_WAY = sa.text("state IN ('asked', 'sent')")


def upgrade() -> None:
    """Make the change."""
    for column in (
        sa.Column("writable", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
    ):
        op.add_column("points", column)
    op.create_table(
        "commands",
        sa.Column("id", _INT, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("point_id", _INT, nullable=False),
        sa.Column("equipment_id", _INT, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", _INT, nullable=False),
        sa.Column("expires_at", _INT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", _INT, nullable=False),
        sa.Column("sent_at", _INT, nullable=True),
        sa.Column("settled_at", _INT, nullable=True),
        sa.Column("refusal", sa.String(), nullable=False, server_default=""),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["equipment_id"], ["equipment.id"], name=op.f("fk_commands_equipment_id_equipment")
        ),
        sa.ForeignKeyConstraint(
            ["point_id"], ["points.id"], name=op.f("fk_commands_point_id_points")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
        sa.UniqueConstraint("key", name=op.f("uq_commands_key")),
    )
    op.create_index(op.f("ix_commands_point_id"), "commands", ["point_id"])
    op.create_index(op.f("ix_commands_equipment_id"), "commands", ["equipment_id"])
    op.create_index(
        "ix_commands_due",
        "commands",
        ["due_at"],
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("commands")
    for column in ("maximum", "minimum", "writable"):
        op.drop_column("points", column)
