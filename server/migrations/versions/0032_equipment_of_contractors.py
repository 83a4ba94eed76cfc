"""What a contractor looks after is found at each of its requests."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = ("builder", "contractor")


def upgrade() -> None:
    """Make the change."""
    for column in _COLUMNS:
        op.create_index(
            op.f(f"ix_equipment_particulars_{column}"), "equipment_particulars", [column]
        )


def downgrade() -> None:
    """Take it back."""
    for column in _COLUMNS:
        op.drop_index(op.f(f"ix_equipment_particulars_{column}"), "equipment_particulars")
