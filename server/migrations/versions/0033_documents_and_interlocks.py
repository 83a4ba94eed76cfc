"""Documents of equipment, and the interlock of a point that may be commanded."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.add_column("points", sa.Column("interlock", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "equipment_documents",
        sa.Column("id", _INT, nullable=False),
        sa.Column("equipment_id", _INT, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", _INT, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("added_at", _INT, nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["equipment_id"],
            ["equipment.id"],
            name=op.f("fk_equipment_documents_equipment_id_equipment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equipment_documents")),
    )
    for column in ("equipment_id", "sha256"):
        op.create_index(op.f(f"ix_equipment_documents_{column}"), "equipment_documents", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("equipment_documents")
    op.drop_column("points", "interlock")
