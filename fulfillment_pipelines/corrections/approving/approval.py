"""A person approves or rejects a correction that waits for people.

Decision, outbox row, case move and audit row are one transaction. What is approved is one content, by its hash: an
edit makes another correction, which needs an approval of its own (`editing`). Many at once belong in `bulk`.

A rejected effect is not proposed again by the same difference: not as long as its case stays open, the rule stays the
same and the rule would write the same content. What changes one of them is another effect, and is proposed anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fulfillment_pipelines.corrections.approving.decisions import Decisions
from fulfillment_pipelines.corrections.approving.mandate import Refusal
from fulfillment_pipelines.corrections.approving.obstacles import why_it_waits_no_more
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger.approvals import correction_by_id
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, corrections_of
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


def approve(
    work: UnitOfWork, identity: str, *, by: str, reason: str, policies: Policies, now: datetime
) -> CorrectionRecord:
    """Approve a correction that waits for people, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        identity: The correction, or the case whose correction is meant.
        by: The person: with the role it needs, or a valid delegation of it, and not who proposed it.
        reason: Why, in the person's words.
        policies: Who must approve, and how it is delivered.
        now: The moment of the decision.

    Returns:
        The correction as it stands now: approved and in the outbox, or waiting for a second person.

    Raises:
        RejectedError: This person may not, or it comes too late; says who may, or what to do.
        BadDataError: There is no such correction.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    return _decide(work, identity, Decisions.approve, by=by, reason=reason, policies=policies, now=now)


def reject(
    work: UnitOfWork, identity: str, *, by: str, reason: str, policies: Policies, now: datetime
) -> CorrectionRecord:
    """Reject a correction that waits for people, within the running transaction; the caller commits.

    Its case goes back to the person who has it, or to the team's queue. Whoever has the role may reject, also who
    proposed it.

    Args:
        work: The transaction.
        identity: The correction, or the case whose correction is meant.
        by: The person.
        reason: Why, in the person's words.
        policies: Who must approve.
        now: The moment of the decision.

    Raises:
        RejectedError: This person may not, or it comes too late; says who may, or what to do.
        BadDataError: There is no such correction.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    return _decide(work, identity, Decisions.reject, by=by, reason=reason, policies=policies, now=now)


def require_grounds(by: str, reason: str, policies: Policies) -> None:
    """Do nothing where an active person gives a reason.

    Raises:
        RejectedError: Nobody of that name decides here, or nothing is said.
    """
    policies.people.require_active(by)
    if not reason.strip():
        raise RejectedError(
            "A person's decision needs a reason.",
            expected="words that somebody else can judge it by later",
            found="nothing",
            remedy='give --reason "..."',
        )


def correction_of(work: UnitOfWork, identity: str) -> CorrectionRecord:
    """Return a correction.

    Raises:
        BadDataError: There is no such correction.
    """
    record = correction_by_id(work, identity)
    if record is None:
        raise BadDataError(
            f"There is no correction {identity}.",
            expected="the identity of a correction in this ledger, COR- and 16 hexadecimal digits",
            found="no correction of that identity",
            remedy="`fulfillment corrections list` shows the corrections there are",
        )
    return record


def refused(by: str, verb: str, record: CorrectionRecord, refusal: Refusal) -> RejectedError:
    """Return the error that tells a person why a decision is not taken."""
    return RejectedError(
        f"{by} cannot {verb} {record.correction_id} ({record.message} to {record.target}): {refusal.reason}.",
        expected=f"{record.approvals_needed} x {record.approver_role}" if record.approver_role else "",
        remedy=refusal.remedy,
    )


def _decide(
    work: UnitOfWork,
    identity: str,
    act: Callable[[Decisions, CorrectionRecord], Refusal | None],
    *,
    by: str,
    reason: str,
    policies: Policies,
    now: datetime,
) -> CorrectionRecord:
    require_grounds(by, reason, policies)
    work.take_turn("intake")
    verb = act.__name__
    record = _waiting(work, identity, by, verb)
    decisions = Decisions.prepared(work, [record], by=by, reason=reason, policies=policies, now=now)
    refusal = act(decisions, record)
    if refusal is not None:
        raise refused(by, verb, record, refusal)
    decisions.write(work)
    return decisions.decided[0]


def _waiting(work: UnitOfWork, identity: str, by: str, verb: str) -> CorrectionRecord:
    if not identity.startswith("EXC-"):
        record = correction_of(work, identity)
        if record.state is not CorrectionState.PENDING:
            raise refused(by, verb, record, why_it_waits_no_more(record))
        return record
    of_case = corrections_of(work, [identity]).get(identity, ())
    waiting = [record for record in of_case if record.state is CorrectionState.PENDING]
    if not waiting:
        raise RejectedError(
            f"No correction of {identity} waits for a person.",
            expected="a correction in the state PENDING",
            remedy="`fulfillment exceptions show` tells where its corrections stand",
        )
    return waiting[-1]
