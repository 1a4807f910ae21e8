"""What systems send by themselves, each message once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulfillment_pipelines.ledger.types import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "inbox_message",
        sa.Column("sequence_no", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence_no", name=op.f("pk_inbox_message")),
        sa.UniqueConstraint("system", "entity", "message_id", name=op.f("uq_inbox_message_system_entity_message_id")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop what this revision added."""
    op.drop_table("inbox_message")
