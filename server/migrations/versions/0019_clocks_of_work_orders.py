"""The estate of a work order; presets, appointments and satisfaction among its lines."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.add_column("work_order_events", sa.Column("targets", sa.JSON(), nullable=True))
    op.add_column("work_order_events", sa.Column("appointment_at", _INT, nullable=True))
    op.add_column("work_order_events", sa.Column("satisfaction", sa.String(), nullable=True))
    op.add_column("work_orders", sa.Column("site_id", _INT, nullable=True))
    op.execute(
        "UPDATE work_orders SET site_id = "
        "(SELECT site_id FROM equipment WHERE equipment.id = work_orders.equipment_id)"
    )
    with op.batch_alter_table("work_orders") as batch:
        batch.alter_column("site_id", existing_type=_INT, nullable=False)
        batch.create_foreign_key("fk_work_orders_site_id_sites", "sites", ["site_id"], ["id"])
        batch.create_index(op.f("ix_work_orders_site_id"), ["site_id"])


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("work_orders") as batch:
        batch.drop_index(op.f("ix_work_orders_site_id"))
        batch.drop_constraint("fk_work_orders_site_id_sites", type_="foreignkey")
        batch.drop_column("site_id")
    with op.batch_alter_table("work_order_events") as batch:
        for name in ("satisfaction", "appointment_at", "targets"):
            batch.drop_column(name)
