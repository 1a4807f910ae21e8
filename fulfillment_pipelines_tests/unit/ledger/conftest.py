"""Somebody with the database's file or its administrator's password, who is not stopped by triggers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork

Tampering = Callable[[UnitOfWork], object]

_TRIGGERS = text("select name from sqlite_master where type = 'trigger'")
_DISABLE = "alter table audit_log disable trigger user"


@pytest.fixture
def tamper(ledger: Ledger, ledger_url: str) -> Callable[[Tampering], None]:
    """Return what changes the audit log as an intruder with the database would."""

    def change(how: Tampering) -> None:
        engine = create_engine(ledger_url)
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                for (name,) in connection.execute(_TRIGGERS).all():
                    connection.execute(text(f'drop trigger "{name}"'))
            else:
                connection.execute(text(_DISABLE))
        engine.dispose()
        with ledger.unit_of_work() as work:
            how(work)
            work.commit()

    return change
