"""Signing in and out: with a password, or at the company's own door; and choosing a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from fulfillment_pipelines.console.access.guard import JustSignedIn, console_of
from fulfillment_pipelines.console.access.open_id import Journey, OpenIdDoor
from fulfillment_pipelines.console.access.passwords import hash_of_secret
from fulfillment_pipelines.console.access.signing_in import (
    OPEN_ID,
    Attempt,
    Begun,
    begin_session,
    change_password,
    is_barred,
    sign_in,
)
from fulfillment_pipelines.console.access.throttle import network_of
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.refusals import ForbiddenError, NotThereError, TooManyRequestsError
from fulfillment_pipelines.ledger.accounts import read_account
from fulfillment_pipelines.ledger.sessions import end_session
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter()

_WRONG: Final = "The name or the password is wrong, or the account is locked for a while."
_DEVICE: Final = "fulfillment_device"
_JOURNEY: Final = "fulfillment_journey"
_YEAR_SECONDS: Final = 31_536_000
_JOURNEY_SECONDS: Final = 600
_FIRST_PRINTABLE: Final = "!"


@dataclass(frozen=True, slots=True)
class SignInForm:
    """The form.

    Attributes:
        next: Where to go on.
        refusal: Why the last attempt was refused; empty for none.
        takes_passwords: Whether there is a form for passwords.
        issuer: Where else people sign in; empty for nowhere.
    """

    next: str
    refusal: str
    takes_passwords: bool
    issuer: str


@router.get("/sign-in")
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name of the field
    """Show the form."""
    return _form(request, own_path(next))


@router.post("/sign-in")
def try_sign_in(
    request: Request,
    person: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form(max_length=512)] = "/",  # noqa: A002 - the name of the field
) -> Response:
    """Begin a session for who knows the password."""
    console, visitor = console_of(request), _visitor(request)
    policy = console.policies.access.seed.sign_in
    if not console.takes_passwords:
        raise _no_such_door("passwords")
    if wait := console.address_failures.wait_seconds(visitor, policy.address_attempts):
        raise TooManyRequestsError(
            "Too many wrong passwords came from your address.",
            expected=f"at most {policy.address_attempts} in {policy.lock_minutes} minutes",
            remedy="wait a while and try again",
            retry_after_seconds=wait,
        )
    attempt = Attempt(person.strip().lower(), password, request.cookies.get(console.cookie(_DEVICE), ""))
    with console.deciding(request.state.request_id) as work:
        begun = sign_in(
            work,
            attempt,
            passwords=console.passwords,
            policies=console.policies,
            device_failures=console.device_failures,
            now=console.machine_now(),
        )
        if begun is not None:
            _end_earlier(request, work)
        work.commit()
    if begun is None:
        console.address_failures.note(visitor)
        return _form(request, own_path(next), _WRONG, status=401)
    return with_session(console, "/password" if begun.must_change else own_path(next), begun)


@router.get("/sign-in/open-id")
def begin_elsewhere(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name of the field
    """Send the browser to where people of this company sign in."""
    console, journey = console_of(request), Journey.new(own_path(next))
    response = RedirectResponse(_door(console).address_for(journey, _return_address(request)), status_code=303)
    _keep(console, response, _JOURNEY, journey.packed(), _JOURNEY_SECONDS)
    return response


@router.get("/sign-in/open-id/done")
def end_elsewhere(request: Request) -> Response:
    """Begin a session for whom the provider vouches for."""
    console, now = console_of(request), console_of(request).machine_now()
    journey = Journey.unpacked(request.cookies.get(console.cookie(_JOURNEY), ""))
    person = _door(console).admit(
        journey, request.query_params, _return_address(request), people=console.policies.people, now=now
    )
    with console.deciding(request.state.request_id) as work:
        if is_barred(read_account(work, person.id)):
            raise ForbiddenError(
                "You are not signed in.",
                expected="somebody whom no administrator keeps out",
                found=f"{person.name}, who is barred",
                remedy="ask an administrator",
            )
        begun = begin_session(work, person.id, OPEN_ID, policies=console.policies, now=now)
        _end_earlier(request, work)
        work.commit()
    response = with_session(console, own_path(journey.path if journey else "/"), begun)
    _forget(console, response, _JOURNEY)
    return response


@router.post("/sign-out")
def sign_out(request: Request, actor: JustSignedIn) -> Response:
    """End the session."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        end_session(work, actor.session_hash)
        work.commit()
    response = RedirectResponse("/sign-in", status_code=303)
    _forget(console, response, "fulfillment")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.get("/password")
def show_password(request: Request, actor: JustSignedIn) -> Response:
    """Show the form that changes one's own password."""
    shortest = console_of(request).policies.access.seed.sign_in.shortest_password
    return console_of(request).pages.show(request, "password.html.j2", actor=actor, view=shortest)


@router.post("/password")
def set_password(
    request: Request,
    actor: JustSignedIn,
    current: Annotated[str, Form(max_length=1024)],
    password: Annotated[str, Form(max_length=1024)],
) -> Response:
    """Change one's own password; every other session of the person ends."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        begun = change_password(
            work,
            actor.id,
            current,
            password,
            passwords=console.passwords,
            policies=console.policies,
            now=console.machine_now(),
        )
        work.commit()
    return with_session(console, "/", begun)


def own_path(asked: str) -> str:
    """Return where to go on: a path of this console, whatever was asked for.

    Browsers leave out control characters and take a backslash for a slash, so neither is let through.
    """
    is_own = asked.startswith("/") and not asked.startswith("//") and "\\" not in asked
    return asked if is_own and all(character >= _FIRST_PRINTABLE for character in asked) else "/"


def with_session(console: Console, path: str, begun: Begun) -> Response:
    """Return an answer that leads on and leaves the session's secret with the browser alone."""
    response = RedirectResponse(path, status_code=303)
    _keep(console, response, "fulfillment", begun.secret)
    if begun.device:
        _keep(console, response, _DEVICE, begun.device, _YEAR_SECONDS)
    return response


def _form(request: Request, path: str, refusal: str = "", *, status: int = 200) -> Response:
    console = console_of(request)
    issuer = console.open_id.issuer if console.open_id else ""
    view = SignInForm(path, refusal, console.takes_passwords, issuer)
    return console.pages.show(request, "sign_in.html.j2", view=view, status=status)


def _door(console: Console) -> OpenIdDoor:
    if console.open_id is None:
        raise _no_such_door("an OpenID provider")
    return console.open_id


def _no_such_door(kind: str) -> NotThereError:
    return NotThereError(
        f"Nobody signs in here with {kind}.",
        expected="a way to sign in that this console offers",
        found=kind,
        remedy="go to /sign-in",
    )


def _return_address(request: Request) -> str:
    return console_of(request).address.of(request.headers["host"]) + "/sign-in/open-id/done"


def _visitor(request: Request) -> str:
    return network_of(request.client.host) if request.client else ""


def _end_earlier(request: Request, work: UnitOfWork) -> None:
    """End the session that the browser had, so that no session outlives a sign-in."""
    if earlier := request.cookies.get(console_of(request).cookie_name):
        end_session(work, hash_of_secret(earlier))


def _keep(console: Console, response: Response, name: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(
        console.cookie(name),
        value,
        max_age=seconds,
        path="/",
        secure=console.address.is_secure,
        httponly=True,
        samesite="lax",
    )


def _forget(console: Console, response: Response, name: str) -> None:
    response.delete_cookie(
        console.cookie(name), path="/", secure=console.address.is_secure, httponly=True, samesite="lax"
    )
