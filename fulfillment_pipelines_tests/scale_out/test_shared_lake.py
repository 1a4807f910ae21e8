"""A lake whose catalogue is in PostgreSQL and whose files are in an object store, under several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.stores.object_store import ObjectStore as Account
from fulfillment_pipelines.upkeep.lake import keep_small
from fulfillment_pipelines.warehouse import Connection, SqlError, Warehouse
from fulfillment_pipelines_tests.object_store_server import ObjectStore

DEADLINE_SECONDS = 120
COMMITS = 8
# Reads, then writes what it has read: a commit between the two that is not noticed would be lost.
WRITE = """
import os, sys
from pathlib import Path
from pydantic import SecretStr
from fulfillment_pipelines.stores.object_store import ObjectStore
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.warehouse import Warehouse

catalog, endpoint, commits = sys.argv[1:]
def find(name):
    return SecretStr(os.environ[name]) if name in os.environ else None
store = ObjectStore(find, endpoint=endpoint, path_style=True)
warehouse = Warehouse(LakeLocation(catalog, "s3://lake/files", Path("unused.lock"), threads=1, object_store=store))

def count_up(transaction):
    transaction.execute("update counters set number = number + 1")

for _ in range(int(commits)):
    warehouse.write(count_up)
warehouse.close()
"""


def _location(catalog: str, bucket: ObjectStore, **changes: Any) -> LakeLocation:
    keys = {"OBJECT_STORE_ACCESS_KEY": bucket.access_key, "OBJECT_STORE_SECRET_KEY": bucket.secret_key}
    account = Account(
        lambda name: SecretStr(keys[name]) if name in keys else None, endpoint=bucket.endpoint, path_style=True
    )
    return LakeLocation(catalog, "s3://lake/files", Path("unused.lock"), threads=1, object_store=account, **changes)


@pytest.fixture
def lake(catalog: str, bucket: ObjectStore) -> Iterator[Warehouse]:
    """A lake with a counter at nought."""
    warehouse = Warehouse(_location(catalog, bucket))
    warehouse.write(lambda transaction: transaction.execute("create table counters as select 0 as number"))
    yield warehouse
    warehouse.close()


def _number(warehouse: Warehouse) -> int:
    found: int = warehouse.query("select number from counters").column(0).to_pylist()[0]
    return found


@pytest.mark.usefixtures("lake")
def test_what_is_written_lies_in_the_bucket_and_is_read_by_another_connection(
    catalog: str, bucket: ObjectStore
) -> None:
    reader = Warehouse(_location(catalog, bucket), read_only=True)

    assert _number(reader) == 0
    assert [path for path in bucket.keys("lake") if path.endswith(".parquet")]
    assert not Path("unused.lock").exists()
    reader.close()


def test_two_processes_that_write_at_once_lose_no_commit(lake: Warehouse, catalog: str, bucket: ObjectStore) -> None:
    command = [sys.executable, "-c", WRITE, catalog, bucket.endpoint, str(COMMITS)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]

    for writer in writers:
        _, problem = writer.communicate(timeout=DEADLINE_SECONDS)
        assert writer.returncode == 0, problem
    assert _number(lake) == 2 * COMMITS


def test_a_writer_waits_for_a_writer_on_another_machine_and_says_so_when_it_takes_too_long(
    lake: Warehouse, catalog: str, bucket: ObjectStore
) -> None:
    impatient = Warehouse(_location(catalog, bucket, lock_timeout_seconds=0.2))

    def hold(_: Connection) -> None:
        with pytest.raises(RetryableError, match=r"in the catalogue's database was not free"):
            impatient.write(lambda transaction: transaction.execute("delete from counters"))

    lake.write(hold)

    impatient.write(lambda transaction: transaction.execute("update counters set number = 5"))
    assert _number(lake) == 5
    impatient.close()


def test_threads_of_one_process_take_turns_too(catalog: str, bucket: ObjectStore, lake: Warehouse) -> None:
    impatient = Warehouse(_location(catalog, bucket, lock_timeout_seconds=0.2))
    refused: list[str] = []

    def write() -> None:
        try:
            impatient.write(lambda transaction: transaction.execute("delete from counters"))
        except RetryableError as error:
            refused.append(error.what)

    def hold(_: Connection) -> None:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(DEADLINE_SECONDS)

    impatient.write(hold)

    assert refused == ["The lake's writer lock of this process was not free in time."]
    assert _number(lake) == 0
    impatient.close()


def test_a_lock_whose_connection_was_cut_is_asked_for_again(lake: Warehouse, catalog: str) -> None:
    with psycopg.connect(catalog.removeprefix("postgres:"), autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' or pid in"
            " (select pid from pg_stat_activity where query like '%pg_advisory_unlock%' and pid <> pg_backend_pid())"
        )

    lake.write(lambda transaction: transaction.execute("update counters set number = 1"))

    assert _number(lake) == 1


def test_upkeep_merges_the_files_in_the_bucket_and_loses_no_row(lake: Warehouse, bucket: ObjectStore) -> None:
    for number in range(1, 5):
        lake.write(lambda transaction, number=number: transaction.execute(f"insert into counters values ({number})"))
    files = len(bucket.keys("lake"))

    # What the first merges, the second lets go of: the files were needed until then.
    for _ in range(2):
        keep_small(lake, history=timedelta(0), dry_run=False)

    assert lake.query("select number from counters order by 1").column(0).to_pylist() == [0, 1, 2, 3, 4]
    assert len(bucket.keys("lake")) < files


def test_no_error_repeats_a_password_or_a_key(catalog: str, bucket: ObjectStore) -> None:
    refused = Warehouse(_location("postgres:host=127.0.0.1 port=1 dbname=x user=y password=hunter2", bucket))
    with pytest.raises(RetryableError, match="cannot be reached") as caught:
        refused.write(lambda _: None)
    with pytest.raises(RetryableError, match="could not be attached") as attached:
        refused.query("select 1")
    nowhere = Warehouse(_location(catalog, bucket))
    bucket.files.delete_dir("lake")
    with pytest.raises(SqlError) as written:
        nowhere.write(lambda transaction: transaction.execute("create table numbers as select 1 as number"))
    bucket.files.create_dir("lake")

    told = "".join(f"{one.value} {one.value.__cause__}" for one in (caught, attached, written))
    assert "hunter2" not in told
    assert bucket.secret_key not in told
    assert bucket.access_key not in told
    nowhere.close()
