"""Tries are counted for residents' requests too, where every process sees them."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.drop_index("ix_login_tries_free_at", "login_tries")
    op.rename_table("login_tries", "tries")
    op.create_index("ix_tries_free_at", "tries", ["free_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_tries_free_at", "tries")
    op.rename_table("tries", "login_tries")
    op.create_index("ix_login_tries_free_at", "login_tries", ["free_at"])
