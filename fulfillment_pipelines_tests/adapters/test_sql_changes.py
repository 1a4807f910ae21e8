"""What a replication slot tells: every change is read, none is lost in a crash, what left makes the pull whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.transports.sql.pgoutput import Changes, UnreadableLogError
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

_DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {{kind: sql, url: {{ref: SITE_DATABASE}}}}
entities:
  lines:
    contract: lines
    table: {table}
    fields: [order_no, line_no, qty]
    key: [order_no, line_no]
    change_log: {{slot: reader, publication: read_lines, most_changes: {most}}}
"""
_TABLE = "create table lines (order_no text, line_no integer, qty integer, primary key (order_no, line_no))"
_DROP_SLOTS = """
select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()
"""
Rows = list[tuple[str, int, int]]


@pytest.fixture
def site(postgres_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_TABLE)
        connection.execute("create table other (id integer primary key)")
        connection.execute("create publication read_lines for table lines, other")
        connection.execute("insert into lines values ('SO-1', 1, 5), ('SO-1', 2, 5)")
        yield connection
        connection.execute(_DROP_SLOTS)


@pytest.fixture
def slot(site: psycopg.Connection[Any]) -> None:
    site.execute("select pg_create_logical_replication_slot('reader', 'pgoutput')")


@pytest.fixture
def system(
    declare: Any, referring: Any, clock: Any, postgres_database_url: str, request: pytest.FixtureRequest
) -> Callable[..., SqlSystem]:
    def make(*, most: int = 1000, table: str = "lines") -> SqlSystem:
        declared = declare(_DECLARATION.format(most=most, table=table))
        made = SqlSystem(declared, referring(SITE_DATABASE=postgres_database_url), clock)
        request.addfinalizer(made.close)
        return made

    return make


def pull(system: SqlSystem, since: str | None) -> Snapshot:
    return system.source("lines").pull(Scope(since=since))


def rows(snapshot: Snapshot) -> Rows:
    (page,) = snapshot.pages
    return [tuple(row.values()) for row in pq.read_table(io.BytesIO(page.content)).to_pylist()]  # type: ignore[misc]


