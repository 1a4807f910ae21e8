"""A second person decides on a proposed change: rejected, or approved, and then the file follows at once.

Four eyes: who has proposed it does not approve it, also not in somebody else's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from fulfillment_pipelines.corrections.approving.approval import require_grounds
from fulfillment_pipelines.corrections.approving.mandate import Authority, Refusal
from fulfillment_pipelines.corrections.governing.changing import Trial, open_change, settle
from fulfillment_pipelines.corrections.governing.seeds_folder import SeedsFolder
from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import ConfigurationError, RejectedError, RetryableError
from fulfillment_pipelines.ledger.approvals import standing_delegations
from fulfillment_pipelines.ledger.change_requests import ChangeRequest, ChangeState
from fulfillment_pipelines.ledger.policy_editions import PolicyFile, record_policies_within
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that is in force.

    Attributes:
        request: The change.
        policies: What people have laid down from now on.
    """

    request: ChangeRequest
    policies: Policies


@dataclass(frozen=True, slots=True)
class Governed:
    """What a decision on a change is made with.

    Attributes:
        folder: Where the policy files are.
        trial: Whether all policies can be read with a text.
        policies: What people have laid down until now.
        rules: The rules in force, which the audit log names beside the files.
    """

    folder: SeedsFolder
    trial: Trial
    policies: Policies
    rules: tuple[PolicyFile, ...]

    def files(self, policies: Policies) -> Iterable[PolicyFile]:
        """Return all files that decide under these policies."""
        return (*(PolicyFile(policies.version, name, text) for name, text in policies.texts.items()), *self.rules)


def reject(
    work: UnitOfWork, request_id: int, *, by: str, reason: str, policies: Policies, now: datetime
) -> ChangeRequest:
    """Decide against a change, within the running transaction; the caller commits.

    Raises:
        RejectedError: This person may not, or gives no reason.
        LegalMoveError: It is decided already.
        BadDataError: There is no such change.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, reason, policies)
    work.take_turn("intake")
    request = open_change(work, request_id)
    refusal = why_not(work, request, by=by, policies=policies, now=now)
    if refusal is not None:
        raise _refused(by, "reject", request, refusal)
    return settle(work, request, ChangeState.REJECTED, by=by, reason=reason, policies=policies, now=now)


def approve(
    work: UnitOfWork,
    request_id: int,
    *,
    by: str,
    reason: str,
    governed: Governed,
    now: datetime,
    recorded_at: datetime,
) -> Applied:
    """Decide for a change and let the file say it. Commits: the file and the ledger change together or not at all.

    Args:
        work: The transaction.
        request_id: The change.
        by: Who decides.
        reason: Why.
        governed: What it is made with.
        now: The moment of the decision, in the deployment's time.
        recorded_at: The same by the machine's clock, in which versions of policies are recorded.

    Raises:
        RejectedError: This person may not, gives no reason, or the file was changed since.
        LegalMoveError: It is decided already.
        BadDataError: There is no such change, or its text does not fit any more.
        RetryableError: The folder cannot be written, or the ledger is busy; nothing was changed.
    """
    policies, folder = governed.policies, governed.folder
    require_grounds(by, reason, policies)
    work.take_turn("intake")
    request = open_change(work, request_id)
    refusal = why_not(work, request, by=by, policies=policies, now=now)
    if refusal is not None:
        raise _refused(by, "approve", request, refusal)
    folder.require_base(request.file_name, request.base_hash)
    governed.trial(request.file_name, request.content)
    settled = settle(work, request, ChangeState.APPROVED, by=by, reason=reason, policies=policies, now=now)
    before = folder.text(request.file_name)
    folder.replace(request.file_name, request.content)
    try:
        fresh = read_policies(folder.path)
        require_somebody_to_decide(fresh)
        record_policies_within(work, governed.files(fresh), actor=by, now=recorded_at)
        work.commit()
    except BaseException:
        with suppress(RetryableError):
            folder.replace(request.file_name, before)
        raise
    return Applied(settled, fresh)


def why_not(work: UnitOfWork, request: ChangeRequest, *, by: str, policies: Policies, now: datetime) -> Refusal | None:
    """Return why a person may not decide on a change; None where nothing speaks against it."""
    authority = Authority(policies.people, standing_delegations(work, now), now)
    role = policies.approvals.governance_role
    answer = authority.to_approve(by, role, proposers=[request.proposed_by], given=[])
    return answer if isinstance(answer, Refusal) else None


def require_somebody_to_decide(policies: Policies) -> None:
    """Do nothing where a later change could still be proposed by one person and decided by another.

    Raises:
        ConfigurationError: Nobody could decide any more, so that no change could ever be taken back here.
    """
    people = [person for person in policies.people.everybody if person.active]
    role = policies.approvals.governance_role
    deciders = {
        person.id
        for person in people
        if policies.people.holds(person.id, role) and policies.access.permits(person, Permission.CHANGE_DECIDE)
    }
    proposers = {person.id for person in people if policies.access.permits(person, Permission.CHANGE_PROPOSE)}
    if not any(proposers - {decider} for decider in deciders):
        raise ConfigurationError(
            "After this change nobody could change a policy any more.",
            expected=f"somebody active with the role {role} and {Permission.CHANGE_DECIDE}, and somebody else with "
            f"{Permission.CHANGE_PROPOSE}",
            found=", ".join(sorted(deciders)) or "nobody who could decide",
            remedy="leave one person more their role",
        )


def _refused(by: str, verb: str, request: ChangeRequest, refusal: Refusal) -> RejectedError:
    return RejectedError(
        f"{by} cannot {verb} the change of {request.file_name}: {refusal.reason}.",
        expected="somebody of governance who has not proposed it",
        found=by,
        remedy=refusal.remedy,
    )
