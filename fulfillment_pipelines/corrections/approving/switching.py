"""A person throws a kill switch: anybody active may stop, only governance lets go on.

What a switch stops is in the gate, in `obstacles` and in the outbox; how it is kept, in `ledger.switches`.
"""

from __future__ import annotations

from datetime import datetime

from fulfillment_pipelines.corrections.approving.approval import require_grounds
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger import switches
from fulfillment_pipelines.ledger.switches import KillSwitch, engaged_switches
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


def engage(work: UnitOfWork, switch: KillSwitch, *, by: str, reason: str, policies: Policies, now: datetime) -> None:
    """Stop everything a switch covers, within the running transaction; the caller commits.

    Raises:
        RejectedError: Nobody of that name decides here, or no reason is given.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, reason, policies)
    switches.engage(work, switch, actor=by, reason=reason, now=now)


def release(work: UnitOfWork, switch: KillSwitch, *, by: str, reason: str, policies: Policies, now: datetime) -> None:
    """Let go on what a switch had stopped, within the running transaction; the caller commits.

    Raises:
        RejectedError: The switch is not engaged, the person is not of governance, or no reason is given.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, reason, policies)
    governance = policies.approvals.governance_role
    if not policies.people.holds(by, governance):
        raise RejectedError(
            f"{by} cannot release a kill switch.",
            expected=f"somebody with the role {governance}",
            found=by,
            remedy=f"ask one of {', '.join(policies.people.holders(governance))}",
        )
    if switch not in engaged_switches(work):
        raise RejectedError(
            f"The kill switch {switch.scope} {switch.name}".rstrip() + " is not engaged.",
            expected="one of the switches that are",
            found="no such switch",
            remedy="`fulfillment switches list` shows them",
        )
    switches.release(work, switch, actor=by, reason=reason, now=now)
