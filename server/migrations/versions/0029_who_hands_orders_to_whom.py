"""Lines of orders say from whom to whom an order went; incidents are handed over."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("work_order_events", sa.Column("from_assignee", sa.String(), nullable=True))
    op.add_column("work_order_events", sa.Column("to_assignee", sa.String(), nullable=True))
    op.add_column("incidents", sa.Column("assignee", sa.String(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("incidents", "assignee")
    op.drop_column("work_order_events", "to_assignee")
    op.drop_column("work_order_events", "from_assignee")
