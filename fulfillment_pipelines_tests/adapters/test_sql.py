"""What only databases do: exact types, one transaction, typed comparisons, interface tables."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    PreconditionError,
    RejectedError,
    SystemDownError,
)
from fulfillment_pipelines.systems.transports.sql import system as transport
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {{kind: sql, url: {{ref: SITE_DATABASE}}, timeout_seconds: {timeout}}}
entities:
  lines:
    contract: lines
    table: {table}
    as_of: {as_of}
    fields: [{fields}]
    key: [{key}]
    {more}
messages:
  qty.set:
    insert_into: inbox
    key_column: message_key
    json_column: body
    body: {{line_id: line_id, qty: qty}}
    precondition: {{table: typed, where: {{line_no: line_id}}, expect: {{qty: qty}}}}
    read_back: {{table: typed, where: {{line_no: line_id}}, expect: {{qty: qty}}}}
  qty.add:
    insert_into: inbox
    key_column: message_key
    json_column: body
    body: {{line_id: line_id}}
    precondition: {{table: typed, where: {{line_no: line_id}}, absent: true}}
"""
Make = Callable[..., SqlSystem]
Run = Callable[..., None]


@pytest.fixture
def make_on(declare: Any, referring: Any, clock: Any, request: pytest.FixtureRequest) -> Callable[..., SqlSystem]:
    """Make a system on a database URL; close it when the test is over."""

    def make(
        url: str,
        *,
        table: str = "typed",
        fields: str = "line_no, qty",
        key: str = "line_no",
        as_of: str = '{fixed: "2026-03-02T08:00:00Z"}',
        more: str = "",
        timeout: float = 5,
        **options: Any,
    ) -> SqlSystem:
        yaml = DECLARATION.format(table=table, fields=fields, key=key, as_of=as_of, more=more, timeout=timeout)
        system = SqlSystem(declare(yaml), referring(SITE_DATABASE=url), clock, **options)
        request.addfinalizer(system.close)
        return system

    return make


@pytest.fixture
def sqlite(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path / 'site.sqlite'}", poolclass=NullPool)
    run(engine, "create table typed (line_no integer primary key, qty numeric, note)")
    run(engine, "create table inbox (message_key text primary key, body text not null)")
    return engine


@pytest.fixture(scope="session")
def typed_server(postgres_url: str) -> Iterator[Engine]:
    admin = create_engine(postgres_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("drop database if exists typed_site"))
        connection.execute(text("create database typed_site"))
    yield create_engine(admin.url.set(database="typed_site"), poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text("drop database typed_site with (force)"))


@pytest.fixture
def postgres(typed_server: Engine) -> Engine:
    run(typed_server, "drop schema if exists stock cascade", "drop table if exists typed, inbox, system_clock")
    run(
        typed_server,
        "create table typed (line_no integer primary key, qty numeric(12, 3), changed_at timestamptz, body jsonb, "
        "active boolean, empty text, mark uuid, since date)",
        "create table inbox (message_key text primary key, body jsonb not null check (body ->> 'qty' <> '13'))",
        "create table system_clock (now_at timestamptz)",
        "insert into system_clock values ('2026-03-02 09:00+01')",
    )
    return typed_server


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def table_of(snapshot: Snapshot) -> Any:
    (page,) = snapshot.pages
    return pq.read_table(io.BytesIO(page.content))


def pull(system: SqlSystem, scope: Scope | None = None) -> Snapshot:
    return system.source("lines").pull(scope or Scope())


def test_types_of_the_database_are_kept_exactly(postgres: Engine, make_on: Make) -> None:
    run(
        postgres,
        "insert into typed values (1, 2.500, '2026-03-02 10:00+02', '{\"a\": [1]}', true, null, "
        "'6f1c1b3e-5d5b-4a0c-9a57-0c5c3c1e7a11', '2026-03-02'), (2, 1000000.125, null, null, null, null, null, null)",
    )
    fields = "line_no, qty, changed_at, body, active, empty, mark, since"
    table = table_of(pull(make_on(url(postgres), fields=fields)))
    assert table.schema.field("qty").type == pa.decimal128(10, 3)
    assert table.schema.field("line_no").type == pa.int64()
    assert table.to_pylist()[0] == {
        "line_no": 1,
        "qty": Decimal("2.500"),
        "changed_at": datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
        "body": '{"a": [1]}',
        "active": True,
        "empty": None,
        "mark": "6f1c1b3e-5d5b-4a0c-9a57-0c5c3c1e7a11",
        "since": datetime(2026, 3, 2, tzinfo=UTC).date(),
    }


def test_types_that_change_between_batches_are_brought_together(postgres: Engine, make_on: Make) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, null), (2, null), (3, 1.5), (4, 20000.125), (5, null)")
    table = table_of(pull(make_on(url(postgres), batch_rows=2)))
    assert table.column("qty").to_pylist() == [None, None, Decimal("1.500"), Decimal("20000.125"), None]


