"""Files, parts and labour of work orders; from where a step was taken; repeat failures, false alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SEVERITIES = "('urgent', 'high', 'medium', 'low')"


def upgrade() -> None:
    """Make the change."""
    for column in (
        sa.Column("kind", sa.String(), nullable=False, server_default="step"),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
    ):
        op.add_column("work_order_events", column)
    # Lines that change no state were remarks, or said that the order became more severe.
    op.execute("UPDATE work_order_events SET kind = 'opened' WHERE from_state IS NULL")
    op.execute(
        "UPDATE work_order_events SET kind = CASE WHEN reason IN "  # noqa: S608
        f"{_SEVERITIES} THEN 'severity' ELSE 'note' END "
        "WHERE from_state = to_state AND to_state <> 'dispatched'"
    )
    op.execute(
        "UPDATE work_order_events SET kind = 'severity' WHERE from_state = to_state "  # noqa: S608
        f"AND to_state = 'dispatched' AND reason IN {_SEVERITIES} AND \"by\" = 'plantroom'"
    )
    for column in (
        sa.Column("recovered_at", _INT, nullable=True),
        sa.Column("repeat_failures", _INT, nullable=False, server_default="0"),
    ):
        op.add_column("work_orders", column)
    for column in (
        sa.Column("false_alarm_at", _INT, nullable=True),
        sa.Column("false_alarm_by", sa.String(), nullable=True),
    ):
        op.add_column("alarms", column)
    op.create_table(
        "work_order_files",
        sa.Column("id", _INT, nullable=False),
        sa.Column("work_order_id", _INT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", _INT, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("has_thumbnail", sa.Boolean(), nullable=False),
        sa.Column("added_at", _INT, nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_orders.id"],
            name=op.f("fk_work_order_files_work_order_id_work_orders"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order_files")),
    )
    op.create_table(
        "work_order_lines",
        sa.Column("id", _INT, nullable=False),
        sa.Column("work_order_id", _INT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("quantity", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("unit_price_fen", _INT, nullable=False),
        sa.Column("added_at", _INT, nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("removed_at", _INT, nullable=True),
        sa.Column("removed_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_orders.id"],
            name=op.f("fk_work_order_lines_work_order_id_work_orders"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order_lines")),
    )
    for table, column in (
        ("work_order_files", "work_order_id"),
        ("work_order_files", "sha256"),
        ("work_order_lines", "work_order_id"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("work_order_lines")
    op.drop_table("work_order_files")
    for table, names in (
        ("alarms", ("false_alarm_by", "false_alarm_at")),
        ("work_orders", ("repeat_failures", "recovered_at")),
        ("work_order_events", ("accuracy_m", "longitude", "latitude", "device", "kind")),
    ):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
