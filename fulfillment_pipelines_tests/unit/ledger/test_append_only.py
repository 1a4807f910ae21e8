"""What was recorded is refused a change by the database itself, whoever asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Column, create_engine, delete, insert, select, text, update

from fulfillment_pipelines.errors import InvariantError
from fulfillment_pipelines.ledger.tables import METADATA, archiving_guard
from fulfillment_pipelines.ledger.types import Instant
from fulfillment_pipelines.ledger.unit_of_work import Ledger

APPEND_ONLY = ("audit_log", "receipt", "approval", "case_event")


@pytest.fixture
def recorded(ledger: Ledger, ledger_url: str, noon: datetime) -> Ledger:
    """A ledger with one row in each table that is append-only; what they refer to is left out."""
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("set session_replication_role = replica"))
        for name in APPEND_ONLY:
            table = METADATA.tables[name]
            values = {column.name: _some(column, noon) for column in table.columns}
            connection.execute(insert(table), [values])
    engine.dispose()
    return ledger


def _some(column: Column[Any], noon: datetime) -> object:
    if isinstance(column.type, Instant):
        return noon
    return 1 if column.type.python_type is int else "x"


@pytest.mark.parametrize("name", APPEND_ONLY)
def test_a_recorded_row_is_neither_updated_nor_deleted(recorded: Ledger, name: str) -> None:
    table = METADATA.tables[name]
    column = next(column.name for column in table.columns if column.name in ("actor", "worker"))
    for statement in (update(table).values({column: "eve"}), delete(table)):
        with recorded.unit_of_work() as work, pytest.raises(InvariantError, match=f"{name} is append-only"):
            work.change(statement)
    with recorded.reading() as work:
        assert [row[0] for row in work.rows(select(table.c[column]))] == ["x"]


@pytest.mark.parametrize("name", APPEND_ONLY)
def test_no_way_around_it_is_left_open(recorded: Ledger, ledger_url: str, name: str) -> None:
    key = next(iter(METADATA.tables[name].primary_key)).name
    around = f"truncate {name}" if ledger_url.startswith("postgresql") else f"replace into {name} select * from {name}"
    with recorded.unit_of_work() as work, pytest.raises(InvariantError, match=f"{name} is append-only"):
        work.change(text(around))
    with recorded.reading() as work:
        assert len(work.rows(select(METADATA.tables[name].c[key]))) == 1


def test_within_an_archiving_transaction_rows_may_go(recorded: Ledger) -> None:
    with recorded.unit_of_work() as work:
        work.change(insert(archiving_guard), [{"guard_id": 1, "closed_by": 2}])
        work.change(delete(METADATA.tables["audit_log"]))
        work.change(delete(archiving_guard))
        work.commit()
    with recorded.reading() as work:
        assert not work.rows(select(METADATA.tables["audit_log"]))


def test_a_guard_that_was_left_open_keeps_the_transaction_from_ending(recorded: Ledger) -> None:
    with recorded.unit_of_work() as work:
        work.change(insert(archiving_guard), [{"guard_id": 1, "closed_by": 2}])
        work.change(delete(METADATA.tables["audit_log"]))
        with pytest.raises(InvariantError):
            work.commit()
    with recorded.reading() as work:
        assert len(work.rows(select(METADATA.tables["audit_log"]))) == 1
