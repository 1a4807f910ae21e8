"""What Alembic executes for every command; it is given a connection, and never opens one itself."""

from __future__ import annotations

from alembic import context

from fulfillment_pipelines.ledger.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
