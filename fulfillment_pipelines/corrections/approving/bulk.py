"""Many corrections are decided on at once: all that wait because of one cause, or all of one kind.

All or nothing, in one transaction, with a count and sums that are stated first; each correction keeps an approval and
an audit row of its own. What one decision is belongs in `decisions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fulfillment_pipelines.corrections.approving.approval import require_grounds
from fulfillment_pipelines.corrections.approving.decisions import Decisions
from fulfillment_pipelines.corrections.approving.mandate import Refusal
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger.approvals import ApprovalDecision, Waiting, waiting_corrections
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_SHOWN_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What was decided, or would be.

    Attributes:
        decided: The corrections as they stand afterwards.
        refused: Those that this person may not decide on, or not now, and why.
        amounts: What the decided ones are worth, by currency.
    """

    decided: tuple[CorrectionRecord, ...]
    refused: tuple[tuple[CorrectionRecord, Refusal], ...]
    amounts: Mapping[str, Decimal]

    @property
    def awaiting_second(self) -> int:
        """How many of them wait for a second person now."""
        return sum(record.state is CorrectionState.PENDING for record in self.decided)


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """What a person orders.

    Attributes:
        wanted: Which corrections are meant.
        decision: What is decided on each.
        by: The person.
        reason: Why, in the person's words.
        skip_refused: Go on without those that this person may not decide on.
        expected_count: How many there must be; None where that was not looked at before.
    """

    wanted: Waiting
    decision: ApprovalDecision
    by: str
    reason: str
    skip_refused: bool = False
    expected_count: int | None = None


def decide_all(work: UnitOfWork, order: BulkOrder, *, policies: Policies, now: datetime) -> BulkResult:
    """Decide on all corrections that are meant, within the running transaction; the caller commits, or looks only.

    Args:
        work: The transaction; where it is not committed, nothing has happened.
        order: Which corrections, what, who and why.
        policies: Who must approve, and how it is delivered.
        now: The moment of the decision.

    Raises:
        BadDataError: Nothing that waits is meant.
        RejectedError: Some are refused to this person and are not to be skipped, or there are more or fewer than
            expected; nothing is done.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(order.by, order.reason, policies)
    work.take_turn("intake")
    meant = _meant(work, order.wanted)
    decisions = Decisions.prepared(work, meant, by=order.by, reason=order.reason, policies=policies, now=now)
    refused = tuple((record, refusal) for record in meant if (refusal := _decide(decisions, record, order.decision)))
    if refused and not order.skip_refused:
        raise _some_refused(order, len(meant), refused)
    if order.expected_count is not None and order.expected_count != len(decisions.decided):
        raise RejectedError(
            "Nothing is decided: there are not as many corrections as were looked at.",
            expected=f"{order.expected_count}",
            found=f"{len(decisions.decided)}",
            remedy="look again with --dry-run",
        )
    decisions.write(work)
    return BulkResult(tuple(decisions.decided), refused, amounts_of(decisions.decided))


def amounts_of(records: Iterable[CorrectionRecord]) -> Mapping[str, Decimal]:
    """Return what corrections are worth, by currency; nothing is added up across currencies."""
    amounts: dict[str, Decimal] = {}
    for record in records:
        if record.value_amount:
            amounts[record.currency] = amounts.get(record.currency, Decimal(0)) + record.value_amount
    return amounts


def _meant(work: UnitOfWork, wanted: Waiting) -> Sequence[CorrectionRecord]:
    if wanted == Waiting():
        raise BadDataError(
            "It is not said which corrections are meant.",
            expected="a cause, or a code, site, target or message",
            found="nothing, which would mean all there are",
            remedy="give --cause, --code, --node, --target or --message",
        )
    meant = waiting_corrections(work, wanted)
    if not meant:
        raise BadDataError(
            "No correction that waits for people is meant.",
            expected="at least one in the state PENDING",
            found="none",
            remedy="`fulfillment approvals list` shows those that wait",
        )
    return meant


def _decide(decisions: Decisions, record: CorrectionRecord, decision: ApprovalDecision) -> Refusal | None:
    return decisions.approve(record) if decision is ApprovalDecision.APPROVED else decisions.reject(record)


def _some_refused(order: BulkOrder, count: int, refused: Sequence[tuple[CorrectionRecord, Refusal]]) -> RejectedError:
    told = "; ".join(f"{record.correction_id}: {refusal.reason}" for record, refusal in refused[:_SHOWN_REFUSALS])
    more = f"; and {len(refused) - _SHOWN_REFUSALS} more" if len(refused) > _SHOWN_REFUSALS else ""
    return RejectedError(
        f"Nothing is decided: {len(refused)} of {count} corrections are not for {order.by} to decide on.",
        expected=f"each of the {count} to be one that {order.by} may decide on now",
        found=told + more,
        remedy="give --skip-refused to decide on the others, or ask somebody who may: " + refused[0][1].remedy,
    )
