"""The ledger lets go of old messages and notices beside old decisions, and a dry run of none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.retaining.retention import Retention
from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.ledger.notices import Notice, record_notice
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.upkeep.decided import let_go


@pytest.fixture
def retention(policies: Policies, tmp_path: Path) -> Retention:
    """The shipped policy, with a year for messages and receipts."""
    shipped = policies.retention
    platform = shipped.platform.model_copy(update={"inbox_days": 365})
    policy = shipped.model_copy(update={"platform": platform, "receipt_days": 365})
    return Retention(policy, "policy-1", tmp_path / "audit_archive")


@pytest.fixture
def received(ledger: Ledger, noon: datetime) -> Ledger:
    """A ledger with an old and a recent message, and an old and a recent notice."""
    days = {"old": 400, "recent": 300}
    message = InboxMessage("tms", "milestones", "", noon, b"{}")
    LedgerInbox(ledger).keep(
        [replace(message, message_id=name, received_at=noon - timedelta(days=ago)) for name, ago in days.items()]
    )
    with ledger.unit_of_work() as work:
        for name, ago in days.items():
            record_notice(work, Notice("finance", name, "key", Observed.APPLIED, "", noon - timedelta(days=ago)))
        work.commit()
    return ledger


def test_messages_and_notices_go_when_their_period_is_over(
    received: Ledger, retention: Retention, noon: datetime
) -> None:
    effect = let_go(received, retention, actor="ada", now=noon, dry_run=False)

    assert (effect.counts["messages_erased"], effect.counts["notices_erased"]) == (1, 1)
    assert [kept.received_at for kept in LedgerInbox(received).read("tms", "milestones", 0)] == [
        noon - timedelta(days=300)
    ]
    assert let_go(received, retention, actor="ada", now=noon, dry_run=False).rows_removed == 0


def test_a_message_that_comes_after_others_went_is_later_than_all_that_were_read(
    received: Ledger, retention: Retention, noon: datetime
) -> None:
    inbox = LedgerInbox(received)
    last = inbox.read("tms", "milestones", 0)[-1].sequence_no
    later = let_go(received, retention, actor="ada", now=noon + timedelta(days=100), dry_run=False)
    inbox.keep([InboxMessage("tms", "milestones", "new", noon, b"{}")])

    assert later.counts["messages_erased"] == 2
    assert [message.body for message in inbox.read("tms", "milestones", last)] == [b"{}"]


def test_a_dry_run_counts_and_leaves_all(received: Ledger, retention: Retention, noon: datetime) -> None:
    rehearsed = let_go(received, retention, actor="ada", now=noon, dry_run=True)
    done = let_go(received, retention, actor="ada", now=noon, dry_run=False)

    assert rehearsed.counts == done.counts
    assert done.rows_removed == 2
