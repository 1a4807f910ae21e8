"""What people decide on the corrections of a case: approve, reject, change, send again; and stop everything for it.

The commands of `corrections.approving` decide who may and what follows; a correction is decided on by its own identity,
so that nobody approves a version that somebody has replaced meanwhile.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of, posted_form
from fulfillment_pipelines.console.pages.case_work import Reason, Seen, acted
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.approving import approval
from fulfillment_pipelines.corrections.approving.editing import Edit, edit, typed_changes
from fulfillment_pipelines.corrections.approving.replay import replay
from fulfillment_pipelines.corrections.approving.switching import engage
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.exceptions.working.case_at_hand import at_hand
from fulfillment_pipelines.ledger.approvals import correction_by_id
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter()

Decider = Annotated[Actor, Depends(Needs(Permission.CORRECTION_DECIDE))]
Editor = Annotated[Actor, Depends(Needs(Permission.CORRECTION_EDIT))]
Replayer = Annotated[Actor, Depends(Needs(Permission.CORRECTION_REPLAY))]
Stopper = Annotated[Actor, Depends(Needs(Permission.SWITCH_ENGAGE))]
Fields = Annotated[FormData | None, Depends(posted_form)]

CHANGED: Final = "set."
"""What the name of a form's field begins with that gives a new value to a field of the content."""


@router.post("/cases/{case_id}/corrections/{correction_id}/approve")
def approve(
    request: Request, case_id: str, correction_id: str, actor: Decider, seen: Seen, *, reason: Reason = ""
) -> Response:
    """Approve a correction."""
    console = console_of(request)
    now, policies = console.now(), console.policies

    def act(work: UnitOfWork) -> str:
        at_hand(work, case_id, by=actor.id, now=now, seen=seen)
        _require_of_case(work, correction_id, case_id)
        after = approval.approve(work, correction_id, by=actor.id, reason=reason, policies=policies, now=now)
        return "approved-first" if after.state is CorrectionState.PENDING else "approved"

    return acted(request, actor, case_id, Permission.CORRECTION_DECIDE, act, typed={"reason": reason})


@router.post("/cases/{case_id}/corrections/{correction_id}/reject")
def reject(
    request: Request, case_id: str, correction_id: str, actor: Decider, seen: Seen, *, reason: Reason = ""
) -> Response:
    """Reject a correction."""
    console = console_of(request)
    now, policies = console.now(), console.policies

    def act(work: UnitOfWork) -> str:
        at_hand(work, case_id, by=actor.id, now=now, seen=seen)
        _require_of_case(work, correction_id, case_id)
        approval.reject(work, correction_id, by=actor.id, reason=reason, policies=policies, now=now)
        return "rejected"

    return acted(request, actor, case_id, Permission.CORRECTION_DECIDE, act, typed={"reason": reason})


@router.post("/cases/{case_id}/corrections/{correction_id}/edit")
def change(
    request: Request,
    case_id: str,
    correction_id: str,
    actor: Editor,
    seen: Seen,
    *,
    form: Fields,
    reason: Reason = "",
) -> Response:
    """Make a new version of a correction with other content."""
    console = console_of(request)
    now, policies = console.now(), console.policies
    texts = {
        name.removeprefix(CHANGED): str(value).strip()
        for name, value in (form.multi_items() if form else ())
        if name.startswith(CHANGED)
    }

    def act(work: UnitOfWork) -> str:
        at_hand(work, case_id, by=actor.id, now=now, seen=seen)
        before = _require_of_case(work, correction_id, case_id)
        target = console.platform.registry.declaration(before.target)
        wanted = Edit(typed_changes(before, texts), actor.id, reason, target.role, tuple(target.messages))
        edit(work, correction_id, wanted, policies=policies, now=now)
        return "edited"

    return acted(request, actor, case_id, Permission.CORRECTION_EDIT, act, typed={"reason": reason, **texts})


@router.post("/cases/{case_id}/corrections/{correction_id}/replay")
def send_again(
    request: Request, case_id: str, correction_id: str, actor: Replayer, seen: Seen, *, reason: Reason = ""
) -> Response:
    """Let a dead letter be delivered once more."""
    console = console_of(request)
    now, policies = console.now(), console.policies

    def act(work: UnitOfWork) -> str:
        at_hand(work, case_id, by=actor.id, now=now, seen=seen)
        _require_of_case(work, correction_id, case_id)
        replay(work, correction_id, by=actor.id, reason=reason, policies=policies, now=now)
        return "replayed"

    return acted(request, actor, case_id, Permission.CORRECTION_REPLAY, act, typed={"reason": reason})


@router.post("/cases/{case_id}/stop")
def stop(request: Request, case_id: str, actor: Stopper, *, reason: Reason = "") -> Response:
    """Engage the kill switch of a case; to stop is never too late, whatever has happened meanwhile."""
    console = console_of(request)
    now, policies = console.now(), console.policies

    def act(work: UnitOfWork) -> str:
        switch = KillSwitch(SwitchScope.CASE, case_id)
        engage(work, switch, by=actor.id, reason=reason, policies=policies, now=now)
        return "stopped"

    return acted(request, actor, case_id, Permission.SWITCH_ENGAGE, act, typed={"reason": reason})


def _require_of_case(work: UnitOfWork, correction_id: str, case_id: str) -> CorrectionRecord:
    """Return a correction of a case: who may decide on cases of one team decides on none of another by its address.

    Raises:
        NotThereError: The case has no such correction.
    """
    record = correction_by_id(work, correction_id)
    if record is None or record.case_id != case_id:
        raise NotThereError(
            f"Case {case_id} has no correction {correction_id[:64]}.",
            expected="one of the corrections on its page",
            found="none of that identity",
            remedy="look at the case again",
        )
    return record
