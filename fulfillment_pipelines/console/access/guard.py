"""The guard of every route: who makes the request, and whether the person has the permission that the route declares.

A route takes `Annotated[Actor, Depends(Needs(Permission.CASE_VIEW))]`; the application refuses to start with one that
declares none and is not listed as public. A handler that changes a case asks `actor.require(...)` for its team.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData

from fulfillment_pipelines.console.access.passwords import hash_of_secret
from fulfillment_pipelines.console.access.signing_in import PASSWORD, is_barred, is_over, wants_to_be_seen
from fulfillment_pipelines.console.access.tokens import require_counting, token_id_of, token_wants_to_be_seen
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.refusals import (
    ForbiddenError,
    NotSignedInError,
    PasswordFirstError,
    TokenRefusedError,
)
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.corrections.rights.access import AccessMatrix, Permission
from fulfillment_pipelines.ledger.accounts import Account, read_account
from fulfillment_pipelines.ledger.api_tokens import read_token, see_token
from fulfillment_pipelines.ledger.sessions import Session, end_session, read_session, see_session

CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request.

    Attributes:
        person: Who.
        matrix: What roles may do.
        request_id: Of the request, for the audit log.
        csrf_token: What forms of this session must carry; empty where a token of the API was used.
        scopes: What the token is limited to; None where there is no limit.
        token_id: Of the token that was used; empty for a session of a browser.
        session_hash: Of the session that was used; empty for a token.
    """

    person: Person
    matrix: AccessMatrix
    request_id: str
    csrf_token: str = ""
    scopes: frozenset[Permission] | None = None
    token_id: str = ""
    session_hash: str = ""

    @property
    def id(self) -> str:
        """By what records name the person."""
        return self.person.id

    def may(self, permission: Permission | str, team: str | None = None) -> bool:
        """Return whether the person may do something, to a case of a team where one is named."""
        wanted = Permission(permission)
        return (self.scopes is None or wanted in self.scopes) and self.matrix.permits(self.person, wanted, team)

    def require(self, permission: Permission, team: str | None = None) -> None:
        """Refuse what the person may not do.

        Raises:
            ForbiddenError: The person may not.
        """
        if not self.may(permission, team):
            whose = f" for cases of {team}" if team else ""
            raise ForbiddenError(
                f"{self.person.name} may not do this.",
                expected=f"somebody with the permission {permission}{whose}",
                found=self._found(permission),
                remedy="ask an administrator, or somebody of the team that owns the case",
            )

    def _found(self, permission: Permission) -> str:
        if self.scopes is not None and permission not in self.scopes:
            return "a token that is limited to " + ", ".join(sorted(self.scopes))
        return ", ".join(sorted(self.person.access)) or "no access role"


async def posted_form(request: Request) -> FormData | None:
    """Return the form of a request that has one."""
    kind = request.headers.get("content-type", "")
    is_form = kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
    return await request.form() if is_form and request.method not in SAFE_METHODS else None


class Needs:
    """What a route needs; as its dependency it returns who makes the request, or refuses it.

    A token of the API takes the place of a session, and needs no token of a form: no page of another site can send it.

    Args:
        permission: The permission of the route; None where it is enough to be signed in.
        by_token: Whether a token is enough where no permission is needed; what concerns the person alone, such as the
            password, is no matter of tokens.
        before_password: Whether somebody may use it whose password was given out and is not replaced yet.
    """

    def __init__(self, permission: Permission | None, *, by_token: bool = False, before_password: bool = False) -> None:
        self.permission = permission
        self.by_token = by_token
        self.before_password = before_password

    def __call__(self, request: Request, form: Annotated[FormData | None, Depends(posted_form)]) -> Actor:
        """Return who makes the request.

        Raises:
            NotSignedInError: Nobody who is known.
            TokenRefusedError: A token that does not count.
            PasswordFirstError: The password must be replaced first.
            ForbiddenError: The person or the token may not, or the form was not made by this console.
        """
        console_of(request).notice_policies()
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            actor = _by_token(console_of(request), request, authorization)
            self._require_token_enough()
        else:
            actor = _signed_in(console_of(request), request, before_password=self.before_password)
            if request.method not in SAFE_METHODS:
                _require_own_form(request, form, actor)
        if self.permission is not None:
            actor.require(self.permission)
        return actor

    def _require_token_enough(self) -> None:
        if self.permission is None and not self.by_token:
            raise ForbiddenError(
                "This is no matter of tokens.",
                expected="a person who is signed in",
                found="a token of the API",
                remedy="sign in with a browser",
            )


SignedIn = Annotated[Actor, Depends(Needs(None))]
"""Enough to be signed in: for what concerns nobody but the person."""

JustSignedIn = Annotated[Actor, Depends(Needs(None, before_password=True))]
"""The same, also for who must replace the password first."""


def console_of(request: Request) -> Console:
    """Return the console that serves a request."""
    console: Console = request.app.state.console
    return console


def _require_own_form(request: Request, form: FormData | None, actor: Actor) -> None:
    given = request.headers.get(CSRF_HEADER) or str(form.get(CSRF_FIELD, "") if form else "")
    if not secrets.compare_digest(given.encode(), actor.csrf_token.encode()):
        raise ForbiddenError(
            "The form was not sent from a page of this session.",
            expected="the token of the session",
            found="another one, or none",
            remedy="load the page again and repeat what you did",
        )


def _by_token(console: Console, request: Request, authorization: str) -> Actor:
    now, token_id = console.machine_now(), token_id_of(authorization)
    with console.reading() as work:
        token = require_counting(read_token(work, token_id), authorization, now)
    person = console.policies.people.get(token.person_id)
    if person is None or not person.active:
        raise TokenRefusedError(
            "The token is refused.",
            expected="a token of somebody who is active",
            found="one of somebody who has left",
            remedy="use a token of somebody else",
        )
    if token_wants_to_be_seen(token, now):
        with console.deciding(request.state.request_id) as work:
            see_token(work, token_id, now)
            work.commit()
    scopes = frozenset(one for one in Permission if one in token.scopes)
    return Actor(person, console.policies.access, request.state.request_id, scopes=scopes, token_id=token_id)


def _signed_in(console: Console, request: Request, *, before_password: bool) -> Actor:
    secret = request.cookies.get(console.cookie_name)
    session, account = _live_session(console, secret) if secret else (None, None)
    person = console.policies.people.get(session.person_id) if session else None
    if session is None or person is None or not person.active or is_barred(account):
        raise NotSignedInError(
            "Nobody is signed in.",
            expected="a session that has not ended",
            found="none",
            remedy="sign in",
        )
    if session.signed_in_by == PASSWORD and account and account.must_change and not before_password:
        raise PasswordFirstError(
            "Your password was given out by somebody else.",
            expected="one that only you know",
            found="the one-time secret",
            remedy="choose a password on the page /password",
        )
    return Actor(
        person, console.policies.access, request.state.request_id, session.csrf_token, session_hash=session.session_hash
    )


def _live_session(console: Console, secret: str) -> tuple[Session | None, Account | None]:
    now = console.machine_now()
    with console.reading() as work:
        session = read_session(work, hash_of_secret(secret))
        account = read_account(work, session.person_id) if session else None
    if session is None:
        return None, None
    over = is_over(session, console.policies.access.seed.sign_in, now)
    over = over or (session.signed_in_by == PASSWORD and not console.takes_passwords)
    if over or wants_to_be_seen(session, now):
        with console.platform.ledger.unit_of_work() as work:
            if over:
                end_session(work, session.session_hash)
            else:
                see_session(work, session.session_hash, now)
            work.commit()
    return (None, None) if over else (session, account)
