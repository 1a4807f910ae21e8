"""What waits for people, and who of them may approve it now: the list that approvers work from.

Everything here only reads; use it within `Ledger.reading()`. Deciding belongs in `approval` and `bulk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fulfillment_pipelines.corrections.approving.approval_policy import awaiting_people
from fulfillment_pipelines.corrections.approving.decisions import standing_approvals
from fulfillment_pipelines.corrections.approving.mandate import Authority, Mandate
from fulfillment_pipelines.corrections.approving.versions import proposers_of
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.ledger.approvals import (
    Approval,
    Waiting,
    approvals_given,
    correction_by_id,
    standing_delegations,
    waiting_corrections,
)
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One correction that waits for people.

    Attributes:
        record: The correction, with what it needs.
        given: The approvals it has.
        able: Who may approve it now, by their own right or by delegation.
        left: How long until it lapses; None where it never does, and not positive where it has.
    """

    record: CorrectionRecord
    given: Sequence[Approval]
    able: tuple[str, ...]
    left: timedelta | None


def approval_queue(
    work: UnitOfWork, wanted: Waiting, *, policies: Policies, now: datetime, mine: str = ""
) -> list[QueueItem]:
    """Return what waits for people; what lapses first comes first.

    Args:
        work: The transaction.
        wanted: Which corrections.
        policies: Who must approve.
        now: The moment.
        mine: Only those that this person may approve now; empty for all.
    """
    authority = Authority(policies.people, standing_delegations(work, now), now)
    waiting = [
        record if record.approver_role else awaiting_people(record, policies.approvals, now)
        for record in waiting_corrections(work, wanted)
    ]
    given = approvals_given(work, (record.correction_id for record in waiting))
    items = [_item(work, record, given.get(record.correction_id, ()), authority) for record in waiting]
    return [item for item in items if not mine or mine in item.able]


def _item(work: UnitOfWork, record: CorrectionRecord, given: Sequence[Approval], authority: Authority) -> QueueItem:
    standing = standing_approvals(record, given, authority.people)
    proposers = proposers_of(record, _versions(work, record))
    able = tuple(
        person
        for person in authority.able(record.approver_role)
        if isinstance(authority.to_approve(person, record.approver_role, proposers=proposers, given=standing), Mandate)
    )
    left = record.expires_at - authority.now if record.expires_at else None
    return QueueItem(record, standing, able, left)


def _versions(work: UnitOfWork, record: CorrectionRecord) -> Sequence[CorrectionRecord]:
    found: list[CorrectionRecord] = []
    before = correction_by_id(work, record.replaces) if record.replaces else None
    while before is not None:
        found.append(before)
        before = correction_by_id(work, before.replaces) if before.replaces else None
    return found
