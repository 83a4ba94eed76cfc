"""Warranties of rooms: the builder gets what residents ask for in them."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("rooms", sa.Column("moved_in", sa.String(), nullable=True))
    op.add_column("rooms", sa.Column("warranty", sa.JSON(), nullable=True))
    op.add_column("rooms", sa.Column("builder", sa.String(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("rooms", "builder")
    op.drop_column("rooms", "warranty")
    op.drop_column("rooms", "moved_in")
