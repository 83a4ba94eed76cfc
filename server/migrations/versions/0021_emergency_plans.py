"""Runs of emergency plans; commands that wait for a second person."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIVE = sa.text("ended_at IS NULL AND incident_id IS NOT NULL AND NOT drill")
_BEFORE = sa.text("state IN ('asked', 'sent')")
_NOW = sa.text("state IN ('proposed', 'asked', 'sent')")


def upgrade() -> None:
    """Make the change."""
    op.add_column("commands", sa.Column("confirmed_by", sa.String(), nullable=True))
    op.add_column("commands", sa.Column("confirmed_at", _INT, nullable=True))
    _due_index(_NOW)
    _make_runs()
    _make_steps()
    op.create_table(
        "plan_run_changes",
        sa.Column("id", _INT, nullable=False),
        sa.Column("run_id", _INT, nullable=False),
        sa.Column("position", _INT, nullable=True),
        sa.Column("at", _INT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["plan_runs.id"], name=op.f("fk_plan_run_changes_run_id_plan_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_run_changes")),
    )
    op.create_index(op.f("ix_plan_run_changes_run_id"), "plan_run_changes", ["run_id"])


def downgrade() -> None:
    """Take it back."""
    for table in ("plan_run_changes", "plan_run_steps", "plan_runs"):
        op.drop_table(table)
    op.execute("UPDATE commands SET state = 'expired' WHERE state = 'proposed'")
    _due_index(_BEFORE)
    with op.batch_alter_table("commands") as batch:
        batch.drop_column("confirmed_at")
        batch.drop_column("confirmed_by")


def _due_index(where: sa.TextClause) -> None:
    op.drop_index("ix_commands_due", table_name="commands")
    op.create_index(
        "ix_commands_due", "commands", ["due_at"], sqlite_where=where, postgresql_where=where
    )


def _make_runs() -> None:
    op.create_table(
        "plan_runs",
        sa.Column("id", _INT, nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("equipment_id", _INT, nullable=False),
        sa.Column("incident_id", _INT, nullable=True),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("equipment", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("position", _INT, nullable=False),
        sa.Column("started_at", _INT, nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("ended_at", _INT, nullable=True),
        sa.ForeignKeyConstraint(
            ["equipment_id"], ["equipment.id"], name=op.f("fk_plan_runs_equipment_id_equipment")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_plan_runs_incident_id_incidents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_runs")),
    )
    op.create_index(op.f("ix_plan_runs_equipment_id"), "plan_runs", ["equipment_id"])
    op.create_index(op.f("ix_plan_runs_incident_id"), "plan_runs", ["incident_id"])
    op.create_index(
        "uq_plan_runs_live",
        "plan_runs",
        ["plan", "incident_id"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )


def _make_steps() -> None:
    op.create_table(
        "plan_run_steps",
        sa.Column("id", _INT, nullable=False),
        sa.Column("run_id", _INT, nullable=False),
        sa.Column("position", _INT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", _INT, nullable=False),
        sa.Column("since_at", _INT, nullable=False),
        sa.Column("began_at", _INT, nullable=True),
        sa.Column("ended_at", _INT, nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", _INT, nullable=True),
        sa.Column("command_id", _INT, nullable=True),
        sa.Column("refusal", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["command_id"], ["commands.id"], name=op.f("fk_plan_run_steps_command_id_commands")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["plan_runs.id"], name=op.f("fk_plan_run_steps_run_id_plan_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_run_steps")),
        sa.UniqueConstraint("run_id", "position", name=op.f("uq_plan_run_steps_run_id_position")),
    )
