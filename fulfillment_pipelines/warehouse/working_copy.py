"""The lake's tables in the process that works on them all the time, and how the lake follows.

A small pass is many small statements, and on a lake each looks into a catalogue and into Parquet files. A process that
stays holds the tables in a database of its own, attached under the lake's name, so that the same statements run there;
what they changed is published to the lake in one transaction when the writer's turn ends. The copy is never the truth:
it is made anew when the process starts, and a table that somebody else has written is copied again before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar, cast

from fulfillment_pipelines.warehouse.journal import (
    LAKE,
    Change,
    Connection,
    Journal,
    JournalingConnection,
    SqlError,
    delete_statement,
)
from fulfillment_pipelines.warehouse.tables import lake_tables, scalar

Result = TypeVar("Result")

PUBLISHED: Final = "published"
"""The name under which the lake is attached beside its copy."""

_LAKE_TABLE: Final = "published.main."
# Up to so many keys DuckDB looks for each, and passes over the parts of a table that hold none of them.
# The lake's files are read by the first and the last key: to look for each in them costs more than it spares.
_LIST_KEYS: Final = "set session dynamic_or_filter_threshold = 5000"
_LIST_FEW_KEYS: Final = "reset dynamic_or_filter_threshold"
_NEWEST: Final = "select coalesce(max(snapshot_id), 0) from __ducklake_metadata_published.ducklake_snapshot"
_COUNT_SINCE: Final = """
    select count(*) from __ducklake_metadata_published.ducklake_snapshot where snapshot_id > $since
"""
_TABLES: Final = """
    select table_id, table_name
    from __ducklake_metadata_published.ducklake_table
    where end_snapshot is null
"""
# Merged files hold the rows that they held apart; a table that was made anew may be left empty.
_WRITTEN_SINCE: Final = r"""
    select distinct regexp_extract(written.change, ':(.*)$', 1) as written_table
    from (
        select unnest(string_split(changes_made, ',')) as change
        from __ducklake_metadata_published.ducklake_snapshot_changes
        where snapshot_id > $since
    ) as written
    where regexp_matches(written.change, '^(created_table|inserted_into_table|deleted_from_table|altered_table):')
"""


class WorkingCopy:
    """The lake's tables in a database of this process.

    Args:
        path: The file of the copy; whatever it held is thrown away.
        cursor: Opens a cursor of the process's connection, which has it attached.
    """

    def __init__(self, path: Path, cursor: Callable[[], Connection]) -> None:
        self._path = path
        self._open_cursor = cursor
        self._cursor: Connection | None = None
        self._at: int | None = None
        self._stale: set[str] = set()
        self._journal = Journal()
        self._published: frozenset[str] = frozenset()

    def attach(self, connection: Connection) -> None:
        """Attach an empty copy under the lake's name; the lake itself is attached as `published`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.remove()
        connection.execute("attach '" + str(self._path).replace("'", "''") + "' as lake")
        self._at = None

    def close(self) -> None:
        """Give back the cursor; the connection is closed next, and the file is no longer needed."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def remove(self) -> None:
        """Remove the file of the copy; nobody has it open."""
        self._path.unlink(missing_ok=True)
        self._path.with_name(self._path.name + ".wal").unlink(missing_ok=True)

    def refresh(self, cursor: Connection) -> None:
        """Copy the tables that others have written since this process last looked."""
        newest = scalar(cursor, _NEWEST)
        if newest == self._at and not self._stale:
            return
        published = {table: number for number, table in cursor.execute(_TABLES).fetchall()}
        copied = lake_tables(cursor)
        written = self._written_since(cursor, newest, published)
        for table in sorted(copied - published.keys()):
            cursor.execute("drop table " + LAKE + table)
        for table in sorted(published.keys() & ((published.keys() - copied) | written | self._stale)):
            copy_table(cursor, table)
        self._at, self._published = newest, frozenset(published)
        self._stale.clear()

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction of the copy, and note what it changes until `publish`."""
        cursor = self._own_cursor()
        self.refresh(cursor)
        noted = Journal(self._journal)
        cursor.execute(_LIST_KEYS)
        cursor.execute("begin transaction")
        try:
            result = work(cast("Connection", JournalingConnection(cursor, noted)))
            cursor.execute("commit")
        except BaseException:
            cursor.execute("rollback")
            raise
        self._journal = noted
        return result

    def publish(self) -> None:
        """Do to the lake, in one transaction, what was done to the copy since this last succeeded."""
        journal = self._journal
        if not journal:
            return
        cursor = self._own_cursor()
        copied = lake_tables(cursor) if journal.moves_tables else self._published
        cursor.execute(_LIST_FEW_KEYS)
        cursor.execute("begin transaction")
        try:
            for table in sorted(copied - self._published):
                cursor.execute("create table " + _LAKE_TABLE + table + " as from " + LAKE + table + " limit 0")
            for table, change in journal.changes.items():
                if change is None:
                    _publish_whole(cursor, table, is_copied=table in copied, is_published=table in self._published)
                else:
                    _publish(cursor, _LAKE_TABLE + table, change)
            cursor.execute("commit")
        except BaseException:
            with suppress(SqlError):  # a commit that failed has ended the transaction
                cursor.execute("rollback")
            raise
        self._published = copied
        self._begin_anew()
        self.stay()

    def give_up(self) -> None:
        """Publish nothing of what was noted; what it was about is copied from the lake again before it is used."""
        self._stale |= self._journal.changes.keys()
        self._begin_anew()

    def _begin_anew(self) -> None:
        for kept in self._journal.kept:
            self._own_cursor().execute("drop table if exists temp." + kept)
        self._journal = Journal()

    def is_abreast(self) -> bool:
        """Whether nobody has written the lake since this process last looked."""
        return self._at == scalar(self._own_cursor(), _NEWEST)

    def stay(self) -> None:
        """Take the lake as it stands for what the copy holds: nobody but this process has written it."""
        if self._at is not None:
            self._at = scalar(self._own_cursor(), _NEWEST)

    def _own_cursor(self) -> Connection:
        """What is noted stands in the temp tables of one cursor, so one serves all transactions."""
        if self._cursor is None:
            self._cursor = self._open_cursor()
        return self._cursor

    def _written_since(self, cursor: Connection, newest: int, published: Mapping[str, int]) -> set[str]:
        """Return the tables that may be other than their copy."""
        if self._at is None or scalar(cursor, _COUNT_SINCE, {"since": self._at}) != newest - self._at:
            return set(published)
        told = {written for (written,) in cursor.execute(_WRITTEN_SINCE, {"since": self._at}).fetchall()}
        return {table for table, number in published.items() if not told.isdisjoint({str(number), f'"main"."{table}"'})}


def copy_table(cursor: Connection, table: str) -> None:
    """Make a table of the copy what the lake has."""
    cursor.execute("create or replace table " + LAKE + table + " as from " + _LAKE_TABLE + table)


def _publish(cursor: Connection, target: str, change: Change) -> None:
    for gone in change.gone.values():
        cursor.execute(delete_statement(target, gone.condition, gone.kept), dict(gone.parameters))
    if change.came:
        cursor.execute("insert into " + target + " by name from temp." + change.came)


def _publish_whole(cursor: Connection, table: str, *, is_copied: bool, is_published: bool) -> None:
    if not is_copied:
        cursor.execute("drop table if exists " + _LAKE_TABLE + table)
        return
    if is_published:
        cursor.execute("delete from " + _LAKE_TABLE + table)  # noqa: S608 - own names
    cursor.execute("insert into " + _LAKE_TABLE + table + " by name from " + LAKE + table)
