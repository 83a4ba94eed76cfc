"""Rooms, particulars of equipment, assurance periods; assignees are somebody of the records."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "assurance_periods",
        sa.Column("id", _INT, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("version", _INT, nullable=False),
        sa.Column("changed_at", _INT, nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assurance_periods")),
        sa.UniqueConstraint("key", name=op.f("uq_assurance_periods_key")),
    )
    op.create_table(
        "rooms",
        sa.Column("id", _INT, nullable=False),
        sa.Column("site_id", _INT, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("building", sa.String(), nullable=False),
        sa.Column("floor", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_rooms_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
        sa.UniqueConstraint("site_id", "key", name=op.f("uq_rooms_site_id_key")),
    )
    op.create_table(
        "equipment_particulars",
        sa.Column("equipment_id", _INT, nullable=False, autoincrement=False),
        sa.Column("room_id", _INT, nullable=True),
        sa.Column("maker", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("serial_number", sa.String(), nullable=False),
        sa.Column("warranty_until", sa.String(), nullable=True),
        sa.Column("builder", sa.String(), nullable=True),
        sa.Column("contractor", sa.String(), nullable=True),
        sa.Column("contract_from", sa.String(), nullable=True),
        sa.Column("contract_until", sa.String(), nullable=True),
        sa.Column("contract_hours", sa.JSON(), nullable=True),
        sa.Column("version", _INT, nullable=False),
        sa.Column("changed_at", _INT, nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["equipment_id"],
            ["equipment.id"],
            name=op.f("fk_equipment_particulars_equipment_id_equipment"),
        ),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name=op.f("fk_equipment_particulars_room_id_rooms")
        ),
        sa.PrimaryKeyConstraint("equipment_id", name=op.f("pk_equipment_particulars")),
    )
    op.create_index(
        op.f("ix_equipment_particulars_room_id"), "equipment_particulars", ["room_id"]
    )
    op.add_column("work_orders", sa.Column("assignee_kind", sa.String(), nullable=True))
    _find_assignees()


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("work_orders") as batch:
        batch.drop_column("assignee_kind")
    op.drop_table("equipment_particulars")
    op.drop_table("rooms")
    op.drop_table("assurance_periods")


def _find_assignees() -> None:
    """Say of each name that was written freely whose it is; a name of nobody stays as it is."""
    connection = op.get_bind()
    persons = sa.table("persons", sa.column("key", sa.String), sa.column("body", sa.JSON))
    users = sa.table("users", sa.column("name", sa.String), sa.column("person", sa.String))
    orders = sa.table(
        "work_orders", sa.column("assignee", sa.String), sa.column("assignee_kind", sa.String)
    )
    kinds: dict[str, tuple[str, str]] = {}
    named: dict[str, list[tuple[str, str]]] = {}
    for key, body in connection.execute(sa.select(persons)):
        kind = "contractor" if body.get("role") == "contractor" else "person"
        kinds[key] = (key, kind)
        named.setdefault(body.get("name") or key, []).append((key, kind))
    found = {name: same[0] for name, same in named.items() if len(same) == 1}
    for name, person in connection.execute(sa.select(users)):
        found[name] = kinds.get(person, (name, "user"))
    found |= kinds
    query = sa.select(orders.c.assignee).where(orders.c.assignee.is_not(None)).distinct()
    for name in connection.scalars(query).all():
        key, kind = found.get(name, (name, "former"))
        connection.execute(
            sa.update(orders)
            .where(orders.c.assignee == name)
            .values(assignee=key, assignee_kind=kind)
        )
