"""Looking for rows of the audit log: by whom, what, to what, when and in which request; a page at a time.

The chain and its verification belong in `audit`; files of rows, in `audit_export`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from fulfillment_pipelines.ledger.audit import read_rows
from fulfillment_pipelines.ledger.audit_export import line_of
from fulfillment_pipelines.ledger.tables import audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Which rows are looked for. An empty condition holds for every row.

    Attributes:
        subject: What it was done to, exactly.
        actor: Who did it, exactly.
        action: What was done, or how that begins: `correction.` finds all that was done with corrections.
        request_id: What was recorded in this request.
        since: Recorded at this moment or later.
        until: Recorded before this moment.
        before: Only rows with a smaller number, to go on with the next page.
        limit: At most so many, the latest first.
    """

    subject: str = ""
    actor: str = ""
    action: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a row must fulfil."""
        columns = audit_log.c
        found = [columns.subject == self.subject] if self.subject else []
        found += [columns.actor == self.actor] if self.actor else []
        found += [columns.action.startswith(self.action, autoescape=True)] if self.action else []
        if self.request_id:
            found.append(columns.detail.contains(f'"request_id":"{self.request_id}"', autoescape=True))
        found += [columns.recorded_at >= self.since] if self.since else []
        found += [columns.recorded_at < self.until] if self.until else []
        return [*found, columns.sequence < self.before] if self.before is not None else found


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the audit log, for people."""

    sequence: int
    recorded_at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    reason: str
    policy_version: str
    row_hash: str


_COLUMNS = tuple(audit_log.c[name] for name in AuditRow.__slots__)


def found_lines(work: UnitOfWork, wanted: AuditSearch) -> Iterator[str]:
    """Return all rows that are looked for as lines of an exported file, in their order."""
    for row in read_rows(work, where=wanted.conditions()):
        yield line_of(row)


def search_audit(work: UnitOfWork, wanted: AuditSearch) -> list[AuditRow]:
    """Return rows of the database, the latest first; what was moved to archives is not among them."""
    query = select(*_COLUMNS).where(*wanted.conditions())
    rows = work.rows(query.order_by(audit_log.c.sequence.desc()).limit(wanted.limit))
    return [AuditRow(**row._mapping) for row in rows]  # noqa: SLF001 - the public name of a row's columns and values
