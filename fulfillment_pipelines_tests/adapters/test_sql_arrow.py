"""Rows that come as Arrow batches are the rows that come one by one."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.transports.sql.arrow_pages import PageWriter
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

_DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {{kind: sql, url: {{ref: SITE_DATABASE}}, read: {read}}}
entities:
  lines:
    contract: lines
    table: odd.lines
    fields: [id, qty, loose_qty, changed_at, local_at, day, active, body, mark, raw, share, empty, "Name", tags]
    key: [id]
    since: {{column: id}}
"""
_TABLE = """
create table odd.lines (
    id bigint primary key, qty numeric(12, 3), loose_qty numeric, changed_at timestamptz, local_at timestamp, day date,
    active boolean, body jsonb, mark uuid, raw bytea, share double precision, empty text, "Name" text, tags text[]
)
"""
_ROWS = """
insert into odd.lines
select
    n, case when n % 7 = 0 then null else n * 1.125 end, case when n = 3 then 'NaN' else n * 0.1 end,
    timestamptz '2026-03-01 08:00+02' + n * interval '1 hour', timestamp '2026-03-01 08:00', date '2026-03-01' + n,
    n % 2 = 0, jsonb_build_object('n', n, 'ä', array[1.5, null]), gen_random_uuid(), decode('00ff', 'hex'), n / 3.0,
    null, 'straße ' || n, array['a', n::text]
from generate_series(1, 300) as n
"""


@pytest.fixture
def url(postgres_database_url: str) -> str:
    with psycopg.connect(postgres_database_url.replace("+psycopg", "")) as connection:
        connection.execute("create schema odd")
        connection.execute(_TABLE)
        connection.execute(_ROWS)
    return postgres_database_url


@pytest.fixture
def reading(declare: Any, referring: Any, clock: Any, request: pytest.FixtureRequest) -> Callable[..., SqlSystem]:
    def make(read: str, url: str, name: str = "Name") -> SqlSystem:
        declared = declare(_DECLARATION.format(read=read).replace('"Name"', f'"{name}"'))
        made = SqlSystem(declared, referring(SITE_DATABASE=url), clock, batch_rows=64)
        request.addfinalizer(made.close)
        return made

    return make


def _table(system: SqlSystem, scope: Scope | None = None) -> Any:
    (page,) = system.source("lines").pull(scope or Scope()).pages
    return pq.read_table(io.BytesIO(page.content))


def _worth(column: Any) -> list[str]:
    return [str(Decimal(value).normalize()) for value in column.to_pylist()]


def test_both_ways_give_the_same_values(url: str, reading: Callable[..., SqlSystem]) -> None:
    one_by_one, batches = _table(reading("rows", url)), _table(reading("arrow", url))
    assert batches.column_names == one_by_one.column_names
    for name in one_by_one.column_names:
        expected, found = one_by_one.column(name), batches.column(name)
        if name in ("tags", "body"):  # PostgreSQL spells arrays and objects in its own way
            assert found.null_count == expected.null_count
        elif name == "loose_qty":  # a number without a declared scale stays text, exactly
            assert _worth(found) == _worth(expected)
        else:
            assert found.to_pylist() == expected.to_pylist(), name
    assert str(batches.schema.field("qty").type) == "decimal128(12, 3)"


def test_rows_and_count_come_from_one_state_of_the_database(url: str, reading: Callable[..., SqlSystem]) -> None:
    snapshot = reading("arrow", url).source("lines").pull(Scope())
    assert (snapshot.complete, snapshot.declared_rows) == (True, 300)


def test_what_changed_since_a_cursor_is_the_same_both_ways(url: str, reading: Callable[..., SqlSystem]) -> None:
    scope = Scope(since="298")
    assert _table(reading("arrow", url), scope).to_pylist() == _table(reading("rows", url), scope).to_pylist()


def test_without_the_driver_the_remedy_is_told(
    url: str, reading: Callable[..., SqlSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'fulfillment-pipelines\[arrow\]'"):
        _table(reading("arrow", url))


def test_a_database_that_arrow_cannot_read_is_refused(tmp_path: Path, declare: Any, referring: Any, clock: Any) -> None:
    file = tmp_path / "site.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("create table lines (id integer primary key)")
    connection.close()
    yaml = _DECLARATION.format(read="arrow").replace("odd.lines", "lines")
    yaml = yaml[: yaml.index("    fields:")] + "    fields: [id]\n    key: [id]\n"
    system = SqlSystem(declare(yaml), referring(SITE_DATABASE=f"sqlite:///{file}"), clock)
    with pytest.raises(ConfigurationError, match="reads PostgreSQL only"):
        _table(system)
    system.close()


def test_a_read_that_breaks_off_keeps_what_came_and_says_so(
    url: str, reading: Callable[..., SqlSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() and query ilike 'copy%'"
    )
    take = PageWriter.add_table
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "insert into odd.lines (id, body) select n, jsonb_build_object('n', repeat(md5(n::text), 99)) "
            "from generate_series(1000, 60000) as n"
        )

        def taken_and_lost(writer: PageWriter, table: Any) -> None:
            take(writer, table)
            connection.execute(kills)

        monkeypatch.setattr(PageWriter, "add_table", taken_and_lost)
        snapshot = reading("arrow", url).source("lines").pull(Scope())
    assert not snapshot.complete
    assert "broke off" in snapshot.problem


def test_odd_names_and_infinite_numbers_are_read_alike(url: str, reading: Callable[..., SqlSystem]) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute('alter table odd.lines rename column "Name" to "Name %"')
        connection.execute("update odd.lines set loose_qty = 'Infinity' where id = 1")
    both = []
    for way in ("rows", "arrow"):
        system = reading(way, url, name="Name %")
        first = _table(system).to_pylist()[0]
        both.append((first["Name %"], Decimal(first["loose_qty"])))
    assert both == [("straße 1", Decimal("Infinity"))] * 2
