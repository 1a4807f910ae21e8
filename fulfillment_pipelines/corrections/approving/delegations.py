"""One person lends another a role for a time: who, to whom, from when until when, and why.

Only a role of one's own is lent, so that what was lent is never lent on. What a delegate may then do belongs in
`mandate`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fulfillment_pipelines.corrections.approving.approval import require_grounds
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.approvals import Delegation, all_delegations, insert_delegation, revoke_delegation
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


def delegate(work: UnitOfWork, wanted: Delegation, *, by: str, policies: Policies, now: datetime) -> Delegation:
    """Lend a role, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        wanted: Who lends what to whom, from when until when, and why.
        by: Who arranges it: the person whose role it is, or somebody of governance, such as while that person is ill.
        policies: The people, and for how long a role may be lent.
        now: The moment.

    Returns:
        The delegation with its identity.

    Raises:
        RejectedError: The delegator has not the role, the delegate has left, the time is wrong or too long, or
            somebody else arranges it.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, wanted.reason, policies)
    policies.people.require_active(wanted.delegate)
    _require_parties(wanted, by, policies)
    _require_time(wanted, policies, now)
    granted = replace(wanted, delegation_id=insert_delegation(work, wanted))
    audit.append(work, [_entry(granted, by, "delegation.granted", wanted.reason, policies=policies, now=now)])
    return granted


def revoke(
    work: UnitOfWork, delegation_id: int, *, by: str, reason: str, policies: Policies, now: datetime
) -> Delegation:
    """Take a role back, within the running transaction; the caller commits. What was decided meanwhile stands.

    Args:
        work: The transaction.
        delegation_id: The delegation.
        by: One of its two people, or somebody of governance.
        reason: Why.
        policies: The people.
        now: The moment.

    Raises:
        BadDataError: There is no such delegation.
        RejectedError: It is over already, or somebody else revokes it.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, reason, policies)
    found = next((one for one in all_delegations(work) if one.delegation_id == delegation_id), None)
    if found is None:
        raise BadDataError(
            f"There is no delegation {delegation_id}.",
            expected="the number of a delegation",
            found="none of that number",
            remedy="`fulfillment approvals delegations --all` lists them",
        )
    if found.revoked_at is not None or found.valid_until <= now:
        raise RejectedError(
            f"Delegation {delegation_id} is over already.",
            expected="one that stands or begins later",
            found=f"it ended at {found.revoked_at or found.valid_until:%Y-%m-%d %H:%M}Z",
            remedy="nothing is to be done",
        )
    _require_arranger(by, {found.delegator, found.delegate}, policies)
    revoke_delegation(work, delegation_id, now)
    revoked = replace(found, revoked_at=now)
    audit.append(work, [_entry(revoked, by, "delegation.revoked", reason, policies=policies, now=now)])
    return revoked


def _require_parties(wanted: Delegation, by: str, policies: Policies) -> None:
    if wanted.delegate == wanted.delegator:
        raise RejectedError(
            f"{wanted.delegator} cannot lend a role to themselves.",
            expected="two people",
            found=wanted.delegate,
            remedy="name somebody else",
        )
    if not policies.people.holds(wanted.delegator, wanted.role):
        raise RejectedError(
            f"{wanted.delegator} has not the role {wanted.role} and cannot lend it; what is lent is not lent on.",
            expected=f"one of {', '.join(policies.people.holders(wanted.role)) or 'nobody: no such role'}",
            found=wanted.delegator,
            remedy="let a person lend it who has it",
        )
    _require_arranger(by, {wanted.delegator}, policies)


def _require_arranger(by: str, own: set[str], policies: Policies) -> None:
    governance = policies.approvals.governance_role
    if by in own or policies.people.holds(by, governance):
        return
    raise RejectedError(
        f"{by} cannot arrange what concerns {' and '.join(sorted(own))}.",
        expected=f"{' or '.join(sorted(own))}, or somebody with the role {governance}",
        found=by,
        remedy=f"ask one of {', '.join(policies.people.holders(governance))}",
    )


def _require_time(wanted: Delegation, policies: Policies, now: datetime) -> None:
    longest = timedelta(days=policies.approvals.longest_delegation_days)
    if wanted.valid_from < wanted.valid_until <= wanted.valid_from + longest and wanted.valid_until > now:
        return
    raise RejectedError(
        "The time of the delegation cannot be.",
        expected=f"an end that lies ahead, at most {longest.days} days after the beginning",
        found=f"{wanted.valid_from:%Y-%m-%d %H:%M}Z to {wanted.valid_until:%Y-%m-%d %H:%M}Z",
        remedy="correct --from and --until; who is away for longer is changed in people.yaml",
    )


def _entry(
    delegation: Delegation, by: str, action: str, reason: str, *, policies: Policies, now: datetime
) -> audit.AuditEntry:
    return audit.AuditEntry(
        recorded_at=now,
        actor=by,
        action=action,
        subject=f"delegation:{delegation.delegation_id}",
        detail={
            "delegator": delegation.delegator,
            "delegate": delegation.delegate,
            "role": delegation.role,
            "valid_from": delegation.valid_from.isoformat(),
            "valid_until": delegation.valid_until.isoformat(),
        },
        reason=reason,
        policy_version=policies.version,
    )
