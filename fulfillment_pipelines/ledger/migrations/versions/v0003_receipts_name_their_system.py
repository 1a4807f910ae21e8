"""Receipts name the system that was written to: the target, or its fallback.

A receipt of before was always of the correction's target, which stays beside it in the outbox.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and the index by which the sends of an hour are counted."""
    # Not in a batch: that would copy the table, and leave behind what protects it.
    op.add_column("receipt", sa.Column("system", sa.String(length=64), nullable=False, server_default=""))
    op.create_index(op.f("ix_receipt_system_received_at"), "receipt", ["system", "received_at"])


def downgrade() -> None:
    """Drop what this revision added."""
    op.drop_index(op.f("ix_receipt_system_received_at"), "receipt")
    op.drop_column("receipt", "system")
