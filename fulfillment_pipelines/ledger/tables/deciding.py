"""Tables of what is decided and done: cases, corrections, approvals, deliveries, policies, the audit log.

Only declarations belong here; `migrations/` brings a database to this shape.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from fulfillment_pipelines.ledger.tables.metadata import METADATA, ROW_NUMBER
from fulfillment_pipelines.ledger.types import Instant, ScaledDecimal

exception_case = Table(
    "exception_case",
    METADATA,
    Column("case_id", String(20), primary_key=True),
    Column("code", String(16), nullable=False),
    Column("business_key", Text, nullable=False),
    Column("node", String(64), nullable=False),
    Column("order_id", String(128), nullable=False),
    Column("state", String(24), nullable=False),
    Column("severity", String(4), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("assignee", String(128)),
    Column("value_at_risk_amount", ScaledDecimal(2), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("expected_value", Text, nullable=False),
    Column("actual_value", Text, nullable=False),
    Column("delta_qty", ScaledDecimal(4)),
    Column("condition_since", Instant, nullable=False),
    Column("detected_at", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("first_breaks_at", Instant, nullable=False),
    Column("ack_due_at", Instant, nullable=False),
    Column("fix_due_at", Instant, nullable=False),
    Column("acked_at", Instant),
    Column("closed_at", Instant),
    Column("last_seen_watermark_at", Instant, nullable=False),
    Column("proving_watermark_at", Instant),
    Column("times_opened", Integer, nullable=False),
    Column("rule_version", String(64), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("parent_case_id", String(20), ForeignKey("exception_case.case_id")),
    Column("suppressed_until", Instant),
    Index(None, "closed_at", "code"),
    # All that the queue filters, sorts and counts by: it reads one index, whatever is asked, and few rows of the table.
    Index(
        "ix_exception_case_queue",
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
    ),
    Index(
        None,
        "assignee",
        "fix_due_at",
        sqlite_where=text("assignee is not null"),
        postgresql_where=text("assignee is not null"),
    ),
    Index(
        None,
        "suppressed_until",
        sqlite_where=text("suppressed_until is not null"),
        postgresql_where=text("suppressed_until is not null"),
    ),
    Index(None, "business_key"),
    Index(None, "order_id"),
    Index(None, "parent_case_id"),
)
"""One row per exception: code, business key and node."""

case_event = Table(
    "case_event",
    METADATA,
    Column("event_id", ROW_NUMBER, primary_key=True),
    Column("case_id", String(20), ForeignKey("exception_case.case_id"), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("event", String(48), nullable=False),
    Column("from_state", String(24), nullable=False),
    Column("to_state", String(24), nullable=False),
    Column("watermark_at", Instant),
    Column("note", Text, nullable=False),
    Index(None, "case_id"),
)
"""One row per thing that happened to a case; never changed."""

correction = Table(
    "correction",
    METADATA,
    Column("correction_id", String(20), primary_key=True),
    Column("case_id", String(20), ForeignKey("exception_case.case_id"), nullable=False),
    Column("code", String(16), nullable=False),
    Column("node", String(64), nullable=False),
    Column("target", String(64), nullable=False),
    Column("message", String(64), nullable=False),
    Column("correction_class", String(1), nullable=False),
    Column("payload", Text, nullable=False),
    Column("precondition", Text, nullable=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("state", String(24), nullable=False),
    Column("rule_version", String(64), nullable=False),
    Column("judgement_reason", Text, nullable=False),
    Column("value_amount", ScaledDecimal(2), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("watermark_at", Instant, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", String(128), nullable=False),
    Column("clause_id", String(64), nullable=False),
    Column("decision_reason", Text, nullable=False),
    Column("sent_at", Instant),
    Column("acked_at", Instant),
    Column("reference", Text, nullable=False),
    Column("verified_at", Instant),
    Column("proving_watermark_at", Instant),
    Column("unproved_watermarks", Integer, nullable=False),
    Column("last_unproved_watermark_at", Instant),
    Column("superseded_by", String(20)),
    Column("version", Integer, nullable=False),
    Column("replaces", String(20)),
    Column("proposed_by", String(128), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("evidence_hash", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("diff", Text, nullable=False),
    Column("inverse", Text, nullable=False),
    Column("impact", Text, nullable=False),
    Column("approver_role", String(64), nullable=False),
    Column("approvals_needed", Integer, nullable=False),
    Column("expires_at", Instant),
    UniqueConstraint("idempotency_key"),
    Index(None, "case_id"),
    Index(None, "state"),
    Index(None, "target", "decided_at"),
)
"""One row per effect on one system: case, opening, target, message, payload and rule version."""

approval = Table(
    "approval",
    METADATA,
    Column("approval_id", ROW_NUMBER, primary_key=True),
    Column("correction_id", String(20), ForeignKey("correction.correction_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("on_behalf_of", String(128), nullable=False),
    Column("role", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Index(None, "correction_id"),
)
"""One row per decision of a person on a correction, bound to the content that was decided on; never changed."""

delegation = Table(
    "delegation",
    METADATA,
    Column("delegation_id", ROW_NUMBER, primary_key=True),
    Column("delegator", String(128), nullable=False),
    Column("delegate", String(128), nullable=False),
    Column("role", String(64), nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("revoked_at", Instant),
    Index(None, "delegate"),
)
"""One row per time that one person lends another a role."""

outbox = Table(
    "outbox",
    METADATA,
    Column("outbox_id", ROW_NUMBER, primary_key=True),
    Column("correction_id", String(20), ForeignKey("correction.correction_id"), nullable=False),
    Column("target", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("next_step", String(16), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("read_backs", Integer, nullable=False),
    Column("leased_by", String(128), nullable=False),
    Column("lease_until", Instant),
    Column("last_error", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("priority", Integer, nullable=False),
    Column("ordering_key", Text, nullable=False),
    Column("via", String(64), nullable=False),
    Column("deadline_at", Instant),
    UniqueConstraint("correction_id"),
    Index(None, "status", "priority", "due_at"),
    Index(None, "target", "ordering_key"),
)
"""One row per correction that was approved: what is still to be done to deliver it."""

receipt = Table(
    "receipt",
    METADATA,
    Column("receipt_id", ROW_NUMBER, primary_key=True),
    Column("correction_id", String(20), ForeignKey("correction.correction_id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step", String(16), nullable=False),
    Column("outcome", String(24), nullable=False),
    Column("reference", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("worker", String(128), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("system", String(64), nullable=False, server_default=""),
    Index(None, "correction_id"),
    Index(None, "system", "received_at"),
)
"""One row per attempt to send or to read back, whatever came of it; never changed."""

target_health = Table(
    "target_health",
    METADATA,
    Column("target", String(64), primary_key=True),
    Column("circuit", String(16), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("opened_at", Instant),
    Column("probe_at", Instant),
    Column("next_send_at", Instant),
    Column("changed_at", Instant, nullable=False),
)
"""One row per system that was ever written to: its circuit, and when its rate limit lets the next message go."""

target_notice = Table(
    "target_notice",
    METADATA,
    Column("target", String(64), primary_key=True),
    Column("notice_id", String(128), primary_key=True),
    Column("idempotency_key", String(64), nullable=False),
    Column("observed", String(16), nullable=False),
    Column("reference", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index(None, "idempotency_key"),
)
"""One row per notice in which a target said later what it did with a message; a repeated notice is the same row."""

inbox_message = Table(
    "inbox_message",
    METADATA,
    Column("sequence_no", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("system", String(64), nullable=False),
    Column("entity", String(64), nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("system", "entity", "message_id"),
    sqlite_autoincrement=True,
)
"""One row per message that a system sent by itself, by webhook or through a broker; one sent again is the same row."""

edi_control_number = Table(
    "edi_control_number",
    METADATA,
    Column("sender_id", String(32), primary_key=True),
    Column("receiver_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("allocated_at", Instant, nullable=False),
    UniqueConstraint("sender_id", "receiver_id", "idempotency_key"),
)
"""One row per interchange that was given a control number; the same message keeps its number."""

policy_edition = Table(
    "policy_edition",
    METADATA,
    Column("policy_version", String(64), primary_key=True),
    Column("file_name", String(64), primary_key=True),
    Column("content_hash", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)
"""One row per policy file of each set of policies that was ever in force, so that a decision can be judged by them."""

audit_log = Table(
    "audit_log",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("evidence_hash", String(64), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("row_hash", String(64), nullable=False),
    Index(None, "subject"),
    Index(None, "recorded_at"),
)
"""One row per decision or effect, each bound to the one before it by its hash; never changed."""

audit_head = Table(
    "audit_head",
    METADATA,
    Column("head_id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("row_hash", String(64), nullable=False),
)
"""One row in all: where the audit log ends, so that a cut tail is seen."""

audit_archive = Table(
    "audit_archive",
    METADATA,
    Column("last_sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("last_row_hash", String(64), nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_hash", String(64), nullable=False),
    Column("archived_at", Instant, nullable=False),
    Column("archived_by", String(128), nullable=False),
)
"""One row per time that old rows of the audit log were moved to a file; the chain goes on from the last."""

archiving_guard = Table(
    "archiving_guard",
    METADATA,
    Column("guard_id", Integer, primary_key=True, autoincrement=False),
    Column(
        "closed_by",
        Integer,
        ForeignKey("archiving_guard.guard_id", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
)
"""One row while a transaction archives, and none otherwise: it refers to a row that is never made, so that no commit
takes it. As long as it is there, and for that transaction alone, rows that were recorded may be deleted."""

kill_switch = Table(
    "kill_switch",
    METADATA,
    Column("scope", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("engaged_at", Instant, nullable=False),
    Column("engaged_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
)
"""One row per switch that is engaged now: a target, a rule, a case, or everything."""

agreed_shape = Table(
    "agreed_shape",
    METADATA,
    Column("system", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("contract_version", String(64), primary_key=True),
    Column("agreed_at", Instant, primary_key=True),
    Column("agreed_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("snapshot_id", String(64), nullable=False),
    Column("shape", Text, nullable=False),
)
"""One row per time that the shape of a feed was agreed on for a contract version; the last counts, none is changed."""

live_lease = Table(
    "live_lease",
    METADATA,
    Column("lease_id", String(16), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("held_until", Instant, nullable=False),
    Column("shown_at", Instant, nullable=False),
)
"""At most one row: the process that runs the live loop, until when by the database's clock, and when it last showed
itself."""

# Temporary and of one connection: the keys a set-wise statement is about.
staged_key = Table("staged_key", MetaData(), Column("key", Text, primary_key=True), prefixes=["temporary"])
"""One row per key (case or business key) that the running transaction is about; see `UnitOfWork.stage`."""
