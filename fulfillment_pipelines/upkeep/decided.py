"""Let go of old decisions as the retention policy has it, and of old messages and notices that systems sent."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from fulfillment_pipelines.corrections.retaining.retention import Retention, RetentionResult, retain
from fulfillment_pipelines.ledger.retention import erase_messages, erase_notices
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.upkeep.effects import Effect, Stock

NAME: Final = "ledger"


def let_go(ledger: Ledger, retention: Retention, *, actor: str, now: datetime, dry_run: bool) -> Effect:
    """Apply the retention policy to the whole ledger.

    Args:
        ledger: The ledger.
        retention: The policy, and the folder of archives.
        actor: Who does it, for the audit log.
        now: The moment, in the time of the deployment.
        dry_run: Whether to leave all as it is.

    Raises:
        RetryableError: The ledger is busy, or an archive cannot be written.
    """
    before = _stock_of(ledger, retention)
    with ledger.unit_of_work() as work:
        result = retain(work, retention, actor=actor, now=now, dry_run=dry_run)
        notices = erase_notices(work, now - timedelta(days=retention.policy.receipt_days))
        if not dry_run:
            work.commit()
    with ledger.unit_of_work() as work:
        messages = erase_messages(work, now - timedelta(days=retention.policy.platform.inbox_days))
        if not dry_run:
            work.commit()
    erased = {f"{name}_erased": count for name, count in asdict(result.erased).items()}
    counts = {**erased, "notices_erased": notices, "messages_erased": messages, "audit_rows_archived": 0}
    counts["audit_rows_archived"] = result.archived_rows
    return Effect(
        NAME,
        before,
        _stock_of(ledger, retention),
        rows_removed=sum(counts.values()),
        counts=counts,
        kept=tuple(_reasons(result)),
    )


def _stock_of(ledger: Ledger, retention: Retention) -> Stock:
    """Count the ledger's files and its archives, as far as they lie on this machine."""
    stock = Stock.of(retention.folder)
    for path in ledger.files:
        stock += Stock(1, path.stat().st_size)
    return stock


def _reasons(result: RetentionResult) -> list[str]:
    held = [
        f"Legal hold {hold.hold_id} of {hold.by} keeps {len(hold.case_ids)} cases: {hold.reason}."
        for hold in result.held
        if hold.case_ids
    ]
    causes = [f"{len(result.causes)} cases stay as the cause of a case that stays."] if result.causes else []
    return held + causes
