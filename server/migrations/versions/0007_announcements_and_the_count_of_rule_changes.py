"""Each announcement of an alarm as a row, and a number that grows with every change of a rule."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "alarm_rule_counter",
        sa.Column("id", _INT, nullable=False),
        sa.Column("changes", _INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_rule_counter")),
    )
    op.execute(
        "INSERT INTO alarm_rule_counter (id, changes) "
        "SELECT 1, COALESCE(MAX(id), 0) FROM alarm_rule_versions"
    )
    op.create_table(
        "alarm_announcements",
        sa.Column("id", _INT, nullable=False),
        sa.Column("alarm_id", _INT, nullable=False),
        sa.Column("at", _INT, nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alarm_id"], ["alarms.id"], name=op.f("fk_alarm_announcements_alarm_id_alarms")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_announcements")),
    )
    op.create_index(op.f("ix_alarm_announcements_alarm_id"), "alarm_announcements", ["alarm_id"])
    op.create_index(op.f("ix_alarm_announcements_at"), "alarm_announcements", ["at"])
    # Of earlier announcements of the same alarm nothing is known.
    op.execute(
        "INSERT INTO alarm_announcements (alarm_id, at, severity) "
        "SELECT id, announced_at, severity FROM alarms WHERE announced_at IS NOT NULL"
    )
    # What was hidden from the start did not say so in its history.
    nothing = "CAST('null' AS JSON)" if op.get_bind().dialect.name == "postgresql" else "'null'"
    op.execute(
        "INSERT INTO alarm_changes (alarm_id, at, recorded_at, kind, comment, value) "
        f"SELECT id, active_since_at, raised_at, 'suppressed', suppressed_by, {nothing} FROM alarms "
        "WHERE suppressed_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM alarm_changes "
        "WHERE alarm_changes.alarm_id = alarms.id AND alarm_changes.kind = 'suppressed')"
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("alarm_announcements")
    op.drop_table("alarm_rule_counter")
