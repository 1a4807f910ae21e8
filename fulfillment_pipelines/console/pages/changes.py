"""Changes of policy: written, looked at, proposed by one person, and decided by another."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.change_page import begin_draft, read_change_page
from fulfillment_pipelines.console.reading.policy_texts import seeds_of
from fulfillment_pipelines.console.reading.policy_values import read_values
from fulfillment_pipelines.console.reading.text_diff import diff_lines
from fulfillment_pipelines.console.refusals import NotThereError, status_of
from fulfillment_pipelines.corrections.governing.changing import LONGEST_TEXT, Proposal, propose, withdraw
from fulfillment_pipelines.corrections.governing.deciding import Governed, approve, reject
from fulfillment_pipelines.corrections.governing.single_values import with_raised_version, with_value
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.change_requests import ChangeRequest
from fulfillment_pipelines.loop.platform import runtime_folder
from fulfillment_pipelines.loop.policy_mark import write_mark
from fulfillment_pipelines.loop.policy_trial import PolicyTrial

router: Final = APIRouter()

_LONGEST_REASON: Final = 2000

Viewer = Annotated[Actor, Depends(Needs(Permission.GOVERNANCE_VIEW))]
Proposer = Annotated[Actor, Depends(Needs(Permission.CHANGE_PROPOSE))]
Decider = Annotated[Actor, Depends(Needs(Permission.CHANGE_DECIDE))]
Reason = Annotated[str, Form(max_length=_LONGEST_REASON)]


class TextForm(BaseModel):
    """The form in which a file's text is written.

    Attributes:
        base_hash: Of the text it began from.
        content: The text.
        reason: Why.
        step: `look` to see the difference first, `propose` to have it decided.
    """

    base_hash: str = Field(max_length=64)
    content: str = Field(max_length=2 * LONGEST_TEXT)
    reason: str = Field(default="", max_length=_LONGEST_REASON)
    step: str = Field(default="propose", max_length=16)


class ValueForm(BaseModel):
    """The form in which one value is changed.

    Attributes:
        base_hash: Of the file's text it was shown from.
        name: The value.
        value: What it is to be.
        unit: In what it is counted; empty where that is not to be chosen.
        reason: Why.
    """

    base_hash: str = Field(max_length=64)
    name: str = Field(max_length=128)
    value: str = Field(max_length=32)
    unit: str = Field(default="", max_length=32)
    reason: str = Field(max_length=_LONGEST_REASON)


@router.get("/governance/files/{name}/edit")
def show_draft(request: Request, name: str, actor: Proposer) -> Response:
    """Show a file's text, to be written on."""
    console = console_of(request)
    return console.pages.show(request, "governance_edit.html.j2", actor=actor, view=begin_draft(console, name))


@router.post("/governance/files/{name}/propose")
def propose_text(request: Request, name: str, actor: Proposer, form: Annotated[TextForm, Form()]) -> Response:
    """Propose a text, or look at what it changes; one that does not fit is shown again with the line that is wrong."""
    console = console_of(request)
    draft = replace(begin_draft(console, name), base_hash=form.base_hash, text=form.content, reason=form.reason)
    before = seeds_of(console).text(name)
    try:
        written = with_raised_version(before, form.content.replace("\r\n", "\n"))
        draft = replace(draft, lines=diff_lines(before, written))
        if form.step != "look":
            return _leads_to(_proposed(console, actor, Proposal(name, form.base_hash, written, form.reason)))
        PolicyTrial(console.platform)(name, written)
        draft = replace(draft, is_tried=True)
    except FulfillmentError as error:
        draft = replace(draft, refusal=error)
    status = status_of(draft.refusal) if draft.refusal else 200
    return console.pages.show(request, "governance_edit.html.j2", actor=actor, view=draft, status=status)


@router.post("/governance/files/{name}/value")
def propose_value(request: Request, name: str, actor: Proposer, form: Annotated[ValueForm, Form()]) -> Response:
    """Propose that one value is another."""
    console = console_of(request)
    chosen = read_values(console, name, form.name).chosen
    if chosen is None:
        raise NotThereError("No value is named.", expected="one of the table", found="none", remedy="choose one")
    before = seeds_of(console).text(name)
    text = with_value(before, chosen.location, form.value.strip())
    if form.unit:
        text = with_value(text, chosen.unit_location, form.unit)
    wanted = Proposal(name, form.base_hash, with_raised_version(before, text), form.reason)
    return _leads_to(_proposed(console, actor, wanted))


@router.get("/governance/changes/{request_id}")
def show_change(request: Request, request_id: int, actor: Viewer) -> Response:
    """Show a proposed change."""
    console = console_of(request)
    with console.reading() as work:
        view = read_change_page(console, work, request_id, actor.id)
    return console.pages.show(request, "governance_change.html.j2", actor=actor, view=view)


@router.post("/governance/changes/{request_id}/approve")
def approve_change(request: Request, request_id: int, actor: Decider, reason: Reason) -> Response:
    """Let the file say it, and work by it from now on."""
    console = console_of(request)
    governed = Governed(seeds_of(console), PolicyTrial(console.platform), console.policies, console.platform.rule_files)
    with console.deciding(actor.request_id) as work:
        applied = approve(
            work,
            request_id,
            by=actor.id,
            reason=reason,
            governed=governed,
            now=console.now(),
            recorded_at=console.machine_now(),
        )
    console.reload_policies()
    write_mark(runtime_folder(console.platform.settings, console.platform.distributor), applied.policies.version)
    return _leads_to(applied.request)


@router.post("/governance/changes/{request_id}/reject")
def reject_change(request: Request, request_id: int, actor: Decider, reason: Reason) -> Response:
    """Decide against it."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        rejected = reject(work, request_id, by=actor.id, reason=reason, policies=console.policies, now=console.now())
        work.commit()
    return _leads_to(rejected)


@router.post("/governance/changes/{request_id}/withdraw")
def withdraw_change(request: Request, request_id: int, actor: Proposer, reason: Reason) -> Response:
    """Take one's own change back."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        taken = withdraw(work, request_id, by=actor.id, reason=reason, policies=console.policies, now=console.now())
        work.commit()
    return _leads_to(taken)


def _proposed(console: Console, actor: Actor, wanted: Proposal) -> ChangeRequest:
    with console.deciding(actor.request_id) as work:
        request = propose(
            work,
            wanted,
            by=actor.id,
            folder=seeds_of(console),
            trial=PolicyTrial(console.platform),
            policies=console.policies,
            now=console.now(),
        )
        work.commit()
    return request


def _leads_to(request: ChangeRequest) -> Response:
    return RedirectResponse(f"/governance/changes/{request.request_id}", status_code=303)