@pytest.mark.usefixtures("slot")
def test_only_rows_that_changed_since_the_last_pull_are_read(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system()
    first = pull(reader, None)
    assert (first.scope.everything, rows(first)) == (True, [("SO-1", 1, 5), ("SO-1", 2, 5)])
    site.execute("update lines set qty = 7 where line_no = 2")
    site.execute("insert into lines values ('SO-2', 1, 1)")
    second = pull(reader, first.cursor)
    assert second.scope == Scope(since=first.cursor)
    assert rows(second) == [("SO-1", 2, 7), ("SO-2", 1, 1)]
    assert rows(pull(reader, second.cursor)) == []


@pytest.mark.usefixtures("slot")
def test_changes_are_told_again_until_a_pull_brings_the_cursor_that_covers_them(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute("update lines set qty = 6 where line_no = 1")
    lost = pull(reader, cursor)  # the process dies before it keeps this one
    again = pull(reader, cursor)
    assert rows(again) == rows(lost) == [("SO-1", 1, 6)]
    assert rows(pull(reader, again.cursor)) == []


@pytest.mark.usefixtures("slot")
@pytest.mark.parametrize(
    "statement",
    ["delete from lines where line_no = 2", "truncate lines", "update lines set line_no = 9 where line_no = 2"],
    ids=["deleted", "truncated", "moved to another key"],
)
def test_a_row_that_left_makes_the_pull_whole(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem], statement: str
) -> None:
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute(statement)
    snapshot = pull(reader, cursor)
    assert snapshot.scope.everything
    assert ("SO-1", 2, 5) not in rows(snapshot)
    assert pull(reader, snapshot.cursor).scope == Scope(since=snapshot.cursor)


@pytest.mark.usefixtures("slot")
def test_a_backlog_is_taken_in_parts_that_never_cut_a_transaction(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system(most=2)
    cursor = pull(reader, None).cursor
    for order in ("SO-3", "SO-4"):
        site.execute("insert into lines select %s, n, n from generate_series(1, 5) as n", (order,))
    seen = []
    for _ in range(2):
        snapshot = pull(reader, cursor)
        seen.append(rows(snapshot))
        cursor = snapshot.cursor
    assert [{order for order, _, _ in part} for part in seen] == [{"SO-3"}, {"SO-4"}]
    assert [len(part) for part in seen] == [5, 5]


@pytest.mark.usefixtures("slot")
def test_changes_of_other_tables_move_the_slot_on_without_a_row(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute("insert into other values (1)")
    snapshot = pull(reader, cursor)
    pull(reader, snapshot.cursor)
    assert rows(snapshot) == []
    behind = site.execute("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots", (snapshot.cursor,))
    assert behind.fetchone() == (True,)


@pytest.mark.usefixtures("slot")
def test_a_change_that_is_not_committed_comes_with_the_pull_after_its_commit(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem], postgres_database_url: str
) -> None:
    reader = system()
    cursor = pull(reader, None).cursor
    with psycopg.connect(postgres_database_url.replace("+psycopg", "")) as slow:
        slow.execute("update lines set qty = 8 where line_no = 1")
        site.execute("update lines set qty = 9 where line_no = 2")
        between = pull(reader, cursor)
        assert rows(between) == [("SO-1", 2, 9)]
        slow.commit()
    assert rows(pull(reader, between.cursor)) == [("SO-1", 1, 8)]


@pytest.mark.usefixtures("slot")
def test_a_slot_that_was_made_anew_makes_the_pull_whole(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute("update lines set qty = 7 where line_no = 2")
    site.execute("select pg_drop_replication_slot('reader')")
    site.execute("select pg_create_logical_replication_slot('reader', 'pgoutput')")
    snapshot = pull(reader, cursor)
    assert snapshot.scope.everything
    assert ("SO-1", 2, 7) in rows(snapshot)
    assert pull(reader, snapshot.cursor).scope == Scope(since=snapshot.cursor)


@pytest.mark.usefixtures("slot")
def test_more_changed_rows_than_a_statement_can_name_make_the_pull_whole(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute("insert into lines select 'SO-9', n, n from generate_series(1, 33000) as n")
    snapshot = pull(reader, cursor)
    assert snapshot.scope.everything
    assert (snapshot.complete, len(rows(snapshot))) == (True, 33002)


@pytest.mark.usefixtures("slot")
def test_a_key_that_is_not_the_identity_of_its_table_makes_the_pull_whole_when_it_may_have_changed(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    site.execute("alter table lines drop constraint lines_pkey")
    site.execute("alter table lines add column id serial primary key")
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute("update lines set line_no = 9 where line_no = 2")
    moved = pull(reader, cursor)
    assert moved.scope.everything
    site.execute("alter table lines replica identity full")
    site.execute("update lines set qty = 6 where line_no = 9")
    stayed = pull(reader, moved.cursor)
    assert (stayed.scope.everything, rows(stayed)) == (False, [("SO-1", 9, 6)])
    site.execute("update lines set line_no = 2 where line_no = 9")
    assert pull(reader, stayed.cursor).scope.everything


_PARTITIONED = """
drop table lines;
create table lines (order_no text, line_no integer, qty integer, primary key (order_no, line_no))
partition by range (line_no);
create table lines_1 partition of lines for values from (0) to (100);
alter publication read_lines add table lines
"""


@pytest.mark.usefixtures("slot")
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("alter publication read_lines drop table lines", "a publication without that table"),
        ("alter publication read_lines set (publish = 'insert, update')", "leaves out"),
        ("drop publication read_lines", "no publication of that name"),
        (_PARTITIONED, "publish_via_partition_root"),
    ],
    ids=["other tables", "no deletions", "none", "partitions"],
)
def test_a_publication_that_does_not_tell_every_change_is_refused(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem], statement: str, found: str
) -> None:
    site.execute(statement)
    with pytest.raises(ConfigurationError, match=found):
        pull(system(), None)


@pytest.mark.usefixtures("slot")
def test_a_partitioned_table_that_is_published_as_one_is_read_by_its_changes(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    site.execute(_PARTITIONED)
    site.execute("alter publication read_lines set (publish_via_partition_root = true)")
    reader = system()
    cursor = pull(reader, None).cursor
    site.execute("insert into lines values ('SO-5', 1, 5)")
    assert rows(pull(reader, cursor)) == [("SO-5", 1, 5)]


@pytest.mark.usefixtures("slot")
def test_a_transaction_that_is_in_the_log_and_not_yet_visible_is_left_for_the_next_pull(
    site: psycopg.Connection[Any], system: Callable[..., SqlSystem]
) -> None:
    reader = system()
    source: Any = reader.source("lines")
    cursor = pull(reader, None).cursor
    with reader._database.reading() as connection:
        connection.execute(text("select 1 from lines")).all()  # from here on it sees one state
        site.execute("update lines set qty = 9 where line_no = 2")
        changed = source._log.changed(source._log.peek(cursor), connection)
    assert changed.keys == []
    assert rows(pull(reader, changed.cursor)) == [("SO-1", 2, 9)]


def test_a_slot_that_is_not_there_is_told_with_what_its_owner_must_run(system: Callable[..., SqlSystem]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"'reader', cannot be used.*pg_create_logical_replication_slot\('reader'"
    ):
        pull(system(), None)


@pytest.mark.usefixtures("slot")
def test_the_product_never_makes_a_slot(site: psycopg.Connection[Any], system: Callable[..., SqlSystem]) -> None:
    site.execute("select pg_drop_replication_slot('reader')")
    with pytest.raises(ConfigurationError):
        pull(system(), None)
    assert site.execute("select count(*) from pg_replication_slots where slot_name = 'reader'").fetchone() == (0,)


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_a_log_that_cannot_be_read_ends_in_no_other_error_and_no_key(message: bytes) -> None:
    changes = Changes(("id",))
    with suppress(UnreadableLogError):
        changes.take(message, "lines")
    assert changes.keys == set(), "a row of a table that was never described"
