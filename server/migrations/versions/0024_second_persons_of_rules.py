"""Two persons weaken a rule of life safety: proposals, and who confirmed what."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHANGED = ("alarm_rule_overrides", "alarm_rule_versions")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "alarm_rule_proposals",
        sa.Column("id", _INT, nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=True),
        sa.Column("version", _INT, nullable=False),
        sa.Column("weakens", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", _INT, nullable=False),
        sa.Column("expires_at", _INT, nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", _INT, nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("withdrawn_at", _INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_rule_proposals")),
    )
    for table in _CHANGED:
        op.add_column(table, sa.Column("confirmed_by", sa.String(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    for table in _CHANGED:
        op.drop_column(table, "confirmed_by")
    op.drop_table("alarm_rule_proposals")
