"""People sign in with a password and get a session; too many wrong ones lock the account for a while.

Signing in at somebody else's door (OpenID Connect) ends in the same session; see `open_id`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from fulfillment_pipelines.console.access.passwords import Passwords, hash_of_secret, new_secret
from fulfillment_pipelines.console.refusals import NotSignedInError
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.access import SignInPolicy
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.accounts import Account, read_account, write_account
from fulfillment_pipelines.ledger.sessions import Session, end_expired_sessions, insert_session
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun, and the secret that only the browser keeps."""

    session: Session
    secret: str
    must_change: bool


def sign_in(
    work: UnitOfWork, person_id: str, password: str, *, passwords: Passwords, policies: Policies, now: datetime
) -> Begun | None:
    """Begin a session for somebody who knows the password; None where it is refused, and the attempt is recorded.

    Why it was refused is not told: an unknown name, a wrong password and a locked account look the same. The caller
    commits in either case.
    """
    account, person = read_account(work, person_id), policies.people.get(person_id)
    is_locked = account is not None and account.locked_until is not None and account.locked_until > now
    is_right = passwords.is_right(account.password_hash if account else None, password)
    if account is None or person is None or not person.active or is_locked or not is_right:
        _note_failure(work, account, policies.access.seed.sign_in, now, is_locked=is_locked)
        return None
    write_account(work, replace(account, failed_attempts=0, locked_until=None))
    return begin_session(work, person_id, "password", policies=policies, now=now, must_change=account.must_change)


def begin_session(
    work: UnitOfWork, person_id: str, by: str, *, policies: Policies, now: datetime, must_change: bool = False
) -> Begun:
    """Begin a session of somebody who has proved who it is."""
    secret, longest = new_secret(), timedelta(hours=policies.access.seed.sign_in.longest_hours)
    session = Session(hash_of_secret(secret), person_id, new_secret(), by, now, now, now + longest)
    end_expired_sessions(work, now)
    insert_session(work, session)
    audit.append(work, [audit.AuditEntry(now, person_id, "session.begun", person_id, {"by": by})])
    return Begun(session, secret, must_change)


def is_over(session: Session, policy: SignInPolicy, now: datetime) -> bool:
    """Return whether a session has ended, by its age or because nothing was done in it."""
    return session.expires_at <= now or session.seen_at + timedelta(minutes=policy.idle_minutes) <= now


def wants_to_be_seen(session: Session, now: datetime) -> bool:
    """Return whether a use of the session should be noted; not every request is."""
    return session.seen_at + _SEEN_EVERY <= now


def change_password(
    work: UnitOfWork, person_id: str, password: str, *, passwords: Passwords, policies: Policies, now: datetime
) -> None:
    """Replace somebody's own password.

    Raises:
        NotSignedInError: The person signs in elsewhere and has no account here, or the password is too short.
    """
    account, shortest = read_account(work, person_id), policies.access.seed.sign_in.shortest_password
    if account is None or len(password) < shortest:
        raise NotSignedInError(
            "The password was not changed.",
            expected=f"an account of {person_id}, and a new password of at least {shortest} characters",
            found="no account" if account is None else "a shorter one",
            remedy="choose a longer password",
        )
    changed = replace(account, password_hash=passwords.hash(password), must_change=False, changed_at=now)
    write_account(work, changed)
    audit.append(work, [audit.AuditEntry(now, person_id, "password.changed", person_id, {})])


def give_out_account(
    work: UnitOfWork, person_id: str, *, by: str, passwords: Passwords, policies: Policies, now: datetime
) -> str:
    """Make or reset somebody's account, and return the secret that opens it once.

    Raises:
        RejectedError: Nobody of that name is active.
    """
    policies.people.require_active(person_id)
    secret, known = new_secret(), read_account(work, person_id)
    begun_at = known.created_at if known else now
    write_account(work, Account(person_id, passwords.hash(secret), True, 0, None, begun_at, now))
    audit.append(work, [audit.AuditEntry(now, by, "account.given_out", person_id, {})])
    return secret


def _note_failure(
    work: UnitOfWork, account: Account | None, policy: SignInPolicy, now: datetime, *, is_locked: bool
) -> None:
    if account is None or is_locked:
        return
    failed = account.failed_attempts + 1
    locks = failed >= policy.attempts
    until = now + timedelta(minutes=policy.lock_minutes) if locks else account.locked_until
    write_account(work, replace(account, failed_attempts=0 if locks else failed, locked_until=until))
    if locks:
        audit.append(work, [audit.AuditEntry(now, "console", "account.locked", account.person_id, {})])
