"""Messages of several gateways take turns."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0010"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNDER_WAY = sa.text("state IN ('pending', 'sending')")
_INDEXES = {"ix_messages_turn": ["turn"], "ix_messages_source": ["source", "turn"]}


def upgrade() -> None:
    """Make the change."""
    op.add_column("messages", sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.add_column("messages", sa.Column("turn", _INT, nullable=False, server_default="0"))
    for name, columns in _INDEXES.items():
        op.create_index(
            name, "messages", columns, sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY
        )


def downgrade() -> None:
    """Take it back."""
    for name in _INDEXES:
        op.drop_index(name, table_name="messages")
    with op.batch_alter_table("messages") as batch:
        batch.drop_column("turn")
        batch.drop_column("source")
