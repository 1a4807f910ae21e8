"""Trusted corrections: dossiers, approvals, target health, notices, control numbers, policy editions, archives.

An audit row of before has no reason, policy or evidence of its own; its hash was made without them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give the tables of before their new columns, and create the new tables."""
    _extend("correction", _correction_columns())
    _extend("outbox", _outbox_columns())
    _extend("audit_log", _audit_columns())
    op.drop_index(op.f("ix_outbox_status_due_at"), "outbox")
    op.create_index(op.f("ix_outbox_status_priority_due_at"), "outbox", ["status", "priority", "due_at"])
    op.create_index(op.f("ix_outbox_target_ordering_key"), "outbox", ["target", "ordering_key"])
    op.create_index(op.f("ix_audit_log_recorded_at"), "audit_log", ["recorded_at"])
    op.execute(sa.text("update outbox set via = target"))
    _create_approval()
    _create_delegation()
    _create_target_health()
    _create_target_notice()
    _create_edi_control_number()
    _create_policy_edition()
    _create_audit_archive()


def downgrade() -> None:
    """Drop what this revision added."""
    for name in (
        "audit_archive",
        "policy_edition",
        "edi_control_number",
        "target_notice",
        "target_health",
        "delegation",
        "approval",
    ):
        op.drop_table(name)
    op.drop_index(op.f("ix_audit_log_recorded_at"), "audit_log")
    op.drop_index(op.f("ix_outbox_target_ordering_key"), "outbox")
    op.drop_index(op.f("ix_outbox_status_priority_due_at"), "outbox")
    op.create_index(op.f("ix_outbox_status_due_at"), "outbox", ["status", "due_at"])
    for extended, columns in (
        ("audit_log", _audit_columns()),
        ("outbox", _outbox_columns()),
        ("correction", _correction_columns()),
    ):
        for column in columns:
            op.drop_column(extended, column.name)


def _instant() -> sa.types.TypeEngine[datetime]:
    return sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def _row_number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _extend(name: str, columns: list[sa.Column[Any]]) -> None:
    # Not in a batch: on SQLite that drops the table for a moment, which rows that refer to it forbid.
    for column in columns:
        op.add_column(name, column)


def _correction_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("replaces", sa.String(length=20), nullable=True),
        sa.Column("proposed_by", sa.String(length=128), nullable=False, server_default="policy"),
        sa.Column("policy_version", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("evidence", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("evidence_hash", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("content_hash", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("diff", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("inverse", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("impact", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("approver_role", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("approvals_needed", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("expires_at", _instant(), nullable=True),
    ]


def _outbox_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("priority", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("ordering_key", sa.Text(), nullable=False, server_default=""),
        sa.Column("via", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("deadline_at", _instant(), nullable=True),
    ]


def _audit_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("policy_version", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("evidence_hash", sa.String(length=64), nullable=False, server_default=""),
    ]


def _create_approval() -> None:
    op.create_table(
        "approval",
        sa.Column("approval_id", _row_number(), nullable=False),
        sa.Column("correction_id", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", _instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["correction.correction_id"], name=op.f("fk_approval_correction_id")
        ),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_correction_id"), "approval", ["correction_id"])


def _create_delegation() -> None:
    op.create_table(
        "delegation",
        sa.Column("delegation_id", _row_number(), nullable=False),
        sa.Column("delegator", sa.String(length=128), nullable=False),
        sa.Column("delegate", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("valid_from", _instant(), nullable=False),
        sa.Column("valid_until", _instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("revoked_at", _instant(), nullable=True),
        sa.PrimaryKeyConstraint("delegation_id", name=op.f("pk_delegation")),
    )
    op.create_index(op.f("ix_delegation_delegate"), "delegation", ["delegate"])


def _create_target_health() -> None:
    op.create_table(
        "target_health",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("circuit", sa.String(length=16), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened_at", _instant(), nullable=True),
        sa.Column("probe_at", _instant(), nullable=True),
        sa.Column("next_send_at", _instant(), nullable=True),
        sa.Column("changed_at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_target_health")),
    )


def _create_target_notice() -> None:
    op.create_table(
        "target_notice",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("notice_id", sa.String(length=128), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("observed", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("received_at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("target", "notice_id", name=op.f("pk_target_notice")),
    )
    op.create_index(op.f("ix_target_notice_idempotency_key"), "target_notice", ["idempotency_key"])


def _create_edi_control_number() -> None:
    op.create_table(
        "edi_control_number",
        sa.Column("sender_id", sa.String(length=32), nullable=False),
        sa.Column("receiver_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("allocated_at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("sender_id", "receiver_id", "number", name=op.f("pk_edi_control_number")),
        sa.UniqueConstraint(
            "sender_id",
            "receiver_id",
            "idempotency_key",
            name=op.f("uq_edi_control_number_sender_id_receiver_id_idempotency_key"),
        ),
    )


def _create_policy_edition() -> None:
    op.create_table(
        "policy_edition",
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("policy_version", "file_name", name=op.f("pk_policy_edition")),
    )


def _create_audit_archive() -> None:
    op.create_table(
        "audit_archive",
        sa.Column("last_sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_row_hash", sa.String(length=64), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.String(length=64), nullable=False),
        sa.Column("archived_at", _instant(), nullable=False),
        sa.Column("archived_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("last_sequence", name=op.f("pk_audit_archive")),
    )
