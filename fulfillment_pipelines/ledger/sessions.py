"""Who is signed in: sessions of browsers, each kept under the hash of what the browser holds.

Who somebody is belongs to `accounts` and `people.yaml`; how long a session lasts is decided by `access.yaml`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from fulfillment_pipelines.ledger.tables import session
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in.

    Attributes:
        session_hash: SHA-256 of what its cookie holds.
        person_id: Who.
        csrf_token: What every form of this session must carry.
        signed_in_by: `password` or `oidc`.
        signed_in_at: When.
        seen_at: When it last asked for something.
        expires_at: When it ends whatever happens.
    """

    session_hash: str
    person_id: str
    csrf_token: str
    signed_in_by: str
    signed_in_at: datetime
    seen_at: datetime
    expires_at: datetime


def insert_session(work: UnitOfWork, begun: Session) -> None:
    """Keep a session that has begun."""
    work.change(insert(session), [asdict(begun)])


def read_session(work: UnitOfWork, session_hash: str) -> Session | None:
    """Return a session; None where there is none of that hash."""
    rows = work.rows(select(session).where(session.c.session_hash == session_hash))
    return Session(**{field.name: getattr(rows[0], field.name) for field in fields(Session)}) if rows else None


def list_sessions(work: UnitOfWork, now: datetime, person_id: str | None = None) -> list[Session]:
    """Return the sessions of a person, or of everybody, whose time is not over; the one used last first."""
    wanted = select(session).where(session.c.expires_at > now).order_by(session.c.seen_at.desc())
    if person_id is not None:
        wanted = wanted.where(session.c.person_id == person_id)
    return [Session(**{field.name: getattr(row, field.name) for field in fields(Session)}) for row in work.rows(wanted)]


def see_session(work: UnitOfWork, session_hash: str, at: datetime) -> None:
    """Note that a session was used."""
    work.change(update(session).where(session.c.session_hash == session_hash).values(seen_at=at))


def end_session(work: UnitOfWork, session_hash: str) -> None:
    """Forget a session."""
    work.change(delete(session).where(session.c.session_hash == session_hash))


def end_sessions_of(work: UnitOfWork, person_id: str) -> int:
    """Forget every session of a person, and return how many there were."""
    return work.change(delete(session).where(session.c.person_id == person_id))


def end_other_sessions(work: UnitOfWork, person_id: str, kept_hash: str) -> int:
    """Forget every session of a person but one, and return how many there were."""
    others = (session.c.person_id == person_id) & (session.c.session_hash != kept_hash)
    return work.change(delete(session).where(others))


def end_expired_sessions(work: UnitOfWork, now: datetime) -> int:
    """Forget the sessions whose time is over, and return how many there were."""
    return work.change(delete(session).where(session.c.expires_at <= now))
