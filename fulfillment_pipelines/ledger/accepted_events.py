"""Events that the API has taken: each once, by the key its source gave it.

What an event says is kept in the inbox; here stands that it was taken, and what was answered.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import insert, select

from fulfillment_pipelines.ledger.tables import accepted_event
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """One row of `accepted_event`.

    Attributes:
        source: Declared name of the system it came from.
        idempotency_key: The source's own key of it.
        body_hash: SHA-256 of the request.
        accepted_at: When it was taken.
        answer: What was answered, byte for byte.
    """

    source: str
    idempotency_key: str
    body_hash: str
    accepted_at: datetime
    answer: bytes


def read_accepted(work: UnitOfWork, source: str, idempotency_key: str) -> AcceptedEvent | None:
    """Return what was taken under a key; None for nothing."""
    known = accepted_event.c
    rows = work.rows(select(accepted_event).where(known.source == source, known.idempotency_key == idempotency_key))
    names = (field.name for field in fields(AcceptedEvent))
    return AcceptedEvent(**{name: getattr(rows[0], name) for name in names}) if rows else None


def insert_accepted(work: UnitOfWork, taken: AcceptedEvent) -> None:
    """Note that an event was taken.

    Raises:
        RetryableError: It is noted already, or the ledger is busy.
    """
    work.change(insert(accepted_event), [asdict(taken)])