def test_decimal_that_is_not_a_number_is_kept_as_text(postgres: Engine, make_on: Make) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, 'NaN'), (2, 1.5)")
    assert table_of(pull(make_on(url(postgres)))).column("qty").to_pylist() == ["NaN", "1.500"]


def test_column_of_mixed_types_is_kept_as_text(sqlite: Engine, make_on: Make) -> None:
    run(sqlite, "insert into typed values (1, 1, 7), (2, 2, 'seven'), (3, 3, null), (4, 4, 7.5)")
    table = table_of(pull(make_on(url(sqlite), fields="line_no, note")))
    assert table.column("note").to_pylist() == ["7", "seven", None, "7.5"]


def test_rows_and_moment_come_from_one_state_of_the_database(
    postgres: Engine, make_on: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, 1)")
    read = transport.SqlSource._read

    def read_after_a_change(*arguments: Any) -> None:
        run(postgres, "insert into typed (line_no, qty) values (2, 2)", "update system_clock set now_at = now()")
        read(*arguments)

    monkeypatch.setattr(transport.SqlSource, "_read", read_after_a_change)
    snapshot = pull(make_on(url(postgres), as_of="{table: system_clock, column: now_at}"))
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert table_of(snapshot).column("line_no").to_pylist() == [1]
    assert (snapshot.complete, snapshot.declared_rows) == (True, 1)


def test_connection_lost_after_the_first_batch_leaves_the_snapshot_incomplete(
    postgres: Engine, make_on: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(postgres, "insert into typed (line_no, qty) select n, n from generate_series(1, 50000) n")
    add = transport.PageWriter.add

    def add_and_lose(writer: Any, rows: Any) -> None:
        add(writer, rows)
        run(postgres, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")

    monkeypatch.setattr(transport.PageWriter, "add", add_and_lose)
    snapshot = pull(make_on(url(postgres), batch_rows=100))
    assert not snapshot.complete
    assert "broke off after 100 of 50000 rows" in snapshot.problem
    assert table_of(snapshot).num_rows == 100


def test_reading_cannot_write(postgres: Engine, make_on: Make) -> None:
    system = make_on(url(postgres))
    with pytest.raises(BadDataError, match="read-only"), system._database.reading() as connection:
        connection.execute(text("delete from typed"))


def test_table_of_a_schema_is_found(postgres: Engine, make_on: Make) -> None:
    run(postgres, "create schema stock", "create table stock.lines (line_no integer, qty integer)")
    run(postgres, "insert into stock.lines values (4, 5)")
    assert table_of(pull(make_on(url(postgres), table="stock.lines"))).to_pylist() == [{"line_no": 4, "qty": 5}]


def test_names_that_sql_reserves_or_that_carry_capitals_are_read(postgres: Engine, make_on: Make) -> None:
    run(postgres, 'create schema stock; create table stock."Order" ("select" integer, "Qty" integer)')
    system = make_on(url(postgres), table="stock.Order", fields="select, Qty", key="select")
    assert table_of(pull(system)).column_names == ["select", "Qty"]


def test_changes_are_read_from_a_cursor_of_the_column_s_own_type(postgres: Engine, make_on: Make) -> None:
    run(postgres, "insert into typed (line_no, changed_at) values (1, '2026-03-02 08:00Z'), (2, '2026-03-02 09:00Z')")
    system = make_on(url(postgres), fields="line_no, changed_at", more="since: {column: changed_at}")
    first = pull(system)
    assert first.cursor == "2026-03-02T09:00:00Z"
    run(postgres, "insert into typed (line_no, changed_at) values (3, '2026-03-02 10:00Z')")
    assert table_of(pull(system, Scope(since=first.cursor))).column("line_no").to_pylist() == [2, 3]


def test_rows_are_read_again_by_their_keys(postgres: Engine, make_on: Make) -> None:
    run(postgres, "insert into typed (line_no, qty) select n, n from generate_series(1, 9) n")
    snapshot = pull(make_on(url(postgres)), Scope(keys=("3", "7")))
    assert table_of(snapshot).column("line_no").to_pylist() == [3, 7]
    assert snapshot.scope == Scope(keys=("3", "7"))


def test_moment_that_the_database_does_not_tell_is_bad_data(postgres: Engine, make_on: Make) -> None:
    run(postgres, "insert into system_clock values (now())")
    with pytest.raises(BadDataError, match=r"site/lines: system_clock.now_at .* Found: 2 rows"):
        pull(make_on(url(postgres), as_of="{table: system_clock, column: now_at}"))


def test_table_that_is_not_there_is_a_configuration_error(postgres: Engine, make_on: Make) -> None:
    with pytest.raises(ConfigurationError, match="pallets"):
        pull(make_on(url(postgres), table="pallets"))


def test_query_that_takes_too_long_is_a_system_that_is_down(postgres: Engine, make_on: Make) -> None:
    run(postgres, "create schema stock")
    run(postgres, "create view stock.slow as select 1 as line_no, pg_sleep(20)::text as qty")
    with pytest.raises(SystemDownError, match="statement timeout"):
        pull(make_on(url(postgres), table="stock.slow", timeout=0.2))


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("postgresql+psycopg://us:s3cr3t@127.0.0.1:1/site", SystemDownError),
        ("nosuch://us:s3cr3t@host/site", ConfigurationError),
        ("postgresql+psycopg://us@host:s3cr3t/site", ConfigurationError),
        ("s3cr3t", ConfigurationError),
        ("postgresql+nodriver://us:s3cr3t@host/site", ConfigurationError),
    ],
)
def test_address_that_does_not_work_is_told_without_its_password(
    make_on: Make, address: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="site") as raised:
        pull(make_on(address))
    assert "s3cr3t" not in f"{raised.value} {raised.value.__cause__} {raised.value.__cause__!r}"


