"""People sign in with a password and get a session; too many wrong ones lock the account for a while.

Signing in at somebody else's door (OpenID Connect) ends in the same session; see `open_id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from fulfillment_pipelines.console.access.devices import is_known as is_known_device
from fulfillment_pipelines.console.access.devices import mark_of
from fulfillment_pipelines.console.access.passwords import Passwords, hash_of_secret, new_secret
from fulfillment_pipelines.console.access.throttle import Failures
from fulfillment_pipelines.console.refusals import ForbiddenError
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.access import SignInPolicy
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.accounts import Account, read_account, write_account
from fulfillment_pipelines.ledger.api_tokens import revoke_tokens_of
from fulfillment_pipelines.ledger.sessions import Session, end_expired_sessions, end_sessions_of, insert_session
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

PASSWORD: Final = "password"  # noqa: S105 - how somebody signed in
OPEN_ID: Final = "oidc"
"""How somebody signed in, as sessions keep it."""

_SEEN_EVERY: Final = timedelta(minutes=1)
_BARRED_UNTIL: Final = datetime(9999, 1, 1, tzinfo=UTC)
_FEWEST_CHARACTERS: Final = 5
_NO_PASSWORD: Final = "none"  # noqa: S105 - no hash, so no password is right


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun, and what only the browser keeps: its secret, and the mark of a browser in use."""

    session: Session
    secret: str = field(repr=False)
    must_change: bool = False
    device: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody's try to sign in with a password.

    Attributes:
        person_id: Who it is said to be.
        password: What was typed.
        device: The mark that the browser keeps of an earlier sign-in; empty for none.
    """

    person_id: str
    password: str = field(repr=False)
    device: str = field(default="", repr=False)


def sign_in(
    work: UnitOfWork,
    attempt: Attempt,
    *,
    passwords: Passwords,
    policies: Policies,
    device_failures: Failures,
    now: datetime,
) -> Begun | None:
    """Begin a session for somebody who knows the password; None where it is refused, and the attempt is recorded.

    Why it was refused is not told: an unknown name, a wrong password and a locked account look the same. An account
    that wrong passwords have locked stays open to browsers that its person has used before, each with attempts of its
    own; one that an administrator has barred does not. The caller commits in either case.
    """
    policy = policies.access.seed.sign_in
    account, person = read_account(work, attempt.person_id), policies.people.get(attempt.person_id)
    is_right = passwords.is_right(account.password_hash if account else None, attempt.password)
    if account is None or person is None:
        return None
    is_known = not is_barred(account) and is_known_device(account, attempt.device)
    is_open = (
        not device_failures.wait_seconds(attempt.device, policy.attempts) if is_known else not _is_locked(account, now)
    )
    if is_right and is_open and person.active:
        opened = replace(account, failed_attempts=0, locked_until=None)
        write_account(work, opened)
        begun = begin_session(work, attempt.person_id, PASSWORD, policies=policies, now=now)
        return replace(begun, must_change=account.must_change, device=mark_of(opened))
    if is_known:
        device_failures.note(attempt.device)
    elif is_open:
        _note_failure(work, account, policy, now)
    return None


def begin_session(work: UnitOfWork, person_id: str, by: str, *, policies: Policies, now: datetime) -> Begun:
    """Begin a session of somebody who has proved who it is."""
    secret, longest = new_secret(), timedelta(hours=policies.access.seed.sign_in.longest_hours)
    session = Session(hash_of_secret(secret), person_id, new_secret(), by, now, now, now + longest)
    end_expired_sessions(work, now)
    insert_session(work, session)
    audit.append(work, [audit.AuditEntry(now, person_id, "session.begun", person_id, {"by": by})])
    return Begun(session, secret)


def is_over(session: Session, policy: SignInPolicy, now: datetime) -> bool:
    """Return whether a session has ended, by its age or because nothing was done in it."""
    return session.expires_at <= now or session.seen_at + timedelta(minutes=policy.idle_minutes) <= now


def wants_to_be_seen(session: Session, now: datetime) -> bool:
    """Return whether a use of the session should be noted; not every request is."""
    return session.seen_at + _SEEN_EVERY <= now


def change_password(
    work: UnitOfWork,
    person_id: str,
    current: str,
    wanted: str,
    *,
    passwords: Passwords,
    policies: Policies,
    now: datetime,
) -> Begun:
    """Replace somebody's own password, end every session of the person, and begin a new one; the caller commits.

    Raises:
        ForbiddenError: The person has no account here, or the current password is another one.
        BadDataError: The new password is too short, too common, or the same.
    """
    account = read_account(work, person_id)
    if account is None or not passwords.is_right(account.password_hash, current):
        raise ForbiddenError(
            "The password was not changed.",
            expected="the current password",
            found="no account with a password" if account is None else "another one",
            remedy="type the password that you signed in with",
        )
    _require_good(wanted, current, person_id, policies.access.seed.sign_in)
    changed = replace(
        account, password_hash=passwords.hash(wanted), must_change=False, failed_attempts=0, changed_at=now
    )
    write_account(work, changed)
    end_sessions_of(work, person_id)
    audit.append(work, [audit.AuditEntry(now, person_id, "password.changed", person_id, {})])
    return replace(begin_session(work, person_id, PASSWORD, policies=policies, now=now), device=mark_of(changed))


def give_out_account(
    work: UnitOfWork, person_id: str, *, by: str, passwords: Passwords, policies: Policies, now: datetime
) -> str:
    """Make or reset somebody's account, end the person's sessions, and return the secret that opens it once.

    Raises:
        RejectedError: Nobody of that name is active.
    """
    policies.people.require_active(person_id)
    secret, known = new_secret(), read_account(work, person_id)
    begun_at = known.created_at if known else now
    write_account(work, Account(person_id, passwords.hash(secret), True, 0, None, begun_at, now))
    end_sessions_of(work, person_id)
    audit.append(work, [audit.AuditEntry(now, by, "account.given_out", person_id, {})])
    return secret


def bar_account(work: UnitOfWork, person_id: str, *, by: str, reason: str, now: datetime) -> None:
    """Keep somebody out until an administrator gives out the account anew: sessions end, tokens are taken back.

    It holds for who signs in elsewhere too. The caller commits.

    Raises:
        BadDataError: There is no reason.
    """
    if not reason.strip():
        raise BadDataError("The account was not barred.", expected="a reason", found="none", remedy="say why")
    known = read_account(work, person_id) or Account(person_id, _NO_PASSWORD, True, 0, None, now, now)
    write_account(work, replace(known, locked_until=_BARRED_UNTIL))
    ended, revoked = end_sessions_of(work, person_id), revoke_tokens_of(work, person_id, now)
    detail: dict[str, audit.JsonScalar] = {"sessions_ended": ended, "tokens_revoked": revoked}
    audit.append(work, [audit.AuditEntry(now, by, "account.barred", person_id, detail, reason.strip())])


def unbar_account(work: UnitOfWork, person_id: str, *, by: str, now: datetime) -> None:
    """Let somebody in again, with the password or at the door that the person used before; the caller commits."""
    known = read_account(work, person_id)
    if known is not None and known.locked_until is not None:
        write_account(work, replace(known, locked_until=None, failed_attempts=0))
        audit.append(work, [audit.AuditEntry(now, by, "account.unlocked", person_id, {})])


def is_barred(account: Account | None) -> bool:
    """Return whether an administrator keeps the person out."""
    return account is not None and account.locked_until is not None and account.locked_until >= _BARRED_UNTIL


def _is_locked(account: Account, now: datetime) -> bool:
    return account.locked_until is not None and account.locked_until > now


def _note_failure(work: UnitOfWork, account: Account, policy: SignInPolicy, now: datetime) -> None:
    failed = account.failed_attempts + 1
    locks = failed >= policy.attempts
    until = now + timedelta(minutes=policy.lock_minutes) if locks else None
    write_account(work, replace(account, failed_attempts=0 if locks else failed, locked_until=until))
    if locks:
        audit.append(work, [audit.AuditEntry(now, "console", "account.locked", account.person_id, {})])


def _require_good(wanted: str, current: str, person_id: str, policy: SignInPolicy) -> None:
    """Refuse a password that is easily guessed, by the advice of NIST SP 800-63B: length, not kinds of characters."""
    if len(wanted) < policy.shortest_password:
        found = f"{len(wanted)} characters"
    elif wanted == current:
        found = "the current one"
    elif person_id in wanted.casefold() or len(set(wanted.casefold())) < _FEWEST_CHARACTERS:
        found = "one that is easily guessed"
    else:
        return
    raise BadDataError(
        "The password was not changed.",
        expected=f"at least {policy.shortest_password} characters, {_FEWEST_CHARACTERS} different ones among them, "
        "not the current password, and not your own name in it",
        found=found,
        remedy="choose another: a sentence is easier to keep than a riddle",
    )
