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
from fulfillment_pipelines.console.access.signing_in import is_over, wants_to_be_seen
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.refusals import ForbiddenError, NotSignedInError
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.corrections.rights.access import AccessMatrix, Permission
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
    """

    person: Person
    matrix: AccessMatrix
    request_id: str
    csrf_token: str = ""
    scopes: frozenset[Permission] | None = None

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
                found=", ".join(sorted(self.person.access)) or "no access role",
                remedy="ask an administrator, or somebody of the team that owns the case",
            )


async def posted_form(request: Request) -> FormData | None:
    """Return the form of a request that has one."""
    kind = request.headers.get("content-type", "")
    is_form = kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
    return await request.form() if is_form and request.method not in SAFE_METHODS else None


class Needs:
    """What a route needs; as its dependency it returns who makes the request, or refuses it.

    Args:
        permission: The permission of the route; None where it is enough to be signed in.
    """

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def __call__(self, request: Request, form: Annotated[FormData | None, Depends(posted_form)]) -> Actor:
        """Return who makes the request.

        Raises:
            NotSignedInError: Nobody who is known.
            ForbiddenError: The person may not, or the form was not made by this console.
        """
        actor = _signed_in(console_of(request), request)
        if request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER) or str(form.get(CSRF_FIELD, "") if form else "")
            if not secrets.compare_digest(given.encode(), actor.csrf_token.encode()):
                raise ForbiddenError(
                    "The form was not sent from a page of this session.",
                    expected="the token of the session",
                    found="another one, or none",
                    remedy="load the page again and repeat what you did",
                )
        if self.permission is not None:
            actor.require(self.permission)
        return actor


SignedIn = Annotated[Actor, Depends(Needs(None))]
"""Enough to be signed in: for what concerns nobody but the person."""


def console_of(request: Request) -> Console:
    """Return the console that serves a request."""
    console: Console = request.app.state.console
    return console


def _signed_in(console: Console, request: Request) -> Actor:
    secret = request.cookies.get(console.cookie_name)
    session = _live_session(console, secret) if secret else None
    person = console.policies.people.get(session.person_id) if session else None
    if session is None or person is None or not person.active:
        raise NotSignedInError(
            "Nobody is signed in.",
            expected="a session that has not ended",
            found="none",
            remedy="sign in",
        )
    return Actor(person, console.policies.access, request.state.request_id, session.csrf_token)


def _live_session(console: Console, secret: str) -> Session | None:
    now = console.machine_now()
    with console.platform.ledger.reading() as work:
        session = read_session(work, hash_of_secret(secret))
    if session is None:
        return None
    over = is_over(session, console.policies.access.seed.sign_in, now)
    if over or wants_to_be_seen(session, now):
        with console.platform.ledger.unit_of_work() as work:
            if over:
                end_session(work, session.session_hash)
            else:
                see_session(work, session.session_hash, now)
            work.commit()
    return None if over else session
