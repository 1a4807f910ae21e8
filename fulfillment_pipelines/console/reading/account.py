"""What the account pages show: one's own sessions and tokens, and, for who manages access, everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fulfillment_pipelines.console.access.signing_in import is_barred
from fulfillment_pipelines.corrections.approving.people import People, Person
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.ledger.accounts import Account, list_accounts, read_account
from fulfillment_pipelines.ledger.api_tokens import ApiToken, list_tokens
from fulfillment_pipelines.ledger.sessions import Session, list_sessions
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """One's own account.

    Attributes:
        has_password: Whether the person has a password here.
        sessions: Where the person is signed in, the one used last first.
        session_hash: Of the session that asks.
        tokens: That the person has made, the newest first.
        scopes: What a new one may be limited to.
        longest_days: For how long.
        now: The moment it speaks of.
        given: The text of a token that was just made; empty for none.
    """

    has_password: bool
    sessions: tuple[Session, ...]
    session_hash: str
    tokens: tuple[ApiToken, ...]
    scopes: tuple[Permission, ...]
    longest_days: int
    now: datetime
    given: str = ""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """One person who is known, and how the person comes in.

    Attributes:
        person: Who.
        account: The account with a password; None for none.
        is_barred: Whether an administrator keeps the person out.
        is_locked: Whether wrong passwords have locked the account for a while.
        sessions: How many browsers the person is signed in with.
        seen_at: When the person last did something; None where nobody is signed in.
    """

    person: Person
    account: Account | None
    is_barred: bool
    is_locked: bool
    sessions: int
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Everybody:
    """Everybody's accounts and tokens.

    Attributes:
        people: Everybody who is known.
        tokens: Everybody's tokens that still count, the newest first.
        now: The moment it speaks of.
        given_to: To whom a secret was just given out; empty for nobody.
        secret: That secret.
    """

    people: tuple[KnownPerson, ...]
    tokens: tuple[ApiToken, ...]
    now: datetime
    given_to: str = ""
    secret: str = ""


def read_own_account(
    work: UnitOfWork,
    person_id: str,
    session_hash: str,
    *,
    scopes: tuple[Permission, ...],
    longest_days: int,
    now: datetime,
    given: str = "",
) -> OwnAccount:
    """Return what a person sees of the own account."""
    return OwnAccount(
        has_password=read_account(work, person_id) is not None,
        sessions=tuple(list_sessions(work, now, person_id)),
        session_hash=session_hash,
        tokens=tuple(list_tokens(work, person_id)),
        scopes=scopes,
        longest_days=longest_days,
        now=now,
        given=given,
    )


def read_everybody(
    work: UnitOfWork, people: People, now: datetime, *, given_to: str = "", secret: str = ""
) -> Everybody:
    """Return what an administrator sees of everybody."""
    accounts = {one.person_id: one for one in list_accounts(work)}
    sessions: dict[str, list[Session]] = {}
    for session in list_sessions(work, now):
        sessions.setdefault(session.person_id, []).append(session)
    known = [_known(person, accounts.get(person.id), sessions.get(person.id, []), now) for person in people.everybody]
    counting = [token for token in list_tokens(work) if token.revoked_at is None and token.expires_at > now]
    return Everybody(tuple(known), tuple(counting), now, given_to, secret)


def _known(person: Person, account: Account | None, sessions: list[Session], now: datetime) -> KnownPerson:
    locked_until = account.locked_until if account else None
    barred = is_barred(account)
    return KnownPerson(
        person=person,
        account=account,
        is_barred=barred,
        is_locked=not barred and locked_until is not None and locked_until > now,
        sessions=len(sessions),
        seen_at=max((session.seen_at for session in sessions), default=None),
    )
