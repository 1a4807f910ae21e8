"""Accounts of people who sign in with a password: its hash, and what was tried with a wrong one.

Who people are and what they may is in `people.yaml`; how a password is hashed belongs to the console.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fulfillment_pipelines.ledger.tables import account
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Account:
    """One person's account.

    Attributes:
        person_id: Whose.
        password_hash: Argon2, with its parameters.
        must_change: Whether the password was given out and must be replaced at the next sign-in.
        failed_attempts: Wrong passwords since the last right one.
        locked_until: Until when nobody signs in; None for not locked.
        created_at: When it was made.
        changed_at: When its password was changed last.
    """

    person_id: str
    password_hash: str
    must_change: bool
    failed_attempts: int
    locked_until: datetime | None
    created_at: datetime
    changed_at: datetime


def count_accounts(work: UnitOfWork) -> int:
    """Return how many accounts there are."""
    (row,) = work.rows(select(func.count()).select_from(account))
    return int(row[0])


def read_account(work: UnitOfWork, person_id: str) -> Account | None:
    """Return a person's account; None where there is none."""
    rows = work.rows(select(account).where(account.c.person_id == person_id))
    return _account_of(rows[0]) if rows else None


def list_accounts(work: UnitOfWork) -> list[Account]:
    """Return all accounts, by person."""
    return [_account_of(row) for row in work.rows(select(account).order_by(account.c.person_id))]


def write_account(work: UnitOfWork, wanted: Account) -> None:
    """Write an account, whether it was there or not."""
    values = asdict(wanted)
    if not work.change(update(account).where(account.c.person_id == wanted.person_id).values(**values)):
        work.change(insert(account), [values])


def _account_of(row: Row[Any]) -> Account:
    return Account(**{field.name: getattr(row, field.name) for field in fields(Account)})
