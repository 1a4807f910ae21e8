"""Changes of policy files that people have proposed: kept with the text they began from, until a second person decides.

Who may propose and decide, and how a file is written, belongs in `corrections.governing`.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fulfillment_pipelines.ledger.tables import change_request
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


class ChangeState(StrEnum):
    """Where a proposed change stands."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """One row of `change_request`.

    Attributes:
        file_name: The policy file.
        base_hash: SHA-256 of the text the change was made from.
        content: The whole text as it is to be.
        reason: Why, in the words of who proposes it.
        proposed_by: Who.
        proposed_at: When.
        state: Where it stands.
        decided_by: Who approved, rejected or withdrew it; empty while it is open.
        decided_at: When; None while it is open.
        decision_reason: Why; empty while it is open.
        request_id: Identity; 0 until it is stored.
    """

    file_name: str
    base_hash: str
    content: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    state: ChangeState = ChangeState.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None
    decision_reason: str = ""
    request_id: int = 0

    @property
    def content_hash(self) -> str:
        """SHA-256 of the text as it is to be."""
        return text_hash(self.content)

    @property
    def subject(self) -> str:
        """What the audit log calls it."""
        return f"change:{self.request_id}"


def text_hash(text: str) -> str:
    """Return SHA-256 of a file's text, as policy editions know it."""
    return hashlib.sha256(text.encode()).hexdigest()


def insert_change(work: UnitOfWork, wanted: ChangeRequest) -> int:
    """Keep a proposed change and return its identity."""
    values = {name: value for name, value in asdict(wanted).items() if name != "request_id"}
    rows = work.rows(insert(change_request).values(values).returning(change_request.c.request_id))
    return int(rows[0].request_id)


def read_change(work: UnitOfWork, request_id: int) -> ChangeRequest | None:
    """Return a proposed change; None where there is none of that number."""
    rows = work.rows(select(change_request).where(change_request.c.request_id == request_id))
    return _change_of(rows[0]) if rows else None


def list_changes(work: UnitOfWork, *, file_name: str = "", limit: int = 100) -> list[ChangeRequest]:
    """Return proposed changes: those that are open first, then the latest.

    Args:
        work: A transaction.
        file_name: Only of this file; empty for all.
        limit: At most so many.
    """
    is_settled = change_request.c.state != ChangeState.OPEN
    query = select(change_request).order_by(is_settled, change_request.c.request_id.desc()).limit(limit)
    rows = work.rows(query.where(change_request.c.file_name == file_name) if file_name else query)
    return [_change_of(row) for row in rows]


def count_open_changes(work: UnitOfWork) -> int:
    """Return how many changes wait for a decision."""
    is_open = change_request.c.state == ChangeState.OPEN
    return int(work.rows(select(func.count()).select_from(change_request).where(is_open))[0][0])


def settle_change(work: UnitOfWork, settled: ChangeRequest) -> bool:
    """Write how an open change was decided, and return whether it was open still."""
    is_open = (change_request.c.request_id == settled.request_id) & (change_request.c.state == ChangeState.OPEN)
    decided = {
        "state": settled.state,
        "decided_by": settled.decided_by,
        "decided_at": settled.decided_at,
        "decision_reason": settled.decision_reason,
    }
    return bool(work.change(update(change_request).where(is_open).values(**decided)))


def _change_of(row: Row[Any]) -> ChangeRequest:
    values = {field.name: getattr(row, field.name) for field in fields(ChangeRequest)}
    return ChangeRequest(**(values | {"state": ChangeState(row.state)}))
