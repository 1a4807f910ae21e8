"""The disk of the ledger runs full: a decision is written whole or not at all, and what was sent is not sent again.

The disk is a real, small file system. Where this process may not mount one, the database itself is told to have no
room, which comes to the same errors; so that this is no surprise on another machine, both ways are always tried.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import psycopg
import pytest
from sqlalchemy import event, func, select

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.readings import list_corrections
from fulfillment_pipelines.ledger.tables import METADATA
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.delivering import (
    CountingSink,
    assert_the_audit_chain_is_whole,
    billed_too_soon,
    decide,
    dispatcher_of,
    run_out,
)
from fulfillment_pipelines_tests.faults.small_disk import on_small_disk
from fulfillment_pipelines_tests.postgres_server import PostgresServer, unprivileged_user

DISK_BYTES = {"sqlite": 8_000_000, "postgresql": 24_000_000}
MANY = 400
"""Corrections in one decision: more than fits into pages that the database has taken before."""
SOME = 60
"""Corrections whose receipts take more room than the last pages have left."""


class Disk(Protocol):
    """Where a ledger is, with or without room."""

    def fill(self) -> None: ...

    def free(self) -> None: ...


@dataclass
class Place:
    """A ledger and its disk."""

    ledger: Ledger
    disk: Disk


def _open_sqlite(folder: Path, migrated_sqlite: Path) -> Ledger:
    return Ledger(f"sqlite:///{shutil.copy(migrated_sqlite, folder / 'ledger.sqlite')}")


@contextmanager
def _opened_postgresql(folder: Path) -> Iterator[Ledger]:
    """A database whose tables and indexes lie in a folder; the server's own files, among them its log, do not."""
    tablespace = folder / "tablespace"
    tablespace.mkdir()
    if (user := unprivileged_user()) is not None:
        shutil.chown(tablespace, user)
    with PostgresServer() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"create tablespace small location '{tablespace}'")
            connection.execute("create database small tablespace small")
        address = server.url.removesuffix("/postgres").replace("postgresql://", "postgresql+psycopg://")
        opened = Ledger(f"{address}/small")
        with closing(opened):
            opened.migrate()
            yield opened


class _SqlitePages:
    """No room in a SQLite file: every connection is told that it may not grow."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def fill(self) -> None:
        event.listen(self._ledger._engine, "checkout", self._limit)

    def free(self) -> None:
        event.remove(self._ledger._engine, "checkout", self._limit)
        self._ledger.close()

    def _limit(self, connection: Any, *_: object) -> None:
        (pages,) = connection.execute("pragma page_count").fetchone()
        connection.execute(f"pragma max_page_count = {pages}")


class _PostgresqlTrigger:
    """No room in a PostgreSQL table: the outbox answers as the server does when it cannot extend a file."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def fill(self) -> None:
        with self._ledger.unit_of_work() as work:
            work._connection.exec_driver_sql(
                "create function no_room() returns trigger language plpgsql as $$ begin"
                " raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$"
            )
            work._connection.exec_driver_sql(
                "create trigger no_room before insert or update on outbox for each row execute function no_room()"
            )
            work.commit()

    def free(self) -> None:
        with self._ledger.unit_of_work() as work:
            work._connection.exec_driver_sql("drop function no_room cascade")
            work.commit()


def _in_place(way: str, database: str, *, folder: Path, migrated_sqlite: Path, act: Callable[[Place], None]) -> None:
    """Call a function with a ledger whose disk can be filled; it is a file system if that is wanted and allowed."""

    def act_on(disk: Disk | None) -> None:
        if database == "sqlite":
            with closing(_open_sqlite(folder, migrated_sqlite)) as ledger:
                act(Place(ledger, disk or _SqlitePages(ledger)))
        else:
            with _opened_postgresql(folder) as ledger:
                act(Place(ledger, disk or _PostgresqlTrigger(ledger)))

    if way == "file system":
        try:
            on_small_disk(folder, DISK_BYTES[database], act_on)
        except PermissionError:
            act_on(None)
    else:
        act_on(None)


