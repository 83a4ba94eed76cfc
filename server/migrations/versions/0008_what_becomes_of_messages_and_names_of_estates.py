"""Quiet hours, withdrawal and failure of messages; names of estates; signs of life."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MERGED = sa.text("merged_into IS NOT NULL")


def upgrade() -> None:
    """Make the change."""
    for column in (
        sa.Column("quiet", sa.JSON(), nullable=True),
        sa.Column("cancelled_at", _INT, nullable=True),
        sa.Column("unreached_at", _INT, nullable=True),
    ):
        op.add_column("messages", column)
    op.create_index(
        "ix_messages_merged_into",
        "messages",
        ["merged_into"],
        sqlite_where=_MERGED,
        postgresql_where=_MERGED,
    )
    for name in ("name_zh", "name_en"):
        op.add_column("sites", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.create_table(
        "signs_of_life",
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("at", _INT, nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_signs_of_life")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("signs_of_life")
    with op.batch_alter_table("sites") as batch:
        batch.drop_column("name_en")
        batch.drop_column("name_zh")
    op.drop_index("ix_messages_merged_into", table_name="messages")
    with op.batch_alter_table("messages") as batch:
        for name in ("unreached_at", "cancelled_at", "quiet"):
            batch.drop_column(name)
