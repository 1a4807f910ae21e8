"""What was and will be exchanged with trading partners, as part of the truth. Tables only."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from fulfillment_pipelines.twin.world.truth_tables import TRUTH

edi_documents = Table(
    "edi_documents",
    TRUTH,
    Column("document_id", Integer, primary_key=True),
    Column("partner_id", Text, nullable=False),
    Column("direction", Text, nullable=False),  # IN or OUT, seen from the distributor
    Column("set_type", Text, nullable=False),
    Column("about", Text, nullable=False),  # what it was made for, once for each set type
    Column("group_no", Integer, nullable=False),
    Column("set_no", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("ack_at", BigInteger),  # when its 997 comes; null for never
    Column("ack_status", Text, nullable=False),
    Column("answered_at", BigInteger),  # when its 997 has come
    Column("segments", JSON, nullable=False),  # without ST and SE
    Index("documents_by_subject", "set_type", "about"),
    Index("documents_by_answer", "ack_at"),
)
edi_silences = Table(
    "edi_silences",
    TRUTH,
    Column("set_type", Text, primary_key=True),
    Column("about", Text, primary_key=True),
    Column("ack_status", Text, nullable=False),  # what the partner answers; empty for nothing
)
"""Documents that partners will refuse or not answer: what a fault has arranged before they are sent."""
