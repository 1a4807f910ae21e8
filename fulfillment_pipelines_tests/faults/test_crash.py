"""kill -9 at every boundary of the loop: the next run ends where a run without the crash ends."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import SqlDeclaration, SqlEntity, load_declaration
from fulfillment_pipelines.systems.distributor import load_distributor

SiteRows = Callable[[int], Mapping[tuple[str, str], list[dict[str, Any]]]]
Run = Callable[[Path, str, int], int]
CONFIG = Path(__file__).parents[1] / "small_distributor" / "databases.yaml"
STARTS_AT = datetime(2026, 3, 16, 12, tzinfo=UTC)
BEFORE_A_DECISION = (
    "some feeds landed",
    "pages written, not renamed",
    "all landed, attempts not recorded",
    "pulled",
    "some feeds admitted",
    "admitted",
    "reconciled, not committed",
    "reconciled",
)
FROM_DECISION_TO_EFFECT = ("decided, not committed", "decided", "claimed, not sent", "sent, receipt not kept")
# Finance bills what its inbox asks for, every time it is asked: only the product keeps it to one invoice.
BILLING = """
create trigger billing after insert on interface_inbox when new.message_type = 'invoice.request'
begin
    insert into invoice_lines (
        invoice_no, line_seq, document_type, order_no, line_no, shipment_no, unit, qty, unit_price, amount, currency,
        status, posted_at
    )
    values (
        'I-' || (select count(*) + 100 from invoice_lines), 1, 'INVOICE', new.body ->> 'order_no',
        new.body ->> 'line_no', new.body ->> 'shipment_no', new.body ->> 'unit', new.body ->> 'qty',
        new.body ->> 'unit_price', new.body ->> 'unit_price', new.body ->> 'currency', 'POSTED', '2026-03-16T12:00:00Z'
    );
