"""What people do to a case: take it, hand it over, say something, put it off, let it wait, go on, link a record.

Each is one command of `exceptions.working` in one transaction; who was too late is told on the page, as it is now.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.pages.case import led_back, told_on_page
from fulfillment_pipelines.console.reading.case_page import require_case
from fulfillment_pipelines.console.refusals import ForbiddenError, NotThereError
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import BadDataError, FulfillmentError
from fulfillment_pipelines.exceptions.working import noting, pausing, taking
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter()

CaseWorker = Annotated[Actor, Depends(Needs(Permission.CASE_WORK))]
CaseCommenter = Annotated[Actor, Depends(Needs(Permission.CASE_COMMENT))]
Seen = Annotated[int, Form(ge=0)]
Reason = Annotated[str, Form(max_length=4000)]


@router.post("/cases/{case_id}/take")
def take(request: Request, case_id: str, actor: CaseWorker, seen: Seen) -> Response:
    """Take a case."""
    now = console_of(request).now()

    def act(work: UnitOfWork) -> str:
        taking.take(work, case_id, by=actor.id, now=now, seen=seen)
        return "taken"

    return acted(request, actor, case_id, Permission.CASE_WORK, act)


@router.post("/cases/{case_id}/assign")
def assign(
    request: Request,
    case_id: str,
    actor: CaseWorker,
    seen: Seen,
    *,
    to: Annotated[str, Form(max_length=64)] = "",
    reason: Reason = "",
) -> Response:
    """Hand a case to a person, or back to the team's queue."""
    console = console_of(request)
    now, people = console.now(), console.policies.people

    def act(work: UnitOfWork) -> str:
        taking.assign(work, case_id, to or None, by=actor.id, reason=reason, people=people, now=now, seen=seen)
        return "assigned"

    return acted(request, actor, case_id, Permission.CASE_WORK, act, typed={"to": to, "reason": reason})


@router.post("/cases/{case_id}/comment")
def comment(request: Request, case_id: str, actor: CaseCommenter, text: Reason = "") -> Response:
    """Say something about a case; nothing is overwritten by that, whoever said something meanwhile."""
    now = console_of(request).now()

    def act(work: UnitOfWork) -> str:
        noting.comment(work, case_id, text, by=actor.id, now=now)
        return "said"

    return acted(request, actor, case_id, Permission.CASE_COMMENT, act, typed={"text": text})


@router.post("/cases/{case_id}/snooze")
def snooze(
    request: Request,
    case_id: str,
    actor: CaseWorker,
    seen: Seen,
    *,
    until: Annotated[str, Form(max_length=32)] = "",
    reason: Reason = "",
) -> Response:
    """Put a case off until a moment, which is given in UTC."""
    console = console_of(request)
    now, sla = console.now(), console.platform.case_policy.sla

    def act(work: UnitOfWork) -> str:
        pausing.snooze(work, case_id, _moment(until), by=actor.id, reason=reason, sla=sla, now=now, seen=seen)
        return "snoozed"

    return acted(request, actor, case_id, Permission.CASE_WORK, act, typed={"until": until, "reason": reason})


@router.post("/cases/{case_id}/wait")
def wait(
    request: Request,
    case_id: str,
    actor: CaseWorker,
    seen: Seen,
    *,
    on_whom: Annotated[str, Form(max_length=255)] = "",
    reason: Reason = "",
) -> Response:
    """Let a case wait for somebody outside."""
    now = console_of(request).now()

    def act(work: UnitOfWork) -> str:
        pausing.wait_for_external(work, case_id, on_whom, by=actor.id, reason=reason, now=now, seen=seen)
        return "waiting"

    return acted(request, actor, case_id, Permission.CASE_WORK, act, typed={"on_whom": on_whom, "reason": reason})


@router.post("/cases/{case_id}/resume")
def resume(request: Request, case_id: str, actor: CaseWorker, seen: Seen, *, reason: Reason = "") -> Response:
    """Go on with a case."""
    now = console_of(request).now()

    def act(work: UnitOfWork) -> str:
        pausing.resume(work, case_id, by=actor.id, reason=reason, now=now, seen=seen)
        return "resumed"

    return acted(request, actor, case_id, Permission.CASE_WORK, act, typed={"reason": reason})


@router.post("/cases/{case_id}/link")
def link(
    request: Request,
    case_id: str,
    actor: CaseCommenter,
    *,
    system: Annotated[str, Form(max_length=64)] = "",
    reference: Annotated[str, Form(max_length=255)] = "",
) -> Response:
    """Say that a record of another system belongs to a case."""
    now = console_of(request).now()

    def act(work: UnitOfWork) -> str:
        noting.link(work, case_id, system, reference, by=actor.id, now=now)
        return "linked"

    typed = {"system": system, "reference": reference}
    return acted(request, actor, case_id, Permission.CASE_COMMENT, act, typed=typed)


def acted(
    request: Request,
    actor: Actor,
    case_id: str,
    permission: Permission,
    act: Callable[[UnitOfWork], str],
    *,
    typed: dict[str, str] | None = None,
) -> Response:
    """Do something to a case in one transaction, and answer with its page and what was done, or why it was not.

    Args:
        request: What is answered.
        actor: Who does it.
        case_id: The case.
        permission: What the person must be permitted for cases of its team.
        act: Does it, and says by which of `DONE` it is told.
        typed: What the person had typed, so that nothing is lost when it is refused.

    Raises:
        NotThereError: There is no such case.
        ForbiddenError: The person may not do this to cases of its team.
    """
    try:
        with console_of(request).deciding(actor.request_id) as work:
            actor.require(permission, require_case(work, case_id).case.owner)
            done = act(work)
            work.commit()
    except (NotThereError, ForbiddenError):
        raise
    except FulfillmentError as refusal:
        return told_on_page(request, actor, case_id, refusal, typed or {})
    return led_back(case_id, done)


def _moment(text: str) -> datetime:
    """Return a moment as a form gives it, which is in UTC.

    Raises:
        BadDataError: It is none.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadDataError(
            "The moment cannot be read.",
            expected="a day and a time, such as 2026-03-02 12:00",
            found=text[:32] or "nothing",
            remedy="choose a day and a time",
        ) from error
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
