"""A browser session says from where it was begun, and by which browser."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    for name in ("address", "browser"):
        op.add_column("logins", sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it back."""
    for name in ("browser", "address"):
        op.drop_column("logins", name)
