"""Tokens of the API: what was given out, to whom, for what and until when, each kept under a hash.

What a token may do is decided by `access.yaml` and its scopes; how it is made and shown belongs to the console.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from fulfillment_pipelines.ledger.tables import api_token
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token that was given out.

    Attributes:
        token_id: The part of the token that is no secret.
        token_hash: SHA-256 of the whole token.
        person_id: As whom it acts.
        name: What it is for, in the words of who made it.
        scopes: The permissions that it is limited to.
        created_by: Who made it.
        created_at: When.
        expires_at: When it ends.
        used_at: When it was last used, to the minute; None for never.
        revoked_at: When it was taken back; None for not.
    """

    token_id: str
    token_hash: str
    person_id: str
    name: str
    scopes: frozenset[str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


def insert_token(work: UnitOfWork, token: ApiToken) -> None:
    """Keep a token that was given out."""
    work.change(insert(api_token), [asdict(token) | {"scopes": " ".join(sorted(token.scopes))}])


def read_token(work: UnitOfWork, token_id: str) -> ApiToken | None:
    """Return a token, also one that is over; None where none has this identity."""
    rows = work.rows(select(api_token).where(api_token.c.token_id == token_id))
    return _token_of(rows[0]) if rows else None


def list_tokens(work: UnitOfWork, person_id: str | None = None) -> list[ApiToken]:
    """Return the tokens of a person, or of everybody, the newest first."""
    wanted = select(api_token).order_by(api_token.c.created_at.desc(), api_token.c.token_id)
    if person_id is not None:
        wanted = wanted.where(api_token.c.person_id == person_id)
    return [_token_of(row) for row in work.rows(wanted)]


def see_token(work: UnitOfWork, token_id: str, at: datetime) -> None:
    """Note that a token was used."""
    work.change(update(api_token).where(api_token.c.token_id == token_id).values(used_at=at))


def revoke_token(work: UnitOfWork, token_id: str, at: datetime) -> bool:
    """Take a token back, and return whether it still counted."""
    counts = (api_token.c.token_id == token_id) & api_token.c.revoked_at.is_(None)
    return bool(work.change(update(api_token).where(counts).values(revoked_at=at)))


def revoke_tokens_of(work: UnitOfWork, person_id: str, at: datetime) -> int:
    """Take back every token of a person, and return how many still counted."""
    counts = (api_token.c.person_id == person_id) & api_token.c.revoked_at.is_(None)
    return work.change(update(api_token).where(counts).values(revoked_at=at))


def _token_of(row: Row[Any]) -> ApiToken:
    values = {field.name: getattr(row, field.name) for field in fields(ApiToken)}
    return ApiToken(**values | {"scopes": frozenset(row.scopes.split())})
