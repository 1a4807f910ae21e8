from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update

from fulfillment_pipelines.ledger.approved_content import ApprovedContent, approved_content
from fulfillment_pipelines.ledger.audit import AuditEntry, append
from fulfillment_pipelines.ledger.tables import audit_log
from fulfillment_pipelines.ledger.unit_of_work import Ledger


def _approve(ledger: Ledger, now: datetime, *approvals: tuple[str, str, str]) -> None:
    with ledger.unit_of_work() as work:
        for actor, action, content_hash in approvals:
            append(work, [AuditEntry(now, actor, action, "COR-1", {"content_hash": content_hash})])
        work.commit()


def _found(ledger: Ledger, correction_id: str = "COR-1") -> ApprovedContent | None:
    with ledger.reading() as work:
        return approved_content(work, correction_id)


def test_the_last_approval_of_a_correction_is_the_one_that_counts(ledger: Ledger, noon: datetime) -> None:
    assert _found(ledger) is None
    _approve(ledger, noon, ("policy", "correction.approved", "abc"), ("dispatch", "correction.sent", "xyz"))
    assert _found(ledger) == ApprovedContent("abc", "policy")
    _approve(ledger, noon, ("ada", "correction.approved", "def"))
    assert _found(ledger) == ApprovedContent("def", "ada")
    assert _found(ledger, "COR-2") is None


def test_what_only_waits_or_was_rejected_is_not_approved(ledger: Ledger, noon: datetime) -> None:
    _approve(ledger, noon, ("corrections", "correction.pending", "abc"), ("ada", "correction.rejected", "abc"))
    assert _found(ledger) is None


def test_a_row_that_was_changed_is_no_witness(
    ledger: Ledger, noon: datetime, tamper: Callable[[Callable[[Any], object]], None]
) -> None:
    _approve(ledger, noon, ("policy", "correction.approved", "abc"))
    tamper(lambda work: work.change(update(audit_log).values(actor="ada"), [{}]))
    assert _found(ledger) is None


def test_a_row_that_is_gone_is_no_witness(
    ledger: Ledger, noon: datetime, tamper: Callable[[Callable[[Any], object]], None]
) -> None:
    _approve(ledger, noon, ("policy", "correction.approved", "abc"))
    tamper(lambda work: work.change(delete(audit_log), [{}]))
    assert _found(ledger) is None
