"""People at work in the console: accounts, sessions, tokens, views, links, proposed changes; the order of the queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulfillment_pipelines.ledger.types import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = ("suppressed_until", "assignee_fix_due_at", "queue")
_QUEUE = (
    "closed_at",
    "fix_due_at",
    "case_id",
    "owner",
    "severity",
    "node",
    "code",
    "state",
    "assignee",
    "value_at_risk_amount",
    "currency",
    "condition_since",
    "parent_case_id",
)
_TABLES = ("account", "session", "api_token", "saved_view", "case_link", "change_request", "accepted_event")


def upgrade() -> None:
    """Create the tables and the indexes."""
    _create_access()
    _create_api()
    _create_work()
    _create_changes()
    has_assignee = sa.text("assignee is not null")
    op.create_index(op.f("ix_exception_case_queue"), "exception_case", list(_QUEUE))
    op.create_index(
        op.f("ix_exception_case_assignee_fix_due_at"),
        "exception_case",
        ["assignee", "fix_due_at"],
        sqlite_where=has_assignee,
        postgresql_where=has_assignee,
    )
    is_put_off = sa.text("suppressed_until is not null")
    op.create_index(
        op.f("ix_exception_case_suppressed_until"),
        "exception_case",
        ["suppressed_until"],
        sqlite_where=is_put_off,
        postgresql_where=is_put_off,
    )


def _create_access() -> None:
    op.create_table(
        "account",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_account")),
    )
    op.create_table(
        "session",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("signed_in_by", sa.String(length=16), nullable=False),
        sa.Column("signed_in_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_person_id"), "session", ["person_id"])
    op.create_index(op.f("ix_session_expires_at"), "session", ["expires_at"])


def _create_api() -> None:
    op.create_table(
        "api_token",
        sa.Column("token_id", sa.String(length=20), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index(op.f("ix_api_token_person_id"), "api_token", ["person_id"])
    op.create_table(
        "accepted_event",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("accepted_at", Instant(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "idempotency_key", name=op.f("pk_accepted_event")),
    )
    op.create_index(op.f("ix_accepted_event_accepted_at"), "accepted_event", ["accepted_at"])


def _create_work() -> None:
    op.create_table(
        "saved_view",
        sa.Column("view_id", _ROW_NUMBER, nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("person_id", "team", "name", name=op.f("uq_saved_view_person_id_team_name")),
    )
    op.create_table(
        "case_link",
        sa.Column("link_id", _ROW_NUMBER, nullable=False),
        sa.Column("case_id", sa.String(length=20), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("linked_by", sa.String(length=128), nullable=False),
        sa.Column("linked_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["exception_case.case_id"], name=op.f("fk_case_link_case_id_exception_case")
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_case_link")),
        sa.UniqueConstraint("case_id", "system", "reference", name=op.f("uq_case_link_case_id_system_reference")),
    )


def _create_changes() -> None:
    op.create_table(
        "change_request",
        sa.Column("request_id", _ROW_NUMBER, nullable=False),
        sa.Column("file_name", sa.String(length=64), nullable=False),
        sa.Column("base_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proposed_by", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", Instant(), nullable=False),
        sa.Column("decided_by", sa.String(length=128), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_change_request")),
    )
    op.create_index(op.f("ix_change_request_state"), "change_request", ["state"])


def downgrade() -> None:
    """Drop what this revision added."""
    for name in (
        "suppressed_until",
        "assignee_fix_due_at",
        "closed_at_owner_fix_due_at_case_id",
        "closed_at_fix_due_at_case_id",
    ):
        op.drop_index(op.f(f"ix_exception_case_{name}"), "exception_case")
    for table in _TABLES:
        op.drop_table(table)
