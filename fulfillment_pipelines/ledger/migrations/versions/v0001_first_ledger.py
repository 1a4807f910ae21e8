"""The first ledger: cases, corrections, their delivery, the audit chain and the switches."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables; a table that refers to another comes after it."""
    _create_exception_case()
    _create_case_event()
    _create_correction()
    _create_outbox()
    _create_receipt()
    _create_audit_log()
    _create_audit_head()
    _create_kill_switch()


def downgrade() -> None:
    """Drop all tables, the referring ones first."""
    for table in (
        "kill_switch",
        "audit_head",
        "audit_log",
        "receipt",
        "outbox",
        "correction",
        "case_event",
        "exception_case",
    ):
        op.drop_table(table)


def _instant() -> sa.types.TypeEngine[datetime]:
    return sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def _row_number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _create_exception_case() -> None:
    op.create_table(
        "exception_case",
        sa.Column("case_id", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("severity", sa.String(length=4), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("assignee", sa.String(length=128), nullable=True),
        sa.Column("value_at_risk_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("expected_value", sa.Text(), nullable=False),
        sa.Column("actual_value", sa.Text(), nullable=False),
        sa.Column("delta_qty", sa.BigInteger(), nullable=True),
        sa.Column("condition_since", _instant(), nullable=False),
        sa.Column("detected_at", _instant(), nullable=False),
        sa.Column("opened_at", _instant(), nullable=False),
        sa.Column("first_breaks_at", _instant(), nullable=False),
        sa.Column("ack_due_at", _instant(), nullable=False),
        sa.Column("fix_due_at", _instant(), nullable=False),
        sa.Column("acked_at", _instant(), nullable=True),
        sa.Column("closed_at", _instant(), nullable=True),
        sa.Column("last_seen_watermark_at", _instant(), nullable=False),
        sa.Column("proving_watermark_at", _instant(), nullable=True),
        sa.Column("times_opened", sa.Integer(), nullable=False),
        sa.Column("rule_version", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("parent_case_id", sa.String(length=20), nullable=True),
        sa.Column("suppressed_until", _instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_case_id"], ["exception_case.case_id"], name=op.f("fk_exception_case_parent_case_id")
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_exception_case")),
    )
    _index_exception_case()


def _index_exception_case() -> None:
    op.create_index(op.f("ix_exception_case_closed_at_code"), "exception_case", ["closed_at", "code"], unique=False)
    op.create_index(op.f("ix_exception_case_business_key"), "exception_case", ["business_key"], unique=False)
    op.create_index(op.f("ix_exception_case_order_id"), "exception_case", ["order_id"], unique=False)
    op.create_index(op.f("ix_exception_case_parent_case_id"), "exception_case", ["parent_case_id"], unique=False)


def _create_case_event() -> None:
    op.create_table(
        "case_event",
        sa.Column("event_id", _row_number(), nullable=False),
        sa.Column("case_id", sa.String(length=20), nullable=False),
        sa.Column("occurred_at", _instant(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("event", sa.String(length=48), nullable=False),
        sa.Column("from_state", sa.String(length=24), nullable=False),
        sa.Column("to_state", sa.String(length=24), nullable=False),
        sa.Column("watermark_at", _instant(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["exception_case.case_id"], name=op.f("fk_case_event_case_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_case_event")),
    )
    op.create_index(op.f("ix_case_event_case_id"), "case_event", ["case_id"], unique=False)


def _create_correction() -> None:
    op.create_table(
        "correction",
        sa.Column("correction_id", sa.String(length=20), nullable=False),
        sa.Column("case_id", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("correction_class", sa.String(length=1), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("precondition", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("rule_version", sa.String(length=64), nullable=False),
        sa.Column("judgement_reason", sa.Text(), nullable=False),
        sa.Column("value_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("watermark_at", _instant(), nullable=False),
        sa.Column("proposed_at", _instant(), nullable=False),
        sa.Column("decided_at", _instant(), nullable=True),
        sa.Column("decided_by", sa.String(length=128), nullable=False),
        sa.Column("clause_id", sa.String(length=64), nullable=False),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.Column("sent_at", _instant(), nullable=True),
        sa.Column("acked_at", _instant(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("verified_at", _instant(), nullable=True),
        sa.Column("proving_watermark_at", _instant(), nullable=True),
        sa.Column("unproved_watermarks", sa.Integer(), nullable=False),
        sa.Column("last_unproved_watermark_at", _instant(), nullable=True),
        sa.Column("superseded_by", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["exception_case.case_id"], name=op.f("fk_correction_case_id")),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_correction")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_correction_idempotency_key")),
    )
    op.create_index(op.f("ix_correction_case_id"), "correction", ["case_id"], unique=False)
    op.create_index(op.f("ix_correction_state"), "correction", ["state"], unique=False)
    op.create_index(op.f("ix_correction_target_decided_at"), "correction", ["target", "decided_at"], unique=False)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("outbox_id", _row_number(), nullable=False),
        sa.Column("correction_id", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("next_step", sa.String(length=16), nullable=False),
        sa.Column("due_at", _instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("read_backs", sa.Integer(), nullable=False),
        sa.Column("leased_by", sa.String(length=128), nullable=False),
        sa.Column("lease_until", _instant(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("finished_at", _instant(), nullable=True),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.correction_id"], name=op.f("fk_outbox_correction_id")),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("correction_id", name=op.f("uq_outbox_correction_id")),
    )
    op.create_index(op.f("ix_outbox_status_due_at"), "outbox", ["status", "due_at"], unique=False)


def _create_receipt() -> None:
    op.create_table(
        "receipt",
        sa.Column("receipt_id", _row_number(), nullable=False),
        sa.Column("correction_id", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(length=128), nullable=False),
        sa.Column("received_at", _instant(), nullable=False),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.correction_id"], name=op.f("fk_receipt_correction_id")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipt")),
    )
    op.create_index(op.f("ix_receipt_correction_id"), "receipt", ["correction_id"], unique=False)


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", _instant(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("row_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_subject"), "audit_log", ["subject"], unique=False)


def _create_audit_head() -> None:
    op.create_table(
        "audit_head",
        sa.Column("head_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("row_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("head_id", name=op.f("pk_audit_head")),
    )


def _create_kill_switch() -> None:
    op.create_table(
        "kill_switch",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("engaged_at", _instant(), nullable=False),
        sa.Column("engaged_by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_kill_switch")),
    )
