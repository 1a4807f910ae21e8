"""Governance as it stands: policy files, rules, rights and people, with what they say and what they said before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.reading.policy_texts import Comparison, TextPage, compare, read_governance, read_text
from fulfillment_pipelines.console.reading.policy_values import PolicyValues, read_values
from fulfillment_pipelines.console.reading.rights_tables import read_people, read_rights
from fulfillment_pipelines.console.reading.rule_catalogue import read_rule, read_rule_rows
from fulfillment_pipelines.corrections.approving.delegations import delegate, revoke
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.ledger.approvals import Delegation

router: Final = APIRouter()

_LONGEST_REASON: Final = 2000

Viewer = Annotated[Actor, Depends(Needs(Permission.GOVERNANCE_VIEW))]
Decider = Annotated[Actor, Depends(Needs(Permission.CORRECTION_DECIDE))]


@dataclass(frozen=True, slots=True)
class FilePage:
    """A policy file: as a text, and its single values where it has a form for them."""

    page: TextPage
    values: PolicyValues


@dataclass(frozen=True, slots=True)
class DiffPage:
    """A file, and what two of its texts say differently."""

    page: TextPage
    comparison: Comparison


class DelegationForm(BaseModel):
    """The form in which a role is lent; moments without a zone are UTC."""

    delegator: str = Field(max_length=64)
    delegate: str = Field(max_length=64)
    role: str = Field(max_length=64)
    valid_from: datetime
    valid_until: datetime
    reason: str = Field(max_length=_LONGEST_REASON)


@router.get("/governance")
def show_governance(request: Request, actor: Viewer) -> Response:
    """Show the policy files, what waits for a decision, and what changed last."""
    console = console_of(request)
    with console.reading() as work:
        view = read_governance(console, work)
    return console.pages.show(request, "governance.html.j2", actor=actor, view=view)


@router.get("/governance/rules")
def show_rules(request: Request, actor: Viewer) -> Response:
    """Show every rule that runs."""
    console = console_of(request)
    with console.reading() as work:
        view = read_rule_rows(console, work)
    return console.pages.show(request, "governance_rules.html.j2", actor=actor, view=view)


@router.get("/governance/rules/{code}")
def show_rule(request: Request, code: str, actor: Viewer) -> Response:
    """Show one rule with its SQL and its versions."""
    console = console_of(request)
    with console.reading() as work:
        view = read_rule(console, work, code)
    return console.pages.show(request, "governance_rule.html.j2", actor=actor, view=view)


@router.get("/governance/files/{name}")
def show_file(request: Request, name: str, actor: Viewer, value: str = "") -> Response:
    """Show a policy file with its versions; `value` names the one value that is to be changed."""
    console = console_of(request)
    with console.reading() as work:
        page = read_text(console, work, name)
    view = FilePage(page, read_values(console, name, value))
    return console.pages.show(request, "governance_file.html.j2", actor=actor, view=view)


@router.get("/governance/files/{name}/diff")
def show_diff(request: Request, name: str, actor: Viewer, after: str, before: str = "") -> Response:
    """Show what two texts of a policy file or rule say differently."""
    console = console_of(request)
    with console.reading() as work:
        page = read_text(console, work, name)
        view = DiffPage(page, compare(work, page, before, after))
    return console.pages.show(request, "governance_diff.html.j2", actor=actor, view=view)


@router.get("/governance/rights")
def show_rights(request: Request, actor: Viewer) -> Response:
    """Show who may do what, as tables."""
    console = console_of(request)
    return console.pages.show(request, "governance_rights.html.j2", actor=actor, view=read_rights(console))


@router.get("/governance/people")
def show_people(request: Request, actor: Viewer) -> Response:
    """Show the people and who lends whom which role."""
    console = console_of(request)
    with console.reading() as work:
        view = read_people(console, work)
    return console.pages.show(request, "governance_people.html.j2", actor=actor, view=view)


@router.post("/governance/delegations")
def grant_delegation(request: Request, actor: Decider, form: Annotated[DelegationForm, Form()]) -> Response:
    """Lend a role to somebody for a time."""
    console = console_of(request)
    wanted = Delegation(
        delegator=form.delegator,
        delegate=form.delegate,
        role=form.role,
        valid_from=_in_utc(form.valid_from),
        valid_until=_in_utc(form.valid_until),
        reason=form.reason,
    )
    with console.deciding(actor.request_id) as work:
        delegate(work, wanted, by=actor.id, policies=console.policies, now=console.now())
        work.commit()
    return RedirectResponse("/governance/people#delegations", status_code=303)


@router.post("/governance/delegations/{delegation_id}/revoke")
def revoke_delegation(
    request: Request, delegation_id: int, actor: Decider, reason: Annotated[str, Form(max_length=_LONGEST_REASON)]
) -> Response:
    """Take a role back."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        revoke(work, delegation_id, by=actor.id, reason=reason, policies=console.policies, now=console.now())
        work.commit()
    return RedirectResponse("/governance/people#delegations", status_code=303)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=moment.tzinfo or UTC)
