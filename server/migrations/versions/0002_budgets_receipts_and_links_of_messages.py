"""Budgets, receipts, digests and one-time links of messages."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PENDING = sa.text("state = 'pending'")
_UNDER_WAY = sa.text("state IN ('pending', 'sending')")
_RECEIPT_DUE = sa.text("receipt_due_at IS NOT NULL")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "message_buckets",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("taken", sa.JSON(), nullable=False),
        sa.Column("blocked_until_at", _INT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_message_buckets")),
    )
    op.create_table(
        "used_links",
        sa.Column("message_id", _INT, nullable=False),
        sa.Column("used_at", _INT, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_used_links_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_used_links")),
    )
    op.drop_index(
        op.f("ix_messages_pending"),
        table_name="messages",
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    for column in (
        sa.Column("address", sa.String(), nullable=False, server_default=""),
        sa.Column("language", sa.String(), nullable=False, server_default="zh"),
        sa.Column("fallbacks", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("waiting", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("tried_at", _INT, nullable=True),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.Column("receipt_due_at", _INT, nullable=True),
        sa.Column("receipt_asks", _INT, nullable=False, server_default="0"),
        sa.Column("merged_into", _INT, nullable=True),
    ):
        op.add_column("messages", column)
    op.create_index(
        "ix_messages_due",
        "messages",
        ["next_attempt_at"],
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    )
    op.create_index(
        "ix_messages_receipt_due",
        "messages",
        ["receipt_due_at"],
        sqlite_where=_RECEIPT_DUE,
        postgresql_where=_RECEIPT_DUE,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_messages_receipt_due", table_name="messages")
    op.drop_index("ix_messages_due", table_name="messages")
    with op.batch_alter_table("messages") as batch:
        for name in (
            "merged_into",
            "receipt_asks",
            "receipt_due_at",
            "receipt",
            "tried_at",
            "claimed_by",
            "waiting",
            "fallbacks",
            "language",
            "address",
        ):
            batch.drop_column(name)
    op.create_index(
        op.f("ix_messages_pending"),
        "messages",
        ["next_attempt_at"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.drop_table("used_links")
    op.drop_table("message_buckets")
