"""Tokens of the API: `ffp_<id>_<secret>`, shown once, kept as a hash, limited to scopes and in time.

A token acts as its person and never does more than the person may; what it may never do at all is `NEVER_BY_TOKEN`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fulfillment_pipelines.console.access.passwords import hash_of_secret, new_secret
from fulfillment_pipelines.console.refusals import ForbiddenError, NotThereError, TokenRefusedError
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.corrections.rights.access import AccessMatrix, Permission
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.api_tokens import ApiToken, insert_token, read_token, revoke_token
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

NEVER_BY_TOKEN: Final = frozenset({Permission.ACCESS_MANAGE, Permission.TOKEN_OWN})
"""Who has found a token must not be able to make others, or to let people in."""

_ID_BYTES: Final = 8
_LONGEST_NAME: Final = 128
_SEEN_EVERY: Final = timedelta(minutes=1)
_FORM: Final = re.compile(r"ffp_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that was just made, and its text, which nobody can read again."""

    token: ApiToken
    text: str


def scopes_of(matrix: AccessMatrix, person: Person) -> list[Permission]:
    """Return what a token of this person may be limited to."""
    return [one for one in Permission if one not in NEVER_BY_TOKEN and matrix.permits(person, one)]


def give_out_token(
    work: UnitOfWork,
    person: Person,
    name: str,
    scopes: Iterable[str],
    days: int,
    *,
    matrix: AccessMatrix,
    now: datetime,
) -> GivenToken:
    """Make a token for a person; the caller commits.

    Args:
        work: A transaction of the ledger.
        person: Who makes it, and as whom it will act.
        name: What it is for.
        scopes: The permissions that it is limited to.
        days: How long it is valid.
        matrix: What roles may do.
        now: The time of this machine.

    Raises:
        BadDataError: It has no name, no scope, or would be valid for too long.
        ForbiddenError: A scope is more than the person may, or more than any token may.
    """
    name, wanted, longest = name.strip(), frozenset(scopes), matrix.seed.tokens.longest_days
    if not name or len(name) > _LONGEST_NAME or not wanted or not 1 <= days <= longest:
        raise BadDataError(
            "The token was not made.",
            expected=f"a name of at most {_LONGEST_NAME} characters, at least one scope, 1 to {longest} days",
            found=f"{len(name)} characters, {len(wanted)} scopes, {days} days",
            remedy="correct what is wrong and make it again",
        )
    if beyond := sorted(wanted - set(scopes_of(matrix, person))):
        raise ForbiddenError(
            f"{person.name} cannot make a token for {beyond[0]}.",
            expected="scopes that the person has and that a token may have",
            found=", ".join(beyond),
            remedy="leave them out",
        )
    token_id = secrets.token_hex(_ID_BYTES)
    text = f"ffp_{token_id}_{new_secret()}"
    token = ApiToken(
        token_id, hash_of_secret(text), person.id, name, wanted, person.id, now, now + timedelta(days=days)
    )
    insert_token(work, token)
    detail: dict[str, audit.JsonScalar] = {
        "name": name,
        "scopes": " ".join(sorted(wanted)),
        "expires_at": token.expires_at.isoformat(),
    }
    audit.append(work, [audit.AuditEntry(now, person.id, "token.given_out", token_id, detail)])
    return GivenToken(token, text)


def take_back_token(work: UnitOfWork, token_id: str, *, by: str, of: str | None, now: datetime) -> ApiToken:
    """Take a token back; the caller commits. One that was taken back already stays so.

    Args:
        work: A transaction of the ledger.
        token_id: Which.
        by: Who takes it back.
        of: Whose it must be; None for anybody's.
        now: The time of this machine.

    Raises:
        NotThereError: There is no such token, or it is not that person's.
    """
    token = read_token(work, token_id)
    if token is None or (of is not None and token.person_id != of):
        raise NotThereError(
            "There is no such token.",
            expected="the identity of a token that was given out",
            found=token_id,
            remedy="load the page again",
        )
    if revoke_token(work, token_id, now):
        audit.append(work, [audit.AuditEntry(now, by, "token.revoked", token_id, {"of": token.person_id})])
    return token


def token_id_of(authorization: str) -> str:
    """Return the identity in an `Authorization` header.

    Raises:
        TokenRefusedError: It holds no token of this console.
    """
    scheme, _, text = authorization.partition(" ")
    found = _FORM.fullmatch(text) if scheme.lower() == "bearer" else None
    if found is None:
        raise _refused("something else")
    return found.group(1)


def require_counting(token: ApiToken | None, authorization: str, now: datetime) -> ApiToken:
    """Return the token that a header holds, if it counts.

    Raises:
        TokenRefusedError: It is unknown, over or taken back.
    """
    text = authorization.partition(" ")[2]
    known = token.token_hash if token is not None else hash_of_secret("")
    is_right = secrets.compare_digest(known, hash_of_secret(text))
    if token is None or not is_right:
        raise _refused("one that was never given out")
    if token.revoked_at is not None:
        raise _refused("one that was taken back")
    if token.expires_at <= now:
        raise _refused("one whose time is over")
    return token


def token_wants_to_be_seen(token: ApiToken, now: datetime) -> bool:
    """Return whether a use of the token should be noted; not every request is."""
    return token.used_at is None or token.used_at + _SEEN_EVERY <= now


def _refused(found: str) -> TokenRefusedError:
    return TokenRefusedError(
        "The token is refused.",
        expected="`Authorization: Bearer ffp_...` with a token that counts",
        found=found,
        remedy="make another on the page /account",
    )