def test_database_file_that_is_absent_is_not_created(tmp_path: Path, make_on: Make) -> None:
    with pytest.raises(SystemDownError, match="file is not there"):
        pull(make_on(f"sqlite:///{tmp_path / 'absent.sqlite'}"))
    assert not (tmp_path / "absent.sqlite").exists()


def test_text_of_a_payload_finds_a_row_by_its_number(
    postgres: Engine, make_on: Make, correction: Callable[..., Correction]
) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, 5), (2, 6)")
    system = make_on(url(postgres))
    system.sink().apply(correction(line="1"))
    run(postgres, "update typed set qty = 7 where line_no = 1")
    assert system.sink().read_back(correction(line="1")) is Observed.APPLIED


def test_key_that_cannot_be_the_column_s_is_rejected(
    postgres: Engine, make_on: Make, correction: Callable[..., Correction]
) -> None:
    with pytest.raises(RejectedError, match="invalid input syntax"):
        make_on(url(postgres)).sink().apply(correction(line="one"))


def test_row_that_the_interface_table_refuses_is_rejected(
    postgres: Engine, make_on: Make, correction: Callable[..., Correction]
) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, 5)")
    with pytest.raises(RejectedError, match="check constraint"):
        make_on(url(postgres)).sink().apply(correction(line="1", qty="13"))


def test_row_that_must_be_absent_and_is_there_refuses_the_correction(postgres: Engine, make_on: Make) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, 5)")
    adding = Correction("COR-1", "site", "qty.add", {"line_id": "1"}, {}, "key-1")
    with pytest.raises(PreconditionError, match="no row in typed"):
        make_on(url(postgres)).sink().apply(adding)
    absent = Correction("COR-2", "site", "qty.add", {"line_id": "2"}, {}, "key-2")
    assert make_on(url(postgres)).sink().apply(absent).observed is Observed.QUEUED


def test_delivery_that_lost_a_race_is_the_same_delivery(
    postgres: Engine, make_on: Make, correction: Callable[..., Correction], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(postgres, "insert into typed (line_no, qty) values (1, 5)")
    sink: Any = make_on(url(postgres)).sink()
    monkeypatch.setattr(
        sink,
        "_refuse_changed",
        lambda *_: run(postgres, "insert into inbox values ('key-1', '{\"qty\": \"7\"}')"),
    )
    assert sink.apply(correction(line="1")).observed is Observed.QUEUED


def test_a_bounded_pull_gives_every_row_in_pieces_however_many_share_the_cursor(
    make_on: Callable[..., SqlSystem], tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'changes.sqlite'}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("create table changes (line_no integer, changed_no integer)"))
        numbers = [1, *[2] * 7, 3, 4, 5, *[6] * 5]
        rows = [{"line": line, "changed": changed} for line, changed in enumerate(numbers)]
        connection.execute(text("insert into changes values (:line, :changed)"), rows)
    since = "since: {column: changed_no}"
    source = make_on(str(engine.url), table="changes", fields="line_no, changed_no", key="line_no", more=since).source(
        "lines"
    )
    cursor: str | None = "1"
    seen: list[set[int]] = []
    has_more = True
    while has_more:
        snapshot = source.pull(Scope(since=cursor, most_rows=3))
        table = pq.read_table(io.BytesIO(snapshot.pages[0].content))
        seen.append(set(table.column("line_no").to_pylist()))
        assert snapshot.cursor != cursor or not snapshot.has_more
        cursor, has_more = snapshot.cursor, snapshot.has_more
    assert set().union(*seen) == set(range(len(numbers)))
    assert len(seen) > 2
