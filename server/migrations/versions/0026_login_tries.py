"""Tries to log in are counted where every process sees them."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "login_tries",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("free_at", _INT, nullable=False),
    )
    op.create_index("ix_login_tries_free_at", "login_tries", ["free_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("login_tries")
