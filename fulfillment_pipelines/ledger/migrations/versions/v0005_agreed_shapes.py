"""The shapes of feeds that were agreed on, so that drift is told against them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulfillment_pipelines.ledger.types import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "agreed_shape",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("contract_version", sa.String(length=64), nullable=False),
        sa.Column("agreed_at", Instant(), nullable=False),
        sa.Column("agreed_by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.String(length=64), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("system", "entity", "contract_version", "agreed_at", name=op.f("pk_agreed_shape")),
    )


def downgrade() -> None:
    """Drop what this revision added."""
    op.drop_table("agreed_shape")
