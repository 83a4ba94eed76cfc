"""Rights hold in a scope; a login may belong to a person; tokens have an end and a purpose."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    for name in ("sites", "classes", "equipment"):
        op.add_column("users", sa.Column(name, sa.JSON(), nullable=True))
    op.add_column("users", sa.Column("person", sa.String(), nullable=True))
    op.create_index("uq_users_person", "users", ["person"], unique=True)
    op.add_column("tokens", sa.Column("expires_at", _INT, nullable=True))
    op.add_column("tokens", sa.Column("permissions", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_index("uq_users_person", table_name="users")
    for name in ("person", "equipment", "classes", "sites"):
        op.drop_column("users", name)
    for name in ("permissions", "expires_at"):
        op.drop_column("tokens", name)
