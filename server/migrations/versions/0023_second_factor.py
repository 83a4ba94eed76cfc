"""A second factor: codes of an authenticator app, recovery codes, sessions that have shown one."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.add_column("users", sa.Column("totp_secret", sa.String(), nullable=True))
    op.add_column("users", sa.Column("totp_confirmed_at", _INT, nullable=True))
    op.add_column("users", sa.Column("totp_used", _INT, nullable=True))
    op.add_column("users", sa.Column("recovery_codes", sa.JSON(), nullable=True))
    op.add_column(
        "logins",
        sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("logins", "second_factor")
    for name in ("recovery_codes", "totp_used", "totp_confirmed_at", "totp_secret"):
        op.drop_column("users", name)
