"""A warehouse on MariaDB: read at one state of the database, written through its interface table."""

from __future__ import annotations

import io
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import ConfigurationError, PreconditionError, SystemDownError
from fulfillment_pipelines.systems.declaration import load_declaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

pytestmark = pytest.mark.only_in_test_systems

_START_SECONDS = 60
_DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {kind: sql, url: {ref: SITE_DATABASE}, timeout_seconds: 5}
entities:
  lines:
    contract: lines
    table: order_lines
    fields: [line_id, qty, changed_at, note, active]
    key: [line_id]
    since: {column: changed_at}
messages:
  qty.set:
    insert_into: inbox
    key_column: message_key
    json_column: body
    body: {line_id: line_id, qty: qty}
    precondition: {table: order_lines, where: {line_id: line_id}, expect: {qty: qty}}
    read_back: {table: order_lines, where: {line_id: line_id}, expect: {qty: qty}}
"""


def _server() -> str:
    found = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (["update"], ["install", "-y", "--no-install-recommends", "mariadb-server"]):
            subprocess.run(["apt-get", "-qq", *words], check=True, capture_output=True)
        found = shutil.which("mariadbd", path="/usr/sbin")
    if found is None:
        pytest.fail("MariaDB is not installed: apt-get install mariadb-server, as root")
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of these tests alone; yields the address of its database `site`."""
    program, home = _server(), Path(tempfile.mkdtemp(prefix="mariadb-"))
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    shutil.chown(home, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = [f"--user={user}", f"--datadir={home / 'data'}"]
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", *data],
        check=True,
        capture_output=True,
    )
    serving = ["--no-defaults", *data, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home / 'socket'}"]
    process = subprocess.Popen([program, *serving], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        admin = create_engine(f"mariadb+pymysql://root@127.0.0.1:{port}/mysql", poolclass=NullPool)
        _await(admin, process)
        run(admin, "create database site character set utf8mb4")
        yield f"mariadb+pymysql://root@127.0.0.1:{port}/site"
    finally:
        process.terminate()
        process.wait(timeout=_START_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


def _await(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            assert process.poll() is None, "MariaDB ended"
            assert time.monotonic() < deadline, "MariaDB did not answer"
            time.sleep(0.1)
        else:
            return


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def database(server: str) -> Engine:
    engine = create_engine(server, poolclass=NullPool)
    run(
        engine,
        "drop table if exists order_lines, inbox",
        "create table order_lines (line_id varchar(20) primary key, qty decimal(12, 3), changed_at datetime(3), "
        "note text, active boolean) engine innodb",
        "create table inbox (message_key varchar(80) primary key, body json not null)",
        "insert into order_lines values ('L1', 5, '2026-03-02 08:00:00', 'Größe', true), "
        "('L2', 0.125, '2026-03-02 09:00:00', null, false)",
    )
    return engine


@pytest.fixture
def site(server: str, tmp_path: Path, database: Engine) -> Iterator[SqlSystem]:  # noqa: ARG001 - holds the tables
    made = _system(server, tmp_path)
    yield made
    made.close()


def _system(url: str, folder: Path) -> SqlSystem:
    file = folder / "site.yaml"
    file.write_text(_DECLARATION, encoding="utf-8")
    references = References({"SITE_DATABASE": url})
    declaration: Any = load_declaration(file)
    return SqlSystem(declaration, references, FixedClock(datetime(2026, 3, 2, 12, tzinfo=UTC)))


def _correction(*, held: str = "5") -> Correction:
    return Correction(
        correction_id="c-1",
        idempotency_key="key-1",
        target="site",
        message="qty.set",
        payload={"line_id": "L1", "qty": "7"},
        precondition={"qty": held},
    )


def _rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    (page,) = snapshot.pages
    return list(pq.read_table(io.BytesIO(page.content)).to_pylist())


def test_rows_come_with_the_database_s_own_types(site: SqlSystem) -> None:
    snapshot = site.source("lines").pull(Scope())
    first, second = _rows(snapshot)
    assert (snapshot.declared_rows, first["note"], second["note"]) == (2, "Größe", None)
    assert (first["qty"], second["qty"]) == (Decimal(5), Decimal("0.125"))
    assert first["changed_at"].isoformat() == "2026-03-02T08:00:00"


def test_a_cursor_brings_what_changed_since(site: SqlSystem, database: Engine) -> None:
    cursor = site.source("lines").pull(Scope()).cursor
    run(database, "update order_lines set qty = 6, changed_at = '2026-03-02 10:00:00' where line_id = 'L1'")
    snapshot = site.source("lines").pull(Scope(since=cursor))
    assert {row["line_id"]: row["qty"] for row in _rows(snapshot)} == {"L1": Decimal(6), "L2": Decimal("0.125")}


def test_reading_sees_one_state_throughout(site: SqlSystem, database: Engine) -> None:
    with site._database.reading() as connection:
        before = connection.execute(text("select count(*) from order_lines")).scalar_one()
        run(database, "delete from order_lines")
        after = connection.execute(text("select count(*) from order_lines")).scalar_one()
    assert (before, after) == (2, 2)


def test_a_message_is_delivered_once_and_its_effect_is_seen(site: SqlSystem, database: Engine) -> None:
    sink = site.sink()
    assert sink.apply(_correction()).observed is Observed.QUEUED
    assert sink.apply(_correction()).observed is Observed.QUEUED
    with database.connect() as connection:
        assert connection.execute(text("select count(*) from inbox")).scalar_one() == 1
    run(database, "update order_lines set qty = 7 where line_id = 'L1'")
    assert sink.read_back(_correction()) is Observed.APPLIED


def test_a_value_that_has_changed_refuses_the_correction(site: SqlSystem) -> None:
    with pytest.raises(PreconditionError, match="out of date"):
        site.sink().apply(_correction(held="4"))


def test_wrong_credentials_and_a_closed_port_are_told_apart(server: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="refuses our credentials"):
        _system(server.replace("root@", "root:wrong@"), tmp_path).check()
    address, _, _ = server.rpartition(":")
    with pytest.raises(SystemDownError, match="did not serve"):
        _system(f"{address}:1/site", tmp_path).check()


def test_a_table_that_is_not_there_is_a_configuration_error(site: SqlSystem, database: Engine) -> None:
    run(database, "drop table order_lines")
    with pytest.raises(ConfigurationError, match="order_lines"):
        site.source("lines").pull(Scope())