end
"""
# What must not depend on the crash: everything but the wall clock and how often something was tried.
LAKE = {
    "snapshots": "select * exclude (pulled_at, duration_seconds) from ops_snapshots order by all",
    "changed keys": "select * from ops_changed_keys",
    "quarantine": "select * from ops_quarantine",
    "order lines": "select * exclude (snapshot_id, as_of) from canon_order_lines order by all",
    "invoice lines": "select * exclude (snapshot_id, as_of) from canon_invoice_lines order by all",
    "shipment lines": "select * exclude (snapshot_id, as_of) from canon_shipment_lines order by all",
    "quantity ledger": "select * from rec_quantity_ledger order by all",
    "stock ledger": "select * from rec_stock_ledger order by all",
    "findings": "select * from rec_findings order by all",
    "verdicts": "select * from rec_line_verdicts order by all",
}
LEDGER = {
    "cases": "select case_id, code, business_key, state, detected_at, closed_at, times_opened from exception_case",
    "case events": "select case_id, event, from_state, to_state, watermark_at from case_event",
    "corrections": "select case_id, target, message, idempotency_key, state, payload from correction",
}


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Run one turn of the loop in a process of its own that may kill itself."""
    script = Path(__file__).with_name("crashing_loop.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None

        def ask(runtime: Path, dies_at: str, turns: int) -> int:
            assert driver.stdin is not None
            assert driver.stdout is not None
            driver.stdin.write(json.dumps([str(runtime), dies_at, turns]) + "\n")
            driver.stdin.flush()
            return int(driver.stdout.readline())

        yield ask
        driver.stdin.close()


def _create(folder: Path, site_rows: SiteRows) -> None:
    """Three orders; two of them were shipped two weeks ago and never billed."""
    folder.mkdir()
    rows = site_rows(3)
    del rows["finance", "invoice_lines"][:2]
    for path in load_distributor(CONFIG, folder).systems:
        system = load_declaration(path)
        assert isinstance(system, SqlDeclaration)
        file = folder / f"{system.name}.sqlite"
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("create table system_clock (now_at text)")
            database.execute("insert into system_clock values (?)", [STARTS_AT.isoformat()])
            database.execute("create table interface_inbox (message_key text unique, message_type, body, problem)")
            for name, entity in system.entities.items():
                _fill(database, entity, rows.get((system.name, name), []))
            if system.name == "finance":
                database.execute(BILLING)
        with (folder / "systems.env").open("a", encoding="utf-8") as references:
            references.write(f"{system.name.upper()}_DATABASE_URL=sqlite:///{file}\n")


def _fill(database: sqlite3.Connection, entity: SqlEntity, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make the table that the declaration reads, with what it should show."""
    database.execute(f"create table {entity.table} ({', '.join(entity.fields)})")
    marks = ", ".join("?" for _ in entity.fields)
    values = [[row[field] for field in entity.fields] for row in rows]
    database.executemany(f"insert into {entity.table} values ({marks})", values)


def _pass_an_hour(folder: Path, turns: int) -> None:
    for name in ("erp", "wms_east", "finance"):
        with closing(sqlite3.connect(folder / f"{name}.sqlite")) as database, database:
            database.execute("update system_clock set now_at = ?", [(STARTS_AT + timedelta(hours=turns)).isoformat()])


def _end_state(folder: Path) -> dict[str, list[Any]]:
    with build_platform(Settings(runtime_dir=folder), config=CONFIG) as platform:
        state = {name: platform.warehouse.query(statement).to_pylist() for name, statement in LAKE.items()}
        ledger = folder / "small_databases" / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as database:
        state |= {name: sorted(database.execute(statement).fetchall(), key=str) for name, statement in LEDGER.items()}
    with closing(sqlite3.connect(folder / "finance.sqlite")) as database:
        state["asked of finance"] = database.execute(
            "select message_key, body from interface_inbox order by 1"
        ).fetchall()
        state["billed"] = database.execute("select order_no, count(*) from invoice_lines group by 1").fetchall()
    return state


def _finish(run: Run, folder: Path, made: int) -> dict[str, list[Any]]:
    """Turn once, let the systems answer, turn again to see the proof; then look."""
    assert run(folder, "", made) == 0
    _pass_an_hour(folder, 1)
    assert run(folder, "", made + 1) == 0
    return _end_state(folder)


@pytest.fixture(scope="session")
def undisturbed(run: Run, site_rows: SiteRows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The end state of a loop that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "site"
    _create(folder, site_rows)
    return _finish(run, folder, 0)


def test_an_undisturbed_loop_bills_each_order_once_and_proves_it(undisturbed: dict[str, list[Any]]) -> None:
    assert undisturbed["billed"] == [("SO-1", 1), ("SO-2", 1), ("SO-3", 1)]
    assert {case[3] for case in undisturbed["cases"]} == {"VERIFIED"}
    assert {correction[4] for correction in undisturbed["corrections"]} == {"VERIFIED"}
    assert undisturbed["findings"] == []


def _killed_at_each(points: Sequence[str], run: Run, folder: Path) -> dict[str, list[Any]]:
    """Each run gets further than the one before it, so that every point is reached."""
    for turns, point in enumerate(points):
        assert run(folder, point, turns) == -signal.SIGKILL, point
    return _finish(run, folder, len(points))


def test_killed_at_every_boundary_before_a_decision_it_ends_where_an_undisturbed_loop_ends(
    run: Run, site_rows: SiteRows, tmp_path: Path, undisturbed: dict[str, list[Any]]
) -> None:
    folder = tmp_path / "site"
    _create(folder, site_rows)

    ended = _killed_at_each(BEFORE_A_DECISION, run, folder)

    assert {name for name in ended if ended[name] != undisturbed[name]} == set()


def test_killed_at_every_boundary_from_decision_to_effect_it_bills_each_order_once(
    run: Run, site_rows: SiteRows, tmp_path: Path, undisturbed: dict[str, list[Any]]
) -> None:
    folder = tmp_path / "site"
    _create(folder, site_rows)

    ended = _killed_at_each(FROM_DECISION_TO_EFFECT, run, folder)

    # The run after the effect looks at the systems once more than the undisturbed loop did.
    assert {name for name in ended if ended[name] != undisturbed[name]} <= {"snapshots"}
