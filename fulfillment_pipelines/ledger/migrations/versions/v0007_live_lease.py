"""Who runs the live loop, on whichever host."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulfillment_pipelines.ledger.types import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "live_lease",
        sa.Column("lease_id", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=255), nullable=False),
        sa.Column("held_until", Instant(), nullable=False),
        sa.Column("shown_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("lease_id", name=op.f("pk_live_lease")),
    )


def downgrade() -> None:
    """Drop what this revision added."""
    op.drop_table("live_lease")
