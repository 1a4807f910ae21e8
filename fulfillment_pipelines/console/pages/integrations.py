"""Integrations: how every system is doing, what was given up, what is switched off, and what an outage costs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.datastructures import FormData

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of, posted_form
from fulfillment_pipelines.console.reading.dead_letter import changed_texts, read_dead_letter
from fulfillment_pipelines.console.reading.integrations import read_integrations
from fulfillment_pipelines.console.reading.system_page import read_system
from fulfillment_pipelines.corrections.approving import switching
from fulfillment_pipelines.corrections.approving.editing import Edit, edit, typed_changes
from fulfillment_pipelines.corrections.approving.replay import replay
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope

router: Final = APIRouter()

_LONGEST_REASON: Final = 2000

Viewer = Annotated[Actor, Depends(Needs(Permission.INTEGRATION_VIEW))]
Replayer = Annotated[Actor, Depends(Needs(Permission.CORRECTION_REPLAY))]
Editor = Annotated[Actor, Depends(Needs(Permission.CORRECTION_EDIT))]
Engager = Annotated[Actor, Depends(Needs(Permission.SWITCH_ENGAGE))]
Releaser = Annotated[Actor, Depends(Needs(Permission.SWITCH_RELEASE))]
Reason = Annotated[str, Form(max_length=_LONGEST_REASON)]


class SwitchForm(BaseModel):
    """The form of a kill switch.

    Attributes:
        scope: What it stops.
        name: Which of them; empty for everything.
        reason: Why.
        back: The system on whose page it was filled in; empty for the page of all.
    """

    scope: SwitchScope
    reason: str = Field(max_length=_LONGEST_REASON)
    name: str = Field(default="", max_length=128)
    back: str = Field(default="", max_length=128)


@router.get("/integrations")
def show_integrations(request: Request, actor: Viewer) -> Response:
    """Show every system, those whose outage costs most first."""
    console = console_of(request)
    return console.pages.show(request, "integrations.html.j2", actor=actor, view=read_integrations(console))


@router.get("/integrations/dead-letters/{correction_id}")
def show_dead_letter(
    request: Request, correction_id: str, actor: Annotated[Actor, Depends(Needs(Permission.CORRECTION_VIEW))]
) -> Response:
    """Show a correction that was given up, to be sent again as it is or as something else."""
    console = console_of(request)
    with console.reading() as work:
        view = read_dead_letter(work, correction_id)
    return console.pages.show(request, "dead_letter.html.j2", actor=actor, view=view)


@router.post("/integrations/dead-letters/{correction_id}/replay")
def replay_dead_letter(request: Request, correction_id: str, actor: Replayer, reason: Reason) -> Response:
    """Let it be delivered once more, looked for first."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        actor.require(Permission.CORRECTION_REPLAY, read_dead_letter(work, correction_id).case.owner)
        replay(work, correction_id, by=actor.id, reason=reason, policies=console.policies, now=console.now())
        work.commit()
    return _back(f"/integrations/dead-letters/{correction_id}")


@router.post("/integrations/dead-letters/{correction_id}/edit")
def edit_dead_letter(
    request: Request,
    correction_id: str,
    actor: Editor,
    reason: Reason,
    form: Annotated[FormData | None, Depends(posted_form)],
) -> Response:
    """Make a new version with other content, which waits for somebody else's approval."""
    console = console_of(request)
    typed = {name.removeprefix("field."): str(text) for name, text in (form or FormData()).items()}
    with console.deciding(actor.request_id) as work:
        page = read_dead_letter(work, correction_id)
        actor.require(Permission.CORRECTION_EDIT, page.case.owner)
        target = console.platform.registry.declaration(page.record.target)
        changes = typed_changes(page.record, changed_texts(page, typed))
        wanted = Edit(changes, actor.id, reason, target.role, tuple(target.messages))
        after = edit(work, correction_id, wanted, policies=console.policies, now=console.now())
        work.commit()
    return _back(f"/integrations/dead-letters/{after.correction_id}")


@router.post("/integrations/switches")
def engage_switch(
    request: Request,
    actor: Engager,
    form: Annotated[SwitchForm, Form()],
) -> Response:
    """Stop everything that the switch covers."""
    console = console_of(request)
    switch = _named(request, form.scope, form.name)
    with console.deciding(actor.request_id) as work:
        switching.engage(work, switch, by=actor.id, reason=form.reason, policies=console.policies, now=console.now())
        work.commit()
    return _back(_own(form.back))


@router.post("/integrations/switches/release")
def release_switch(
    request: Request,
    actor: Releaser,
    form: Annotated[SwitchForm, Form()],
) -> Response:
    """Let go on what the switch had stopped."""
    console = console_of(request)
    switch = KillSwitch(form.scope, form.name)
    with console.deciding(actor.request_id) as work:
        switching.release(work, switch, by=actor.id, reason=form.reason, policies=console.policies, now=console.now())
        work.commit()
    return _back(_own(form.back))


@router.get("/integrations/{system}")
def show_system(request: Request, system: str, actor: Viewer) -> Response:
    """Show one system."""
    console = console_of(request)
    return console.pages.show(request, "system.html.j2", actor=actor, view=read_system(console, system))


def _named(request: Request, scope: SwitchScope, name: str) -> KillSwitch:
    """Return the switch of a form, if what it names is there; one that stops nothing would only seem to protect.

    Raises:
        BadDataError: Nothing of that name is there.
    """
    console, plain = console_of(request), name.strip()
    platform = console.platform
    with console.reading() as work:
        is_there = {
            SwitchScope.EVERYTHING: True,
            SwitchScope.TARGET: plain in platform.registry.systems,
            SwitchScope.RULE: plain in {rule.code for rule in platform.reconciler.rules},
            SwitchScope.CASE: bool(plain) and plain in cases_by_id(work, [plain]),
        }[scope]
    if not is_there:
        raise BadDataError(
            f"A switch of the scope {scope} cannot be named '{plain}'.",
            expected={
                SwitchScope.TARGET: f"one of {', '.join(platform.registry.systems)}",
                SwitchScope.RULE: "the code of a rule that runs, such as FIN-01",
                SwitchScope.CASE: "the identity of a case, such as EXC-0123456789abcdef",
            }[scope],
            found=plain or "nothing",
            remedy="choose one of them",
        )
    return KillSwitch(scope, "" if scope is SwitchScope.EVERYTHING else plain)


def _own(back: str) -> str:
    """Return the page of a system where the form came from one."""
    return f"/integrations/{back}" if back.replace("_", "").isalnum() else "/integrations#switches"


def _back(path: str) -> Response:
    return RedirectResponse(path, status_code=303)
