"""Which process and request do the work of an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column(
        "idempotent_replies", sa.Column("owner", sa.String(), nullable=False, server_default="")
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("idempotent_replies", "owner")
