"""Alembic's entry: runs the steps in the connection that server/core/schema.py hands over."""

from alembic import context

from server.migrations.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite changes a column by copying the table; DDL of a step is one transaction there too.
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
