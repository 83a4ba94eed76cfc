"""Residents' repair requests: orders in rooms, who asked, and places with a code to scan."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PLACE = "ck_work_orders_place"
_OF_ROOMS = "(SELECT id FROM work_orders WHERE equipment_id IS NULL)"


def upgrade() -> None:
    """Make the change."""
    with op.batch_alter_table("work_orders") as batch:
        batch.alter_column("equipment_id", existing_type=_INT, nullable=True)
        batch.add_column(sa.Column("room_id", _INT, nullable=True))
        batch.create_foreign_key("fk_work_orders_room_id_rooms", "rooms", ["room_id"], ["id"])
        batch.create_index(op.f("ix_work_orders_room_id"), ["room_id"])
        batch.create_check_constraint(_PLACE, "(equipment_id IS NULL) <> (room_id IS NULL)")
    op.create_table(
        "repair_requests",
        sa.Column("id", _INT, nullable=False),
        sa.Column("work_order_id", _INT, nullable=False),
        sa.Column("room_id", _INT, nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("wished_at", _INT, nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("taken_at", _INT, nullable=False),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.Column("status_code", sa.String(), nullable=True),
        sa.Column("form_token", sa.String(), nullable=True),
        sa.Column("erased_at", _INT, nullable=True),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_orders.id"],
            name=op.f("fk_repair_requests_work_order_id_work_orders"),
        ),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name=op.f("fk_repair_requests_room_id_rooms")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair_requests")),
        sa.UniqueConstraint("status_code", name=op.f("uq_repair_requests_status_code")),
        sa.UniqueConstraint("form_token", name=op.f("uq_repair_requests_form_token")),
    )
    op.create_index(op.f("ix_repair_requests_work_order_id"), "repair_requests", ["work_order_id"])
    op.create_index(op.f("ix_repair_requests_room_id"), "repair_requests", ["room_id"])
    op.create_table(
        "request_places",
        sa.Column("id", _INT, nullable=False),
        sa.Column("site_id", _INT, nullable=False),
        sa.Column("room_id", _INT, nullable=True),
        sa.Column("building", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("made_at", _INT, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("ended_at", _INT, nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_request_places_site_id_sites")
        ),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name=op.f("fk_request_places_room_id_rooms")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_places")),
        sa.UniqueConstraint("code", name=op.f("uq_request_places_code")),
    )
    op.create_index(op.f("ix_request_places_site_id"), "request_places", ["site_id"])


def downgrade() -> None:
    """Take it back; orders in rooms have no place in the tables before."""
    op.drop_table("request_places")
    op.drop_table("repair_requests")
    for table in ("work_order_events", "work_order_files", "work_order_lines"):
        op.execute(f"DELETE FROM {table} WHERE work_order_id IN {_OF_ROOMS}")  # noqa: S608 (names of tables)
    op.execute("DELETE FROM work_orders WHERE equipment_id IS NULL")
    with op.batch_alter_table("work_orders") as batch:
        batch.drop_constraint(_PLACE, type_="check")
        batch.drop_index(op.f("ix_work_orders_room_id"))
        batch.drop_constraint("fk_work_orders_room_id_rooms", type_="foreignkey")
        batch.drop_column("room_id")
        batch.alter_column("equipment_id", existing_type=_INT, nullable=False)
