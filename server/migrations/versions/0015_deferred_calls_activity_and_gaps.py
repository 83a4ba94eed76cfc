"""Deferred calls, activity, persons notified and coverage gaps have these names in the tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("incidents", "call_owed_at", "deferred_call_at"),
    ("incidents", "moving_since_at", "activity_since_at"),
    ("incident_steps", "told", "notified"),
)


def upgrade() -> None:
    """Make the change."""
    op.drop_index("ix_incidents_call_owed", table_name="incidents")
    for table, before, after in _COLUMNS:
        _rename(table, before, after)
    _create_index("ix_incidents_deferred_call", "deferred_call_at")
    _rename_option("accept_holes", "accept_gaps")


def downgrade() -> None:
    """Take it back."""
    _rename_option("accept_gaps", "accept_holes")
    op.drop_index("ix_incidents_deferred_call", table_name="incidents")
    for table, before, after in _COLUMNS:
        _rename(table, after, before)
    _create_index("ix_incidents_call_owed", "call_owed_at")


def _rename(table: str, before: str, after: str) -> None:
    # Both databases rename in place; Alembic's batch mode would copy the whole table on SQLite.
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {after}")


def _create_index(name: str, column: str) -> None:
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, "incidents", [column], sqlite_where=where, postgresql_where=where)


def _rename_option(before: str, after: str) -> None:
    """Rename the option in the stored rosters and policies; an incident keeps its policy as it is."""
    connection = op.get_bind()
    for name in ("rosters", "escalation_policies"):
        table = sa.table(name, sa.column("id", sa.Integer), sa.column("body", sa.JSON))
        for row in connection.execute(sa.select(table)).all():
            body: dict[str, Any] = row.body
            if before in body:
                renamed = {after if key == before else key: value for key, value in body.items()}
                connection.execute(
                    sa.update(table).where(table.c.id == row.id).values(body=renamed)
                )
