"""What is done to many cases of the queue at once: first shown with how many and how much, then done.

A case that refuses is left alone and named; the others are done, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.queue_asked import QueueAsked, asked_of
from fulfillment_pipelines.console.reading.queue_bulk import (
    BulkAction,
    BulkDone,
    BulkPreview,
    Chosen,
    Refused,
    amounts_of,
    chosen_of,
    split,
    try_out,
    words_of,
)
from fulfillment_pipelines.console.reading.queue_rows import names_of
from fulfillment_pipelines.console.refusals import ForbiddenError
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.errors import FulfillmentError, RetryableError
from fulfillment_pipelines.exceptions.working.pausing import snooze
from fulfillment_pipelines.exceptions.working.taking import assign, take
from fulfillment_pipelines.ledger.case_queue import cases_of, last_events_of
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter()

Working = Annotated[Actor, Depends(Needs(Permission.CASE_WORK))]
"""Who may work on cases, of their own teams at least."""

Selected = Annotated[list[str], Form(default_factory=list, max_length=500)]
"""Cases as they are selected in the queue."""

Back = Annotated[str, Form(max_length=4000)]
"""What asks for the page of the queue that the selection was made on."""


class BulkForm(BaseModel):
    """What is done, to which cases, and why.

    Attributes:
        action: What.
        case: The cases, as they are selected.
        to: To whom they are assigned; empty for the team's queue.
        hours: For how long they are put off.
        reason: Why.
        back: What asks for the page of the queue.
    """

    action: BulkAction
    case: list[str] = Field(default_factory=list, max_length=500)
    to: str = Field("", max_length=64)
    hours: int = Field(24, ge=1, le=24 * 366)
    reason: str = Field("", max_length=5000)
    back: str = Field("", max_length=4000)


_SPANS: Final = (2, 4, 8, 24, 48, 72, 168, 336)
_DONE: Final = {BulkAction.TAKE: "taken", BulkAction.ASSIGN: "assigned", BulkAction.SNOOZE: "put off"}


@router.post("/queue/bulk")
def preview(
    request: Request, actor: Working, action: Annotated[BulkAction, Form()], case: Selected, back: Back = ""
) -> Response:
    """Show to how many cases something would be done, and which would refuse."""
    console, chosen = console_of(request), chosen_of(case)
    cases, events = _read(console, chosen)
    able, refused = split(
        chosen,
        cases,
        events,
        lambda one: _forbidden(actor, one) or try_out(action, one, by=actor.id, now=console.now()),
    )
    longest = console.platform.case_policy.sla.longest_snooze
    view = BulkPreview(
        action=action,
        cases=tuple(able),
        chosen=tuple(one for one in chosen if one.case_id in {case.case_id for case in able}),
        refused=tuple(refused),
        amounts=amounts_of(able),
        people=names_of(console),
        spans=tuple(hours for hours in _SPANS if timedelta(hours=hours) <= longest),
        back=asked_back(back).query(),
    )
    return console.pages.show(request, "queue_bulk.html.j2", actor=actor, view=view)


@router.post("/queue/bulk/do")
def do(request: Request, actor: Working, asked: Annotated[BulkForm, Form()]) -> Response:
    """Do something to many cases, and show which refused."""
    console, chosen = console_of(request), chosen_of(asked.case)
    action, reason = asked.action, asked.reason
    now, people, sla = console.now(), console.policies.people, console.platform.case_policy.sla

    def command(work: UnitOfWork, one: Chosen) -> Case:
        identity, seen = one.case_id, one.seen
        if action is BulkAction.TAKE:
            return take(work, identity, by=actor.id, now=now, seen=seen)
        if action is BulkAction.ASSIGN:
            return assign(
                work, identity, asked.to or None, by=actor.id, reason=reason, people=people, now=now, seen=seen
            )
        until = now + timedelta(hours=asked.hours)
        return snooze(work, identity, until, by=actor.id, reason=reason, sla=sla, now=now, seen=seen)

    done, refused = _each(console, actor, chosen, command)
    words = f"{done} {'case was' if done == 1 else 'cases were'} {_DONE[action]}."
    view = BulkDone(words, tuple(refused), asked_back(asked.back).query())
    return console.pages.show(request, "queue_done.html.j2", actor=actor, view=view)


def asked_back(back: str) -> QueueAsked:
    """Return the page of the queue to go back to; the first where the text asks for none."""
    try:
        return asked_of(parse_qsl(back))
    except FulfillmentError:
        return QueueAsked()


def _each(
    console: Console, actor: Actor, chosen: Sequence[Chosen], command: Callable[[UnitOfWork, Chosen], Case]
) -> tuple[int, list[Refused]]:
    refused: list[Refused] = []
    with console.deciding(actor.request_id) as work:
        # In turn from here on: what is asked now still holds when it is done.
        work.take_turn("intake")
        cases = cases_by_id(work, [one.case_id for one in chosen])
        for one in chosen:
            case = cases.get(one.case_id)
            error = _forbidden(actor, case) if case else None
            try:
                if error is None:
                    command(work, one)
            except RetryableError:
                raise
            except FulfillmentError as refusal:
                error = refusal
            if error is not None:
                refused.append(Refused(one.case_id, words_of(case), error))
        work.commit()
    return len(chosen) - len(refused), refused


def _read(console: Console, chosen: Sequence[Chosen]) -> tuple[dict[str, Case], dict[str, int]]:
    identities = [one.case_id for one in chosen]
    with console.reading() as work:
        return cases_of(work, identities), dict(last_events_of(work, identities))


def _forbidden(actor: Actor, case: Case) -> FulfillmentError | None:
    try:
        actor.require(Permission.CASE_WORK, case.owner)
    except ForbiddenError as error:
        return error
    return None
