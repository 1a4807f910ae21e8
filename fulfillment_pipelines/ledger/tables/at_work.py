"""Tables of people at work in the console: accounts, sessions, tokens, saved views, links, proposed changes.

Only declarations belong here; `migrations/` brings a database to this shape.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from fulfillment_pipelines.ledger.tables.metadata import METADATA, ROW_NUMBER
from fulfillment_pipelines.ledger.types import Instant

account = Table(
    "account",
    METADATA,
    Column("person_id", String(64), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("failed_attempts", Integer, nullable=False),
    Column("locked_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)
"""One row per person who signs in with a password; who they are and what they may is in `people.yaml`."""

session = Table(
    "session",
    METADATA,
    Column("session_hash", String(64), primary_key=True),
    Column("person_id", String(64), nullable=False),
    Column("csrf_token", String(64), nullable=False),
    Column("signed_in_by", String(16), nullable=False),
    Column("signed_in_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index(None, "person_id"),
    Index(None, "expires_at"),
)
"""One row per browser that is signed in; the cookie's value is only kept as its hash."""

api_token = Table(
    "api_token",
    METADATA,
    Column("token_id", String(20), primary_key=True),
    Column("token_hash", String(64), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("token_hash"),
    Index(None, "person_id"),
)
"""One row per token of the API that was ever given out, kept as its hash; it acts as its person, within its scopes."""

saved_view = Table(
    "saved_view",
    METADATA,
    Column("view_id", ROW_NUMBER, primary_key=True),
    Column("person_id", String(64), nullable=False),
    Column("team", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("query", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("person_id", "team", "name"),
)
"""One row per view of the queue that somebody has saved: for oneself, or for a team."""

case_link = Table(
    "case_link",
    METADATA,
    Column("link_id", ROW_NUMBER, primary_key=True),
    Column("case_id", String(20), ForeignKey("exception_case.case_id"), nullable=False),
    Column("system", String(64), nullable=False),
    Column("reference", String(255), nullable=False),
    Column("linked_by", String(128), nullable=False),
    Column("linked_at", Instant, nullable=False),
    UniqueConstraint("case_id", "system", "reference"),
)
"""One row per record of another system that belongs to a case, such as the case of the customer service."""

change_request = Table(
    "change_request",
    METADATA,
    Column("request_id", ROW_NUMBER, primary_key=True),
    Column("file_name", String(64), nullable=False),
    Column("base_hash", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("proposed_by", String(128), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("decided_by", String(128), nullable=False),
    Column("decided_at", Instant),
    Column("decision_reason", Text, nullable=False),
    Index(None, "state"),
)
"""One row per change of a policy file that somebody has proposed; a second person decides."""

accepted_event = Table(
    "accepted_event",
    METADATA,
    Column("source", String(64), primary_key=True),
    Column("idempotency_key", String(128), primary_key=True),
    Column("body_hash", String(64), nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Index(None, "accepted_at"),
)
"""One row per event that the API has taken; the same event again gets the same answer and has no second effect."""
