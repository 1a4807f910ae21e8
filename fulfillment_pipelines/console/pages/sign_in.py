"""Signing in and out, and changing one's own password."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from fulfillment_pipelines.console.access.guard import SignedIn, console_of
from fulfillment_pipelines.console.access.passwords import hash_of_secret
from fulfillment_pipelines.console.access.signing_in import change_password, sign_in
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.ledger.sessions import end_session

router: Final = APIRouter()

_REFUSED: Final = "The name or the password is wrong, or the account is locked for a while."


@router.get("/sign-in")
def show_sign_in(request: Request) -> Response:
    """Show the form."""
    return console_of(request).pages.show(request, "sign_in.html.j2", view="")


@router.post("/sign-in")
def try_sign_in(
    request: Request,
    person: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form(max_length=512)] = "/",  # noqa: A002 - the name of the field
) -> Response:
    """Begin a session for who knows the password."""
    console = console_of(request)
    with console.deciding(request.state.request_id) as work:
        begun = sign_in(
            work,
            person.strip().lower(),
            password,
            passwords=console.passwords,
            policies=console.policies,
            now=console.machine_now(),
        )
        work.commit()
    if begun is None:
        return console.pages.show(request, "sign_in.html.j2", view=_REFUSED, status=401)
    return with_session(console, "/password" if begun.must_change else own_path(next), begun.secret)


@router.post("/sign-out")
def sign_out(request: Request, actor: SignedIn) -> Response:
    """End the session."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        end_session(work, hash_of_secret(request.cookies[console.cookie_name]))
        work.commit()
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(console.cookie_name, path="/")
    return response


@router.get("/password")
def show_password(request: Request, actor: SignedIn) -> Response:
    """Show the form that changes one's own password."""
    shortest = console_of(request).policies.access.seed.sign_in.shortest_password
    return console_of(request).pages.show(request, "password.html.j2", actor=actor, view=shortest)


@router.post("/password")
def set_password(
    request: Request, actor: SignedIn, password: Annotated[str, Form(max_length=1024)]
) -> RedirectResponse:
    """Change one's own password."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        change_password(
            work,
            actor.id,
            password,
            passwords=console.passwords,
            policies=console.policies,
            now=console.machine_now(),
        )
        work.commit()
    return RedirectResponse("/", status_code=303)


def own_path(asked: str) -> str:
    """Return where to go on: a path of this console, whatever was asked for."""
    return asked if asked.startswith("/") and not asked.startswith(("//", "/\\")) else "/"


def with_session(console: Console, path: str, secret: str) -> Response:
    """Return an answer that leads on and leaves the session's secret with the browser alone."""
    response = RedirectResponse(path, status_code=303)
    response.set_cookie(console.cookie_name, secret, path="/", secure=console.is_secure, httponly=True, samesite="lax")
    return response