INJECTED = {
    "file system": "a tmpfs of its own, filled to the last page (the database's own limit where none may be mounted)",
    "the database's own limit": "SQLite may take no more pages; PostgreSQL refuses with 53100, disk full",
}


@dataclass
class Desk:
    """Decides and delivers."""

    run: Callable[[Callable[[Place], None]], None]
    decide: Callable[[Ledger, list[Finding]], tuple[str, ...]]
    policies: Policies
    make_finding: Callable[..., Finding]
    clock: FixedClock
    way: str


@pytest.fixture(params=INJECTED)
def desk(
    *,
    request: pytest.FixtureRequest,
    ledger_url: str,
    migrated_sqlite: Path,
    case_policy: CasePolicy,
    policies: Policies,
    make_finding: Callable[..., Finding],
    noon: datetime,
) -> Desk:
    clock = FixedClock(noon)

    def run(act: Callable[[Place], None]) -> None:
        # Not below pytest's own folder: the database server runs as a user who may not look into that.
        with TemporaryDirectory(prefix="disk-") as folder:
            Path(folder).chmod(0o755)
            _in_place(request.param, ledger_url, folder=Path(folder), migrated_sqlite=migrated_sqlite, act=act)

    def decide_on(ledger: Ledger, findings: list[Finding]) -> tuple[str, ...]:
        return decide(ledger, findings, case_policy=case_policy, policies=policies, now=clock.at)

    return Desk(run, decide_on, policies, make_finding, clock, request.param)


def _row_counts(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as work:
        return {
            table.name: work.rows(select(func.count()).select_from(table))[0][0] for table in METADATA.sorted_tables
        }


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"])
def test_an_approval_that_finds_no_room_leaves_neither_approval_nor_outbox_row(desk: Desk, fault_outcome: Any) -> None:
    findings = [billed_too_soon(desk.make_finding, f"SO-{number}") for number in range(MANY)]

    def act(place: Place) -> None:
        assert len(desk.decide(place.ledger, findings[:1])) == 1
        before = _row_counts(place.ledger)
        place.disk.fill()
        with pytest.raises(RetryableError, match=r"disk is full.*nothing of the transaction was written.*free space"):
            desk.decide(place.ledger, findings)
        assert _row_counts(place.ledger) == before
        place.disk.free()
        assert len(desk.decide(place.ledger, findings)) == MANY - 1
        target = CountingSink()
        run_out(place.ledger, dispatcher_of(place.ledger, target, desk.policies, desk.clock), desk.clock)
        assert len(target.effects) == len(set(target.effects)) == MANY
        assert_the_audit_chain_is_whole(place.ledger)

    desk.run(act)
    fault_outcome(
        fault=f"Full disk while corrections are approved ({desk.way})",
        injected=INJECTED[desk.way],
        outcome="neither decision nor outbox row; the error says that the disk is full; with room again all goes on",
        effects=MANY,
    )


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"])
def test_a_receipt_that_finds_no_room_is_looked_for_before_anything_is_sent_again(
    desk: Desk, fault_outcome: Any
) -> None:
    def act(place: Place) -> None:
        findings = [billed_too_soon(desk.make_finding, f"SO-{number}") for number in range(SOME)]
        assert len(desk.decide(place.ledger, findings)) == SOME
        target = CountingSink(after_first_effect=place.disk.fill)
        dispatcher = dispatcher_of(place.ledger, target, desk.policies, desk.clock)
        with pytest.raises(RetryableError, match="disk is full"):
            dispatcher.run()
        place.disk.free()
        run_out(place.ledger, dispatcher, desk.clock)
        assert len(target.effects) == len(set(target.effects)) == SOME
        with place.ledger.reading() as work:
            assert [record.state for record in list_corrections(work)] == [CorrectionState.ACKED] * SOME
        assert_the_audit_chain_is_whole(place.ledger)

    desk.run(act)
    fault_outcome(
        fault=f"Full disk between the effect and its receipt ({desk.way})",
        injected=INJECTED[desk.way],
        outcome="the worker stops with an error; with room again it looks first, and sends what is not there",
        effects=SOME,
    )
