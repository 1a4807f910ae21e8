"""One's own account: sessions and tokens; and, for who manages access, everybody's."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from fulfillment_pipelines.console.access.guard import Actor, Needs, SignedIn, console_of
from fulfillment_pipelines.console.access.signing_in import bar_account, give_out_account, unbar_account
from fulfillment_pipelines.console.access.tokens import give_out_token, scopes_of, take_back_token
from fulfillment_pipelines.console.reading.account import read_everybody, read_own_account
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.approving.people import People
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.sessions import end_other_sessions, end_sessions_of

router: Final = APIRouter()

TokenOwner = Annotated[Actor, Depends(Needs(Permission.TOKEN_OWN))]
Manager = Annotated[Actor, Depends(Needs(Permission.ACCESS_MANAGE))]


@router.get("/account")
def show_account(request: Request, actor: SignedIn) -> Response:
    """Show one's own account."""
    return _own(request, actor)


@router.post("/account/tokens")
def make_token(
    request: Request,
    actor: TokenOwner,
    name: Annotated[str, Form(max_length=128)],
    days: Annotated[int, Form()],
    scopes: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a token, and show it this once."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        given = give_out_token(
            work, actor.person, name, scopes or (), days, matrix=actor.matrix, now=console.machine_now()
        )
        work.commit()
    return _own(request, actor, given.text)


@router.post("/account/tokens/{token_id}/revoke")
def revoke_own_token(request: Request, actor: TokenOwner, token_id: str) -> Response:
    """Take one's own token back."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        take_back_token(work, token_id, by=actor.id, of=actor.id, now=console.machine_now())
        work.commit()
    return RedirectResponse("/account", status_code=303)


@router.post("/account/sessions/end-others")
def end_others(request: Request, actor: SignedIn) -> Response:
    """End all of one's own sessions but this one."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        ended = end_other_sessions(work, actor.id, actor.session_hash)
        detail: dict[str, audit.JsonScalar] = {"ended": ended}
        audit.append(work, [audit.AuditEntry(console.machine_now(), actor.id, "sessions.ended", actor.id, detail)])
        work.commit()
    return RedirectResponse("/account", status_code=303)


@router.get("/account/people")
def show_people(request: Request, actor: Manager) -> Response:
    """Show everybody's accounts and tokens."""
    return _everybody(request, actor)


@router.post("/account/people/{person_id}/give-out")
def give_out(request: Request, actor: Manager, person_id: str) -> Response:
    """Make or reset somebody's account, and show the secret this once."""
    console = console_of(request)
    if not console.takes_passwords:
        raise RejectedError(
            "No account was given out.",
            expected="a console where people sign in with passwords",
            found="FULFILLMENT_CONSOLE_PASSWORDS is off",
            remedy="the person signs in at the OpenID provider, with the address of people.yaml",
        )
    with console.deciding(actor.request_id) as work:
        secret = give_out_account(
            work,
            person_id,
            by=actor.id,
            passwords=console.passwords,
            policies=console.policies,
            now=console.machine_now(),
        )
        work.commit()
    return _everybody(request, actor, person_id, secret)


@router.post("/account/people/{person_id}/bar")
def bar(request: Request, actor: Manager, person_id: str, reason: Annotated[str, Form(max_length=500)]) -> Response:
    """Keep somebody out."""
    console = console_of(request)
    _require_other(console.policies.people, person_id, actor)
    with console.deciding(actor.request_id) as work:
        bar_account(work, person_id, by=actor.id, reason=reason, now=console.machine_now())
        work.commit()
    return RedirectResponse("/account/people", status_code=303)


@router.post("/account/people/{person_id}/unlock")
def unlock(request: Request, actor: Manager, person_id: str) -> Response:
    """Let somebody in again."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        unbar_account(work, person_id, by=actor.id, now=console.machine_now())
        work.commit()
    return RedirectResponse("/account/people", status_code=303)


@router.post("/account/people/{person_id}/end-sessions")
def end_sessions(request: Request, actor: Manager, person_id: str) -> Response:
    """End every session of somebody."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        ended = end_sessions_of(work, person_id)
        detail: dict[str, audit.JsonScalar] = {"ended": ended}
        audit.append(work, [audit.AuditEntry(console.machine_now(), actor.id, "sessions.ended", person_id, detail)])
        work.commit()
    return RedirectResponse("/account/people", status_code=303)


@router.post("/account/people/{person_id}/tokens/{token_id}/revoke")
def revoke_token_of(request: Request, actor: Manager, person_id: str, token_id: str) -> Response:
    """Take somebody's token back."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        take_back_token(work, token_id, by=actor.id, of=person_id, now=console.machine_now())
        work.commit()
    return RedirectResponse("/account/people", status_code=303)


def _own(request: Request, actor: Actor, given: str = "") -> Response:
    console = console_of(request)
    scopes = scopes_of(actor.matrix, actor.person) if actor.may(Permission.TOKEN_OWN) else []
    with console.reading() as work:
        view = read_own_account(
            work,
            actor.id,
            actor.session_hash,
            scopes=tuple(scopes),
            longest_days=actor.matrix.seed.tokens.longest_days,
            now=console.machine_now(),
            given=given,
        )
    return console.pages.show(request, "account.html.j2", actor=actor, view=view)


def _everybody(request: Request, actor: Actor, given_to: str = "", secret: str = "") -> Response:
    console = console_of(request)
    with console.reading() as work:
        view = read_everybody(work, console.policies.people, console.machine_now(), given_to=given_to, secret=secret)
    return console.pages.show(request, "account_people.html.j2", actor=actor, view=view)


def _require_other(people: People, person_id: str, actor: Actor) -> None:
    if people.get(person_id) is None:
        raise NotThereError(
            "There is no such person.",
            expected="a person of people.yaml",
            found=person_id,
            remedy="load the page again",
        )
    if person_id == actor.id:
        raise RejectedError(
            "Nobody bars the own account.",
            expected="somebody else",
            found=person_id,
            remedy="ask another administrator",
        )
