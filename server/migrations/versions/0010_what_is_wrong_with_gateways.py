"""What people should look at of a gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("gateways", sa.Column("problem", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("gateways") as batch:
        batch.drop_column("problem")
