"""Logins by the company's own provider (OpenID Connect)."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "login_attempts",
        sa.Column("state_hash", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("expires_at", _INT, nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_login_attempts")),
    )
    op.add_column("users", sa.Column("provider_identity", sa.String(), nullable=True))
    op.create_index("uq_users_provider_identity", "users", ["provider_identity"], unique=True)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("uq_users_provider_identity", "users")
    op.drop_column("users", "provider_identity")
    op.drop_table("login_attempts")
