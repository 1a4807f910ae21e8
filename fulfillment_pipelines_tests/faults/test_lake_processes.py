"""The embedded lake under several processes: readers beside a writer, two writers, a writer that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.warehouse import Connection, Warehouse

COMMITS = 200
DEADLINE_SECONDS = 120
OPEN = """
import sys
from pathlib import Path
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.warehouse import Warehouse

folder = Path(sys.argv[1])
location = LakeLocation(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "lake"), folder / "lock", threads=1)
"""
# Every commit adds one row to each table and keeps the sums of the two apart by nothing.
WRITE = (
    OPEN
    + """
warehouse = Warehouse(location)


def transfer(transaction):
    transaction.execute("insert into debits select coalesce(max(number), 0) + 1, 5 from debits")
    transaction.execute("insert into credits select max(number), 5 from debits")


for _ in range(int(sys.argv[2])):
    warehouse.write(transfer)
warehouse.close()
"""
)
READ = (
    OPEN
    + """
warehouse = Warehouse(location, read_only=True)
statement = '''
    select
        (select count(*) from debits) as debits, (select count(*) from credits) as credits,
        (select coalesce(sum(amount), 0) from debits) - (select coalesce(sum(amount), 0) from credits) as gap
'''
last = 0
reads = 0
print("reading", flush=True)
while last < int(sys.argv[2]):
    row = warehouse.query(statement).to_pylist()[0]
    if row["debits"] != row["credits"] or row["gap"] or row["debits"] < last:
        raise SystemExit(f"torn read after {last}: {row}")
    last = row["debits"]
    reads += 1
print(reads)
"""
)
HOLD = (
    OPEN
    + """
import time


def hold(transaction):
    transaction.execute("insert into debits values (99, 99)")
    print("holding", flush=True)
    time.sleep(600)


Warehouse(location).write(hold)
"""
)
Starter = Callable[..., "subprocess.Popen[str]"]


def _location(folder: Path, *, lock_timeout_seconds: float = DEADLINE_SECONDS) -> LakeLocation:
    return LakeLocation(
        f"sqlite:{folder / 'catalog.sqlite'}",
        str(folder / "lake"),
        folder / "lock",
        threads=1,
        lock_timeout_seconds=lock_timeout_seconds,
    )


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Warehouse]:
    """A lake with two empty tables that are always written together."""
    warehouse = Warehouse(_location(tmp_path))

    def create(transaction: Connection) -> None:
        transaction.execute("create table debits (number bigint, amount bigint)")
        transaction.execute("create table credits (number bigint, amount bigint)")

    warehouse.write(create)
    yield warehouse
    warehouse.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start a script on the lake in a process of its own; whatever still runs is killed afterwards."""
    started: list[subprocess.Popen[str]] = []

    def launch(script: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, str(tmp_path), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()
        process.communicate()


def _finish(process: subprocess.Popen[str]) -> str:
    output, problem = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, problem
    return output


def test_two_readers_see_whole_commits_while_a_writer_commits(lake: Warehouse, start: Starter) -> None:
    readers = [start(READ, str(COMMITS)) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"

    writer = start(WRITE, str(COMMITS))

    _finish(writer)
    assert all(int(_finish(reader)) > 1 for reader in readers)
    assert lake.query("select count(*) as commits from credits").to_pylist() == [{"commits": COMMITS}]


def test_two_writers_both_succeed_and_neither_overwrites_the_other(lake: Warehouse, start: Starter) -> None:
    writers = [start(WRITE, "20") for _ in range(2)]

    for writer in writers:
        _finish(writer)

    assert lake.query("select number from debits order by number").column(0).to_pylist() == list(range(1, 41))


def test_a_killed_writer_leaves_neither_a_lock_nor_half_a_commit(
    lake: Warehouse, start: Starter, tmp_path: Path
) -> None:
    holder = start(HOLD)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holding\n"
    impatient = Warehouse(_location(tmp_path, lock_timeout_seconds=0.2))
    with pytest.raises(RetryableError, match="writer lock lock was not free in time"):
        impatient.write(lambda transaction: transaction.execute("delete from debits"))

    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()

    began = time.monotonic()
    lake.write(lambda transaction: transaction.execute("insert into credits values (1, 1)"))
    assert time.monotonic() - began < DEADLINE_SECONDS / 4
    assert lake.query("select number from debits").num_rows == 0
    impatient.close()
