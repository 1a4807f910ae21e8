"""The audit log for people: what was looked for and found, and how a verification is getting on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from fulfillment_pipelines.console.verifying import Verification
from fulfillment_pipelines.ledger.audit import head_of
from fulfillment_pipelines.ledger.audit_chain import BEGINNING, ChainEnd
from fulfillment_pipelines.ledger.audit_search import AuditRow, AuditSearch, search_audit
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

PAGE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One row that was found.

    Attributes:
        row: As it was recorded.
        detail: What else it says, by name.
    """

    row: AuditRow
    detail: Mapping[str, object]

    @property
    def link(self) -> str:
        """Where what it was done to is shown; empty for nowhere."""
        subject = self.row.subject
        kinds = {"EXC-": "/cases/", "change:": "/governance/changes/", "COR-": "/integrations/dead-letters/"}
        found = next((kind for kind in kinds if subject.startswith(kind)), None)
        if found is None:
            return ""
        return kinds[found] + (subject.removeprefix(found) if found.endswith(":") else subject)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The page.

    Attributes:
        search: What was looked for.
        rows: What was found, the latest first.
        head: Where the log ends.
        has_more: Whether there are earlier rows.
        verification: The last verification; None for none since the console started.
    """

    search: AuditSearch
    rows: tuple[FoundRow, ...]
    head: ChainEnd
    has_more: bool
    verification: Verification | None

    @property
    def query(self) -> str:
        """What was looked for, as an address has it."""
        return _query(self.search)

    @property
    def next_query(self) -> str:
        """The same for the page that follows."""
        return _query(replace(self.search, before=self.rows[-1].row.sequence)) if self.has_more else ""

    @property
    def is_narrowed(self) -> bool:
        """Whether not everything was looked for."""
        return bool(_query(replace(self.search, before=None)))


def read_audit(work: UnitOfWork, search: AuditSearch, verification: Verification | None) -> AuditPage:
    """Return one page of what was looked for."""
    found = search_audit(work, replace(search, limit=PAGE_ROWS + 1))
    return AuditPage(
        search=search,
        rows=tuple(FoundRow(row, _detail(row.detail)) for row in found[:PAGE_ROWS]),
        head=head_of(work) or BEGINNING,
        has_more=len(found) > PAGE_ROWS,
        verification=verification,
    )


def _detail(text: str) -> Mapping[str, object]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {"detail": text}
    return content if isinstance(content, dict) else {"detail": text}


def _query(search: AuditSearch) -> str:
    asked = {
        "subject": search.subject,
        "actor": search.actor,
        "action": search.action,
        "request": search.request_id,
        "since": _minute(search.since),
        "until": _minute(search.until),
        "before": "" if search.before is None else str(search.before),
    }
    return urlencode({name: value for name, value in asked.items() if value})


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M}"
