"""What has changed in a table, as a logical replication slot of PostgreSQL tells it, over plain SQL.

A pull looks at the slot and leaves it where it is; only the next pull, which comes with the cursor of the last one
that was kept, moves it on. So a crash between repeats changes and never loses one. What the messages say belongs to
`pgoutput.py`, reading the rows to `system.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.declaration.sql import SqlChangeLog, SqlEntity
from fulfillment_pipelines.systems.transports.sql.database import Database
from fulfillment_pipelines.systems.transports.sql.pgoutput import Changes, UnreadableLogError, commit_end

_SLOT: Final = text(
    "select plugin, database = current_database() as is_here, cast(confirmed_flush_lsn as text) as confirmed, "
    "wal_status, cast(pg_current_wal_flush_lsn() as text) as head "
    "from pg_replication_slots where slot_name = :slot"
)
_ADVANCE: Final = text(
    "select pg_replication_slot_advance(:slot, cast(:until as pg_lsn)) "
    "from pg_replication_slots where slot_name = :slot and confirmed_flush_lsn < cast(:until as pg_lsn)"
)
_PEEK: Final = text(
    "select cast(lsn as text) as lsn, cast(cast(xid as text) as bigint) as xid, data "
    "from pg_logical_slot_peek_binary_changes("
    ":slot, null, :most_changes, 'proto_version', '1', 'publication_names', :publication)"
)
_PUBLISHED: Final = text(
    "select publication.pubinsert and publication.pubupdate and publication.pubdelete and publication.pubtruncate "
    "as tells_all, exists (select 1 from pg_publication_tables as published "
    "where published.pubname = publication.pubname and published.tablename = :table "
    "and (:schema = '' or published.schemaname = :schema)) as holds_table "
    "from pg_publication as publication where publication.pubname = :publication"
)
# A transaction is in the log a moment before others see it.
_UNSEEN: Final = text(
    "select cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as numeric) % 4294967296 as next_xid, "
    "array(select cast(cast(xid as text) as numeric) % 4294967296 "
    "from pg_snapshot_xip(pg_current_snapshot()) as running (xid)) as running_xids"
)
_HALF_OF_THE_NUMBERS: Final = 2**31
# A statement of PostgreSQL takes 65,535 values; long before, reading everything is quicker.
_MOST_VALUES: Final = 30_000


@dataclass(frozen=True, slots=True)
class LogMessage:
    """One message of the log: the transaction it belongs to, and its content."""

    xid: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Peeked:
    """What stands in the log after the cursor, oldest first.

    Attributes:
        confirmed: The position up to which everything was taken before.
        messages: Whole transactions.
        head: A position up to which these are all; the confirmed one where there may be more.
        has_gap: Whether the slot does not stand at the cursor, since it was made anew, moved by somebody else, or the
            server was set back: what changed between is not told.
        is_cut: Whether there may be more than was asked for.
    """

    confirmed: str
    messages: Sequence[LogMessage]
    head: str
    has_gap: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """What a pull has to read.

    Attributes:
        cursor: Position in the log up to which everything is known once the keys are read.
        keys: Keys of rows to read; empty for none.
        rows_left: Whether everything must be read: a row has left the table, or not every change is known, or they are
            too many to ask for.
    """

    cursor: str
    keys: Sequence[tuple[str, ...]]
    rows_left: bool


class ChangeLog:
    """The slot of one entity.

    Args:
        feed: Name of the feed, for errors.
        entity: Its table and key.
        declared: The slot.
        database: Where it is.
    """

    def __init__(self, feed: str, entity: SqlEntity, declared: SqlChangeLog, database: Database) -> None:
        self._feed = feed
        self._entity = entity
        self._declared = declared
        self._database = database

    def peek(self, since: str | None) -> Peeked:
        """Move the slot on to the cursor of the last pull, and return what stands behind it.

        Raises:
            ConfigurationError: There is no such slot, or it was lost, or we may not read it, or the publication does
                not tell every change of the table.
            SystemDownError: The database cannot be reached.
        """
        slot, publication = {"slot": self._declared.slot}, self._declared.publication
        with self._database.writing() as connection, self._database.translated():
            if connection.dialect.name != "postgresql":
                raise self._unusable(f"a {connection.dialect.name} database")
            if since is not None:
                connection.execute(_ADVANCE, {**slot, "until": since})
            confirmed, head = self._positions(connection)
            self._refuse_untold(connection)
            wanted = {"most_changes": self._declared.most_changes, "publication": publication}
            rows = connection.execute(_PEEK, {**slot, **wanted}).all()
        messages = tuple(LogMessage(row.xid, bytes(row.data)) for row in rows)
        has_gap = since is not None and _position(confirmed) != _position(since)
        is_cut = len(messages) >= self._declared.most_changes
        return Peeked(confirmed, messages, confirmed if is_cut else head, has_gap, is_cut)

    def changed(self, peeked: Peeked, connection: Connection) -> Changed:
        """Return what must be read, as far as the connection's transaction sees it.

        Raises:
            BadDataError: The log cannot be read.
        """
        seen = connection.execute(_UNSEEN).one()
        running = {int(xid) for xid in seen.running_xids}
        changes, taken_up_to = Changes(self._entity.key), _position(peeked.confirmed)
        try:
            for message in peeked.messages:
                if message.xid in running or _is_later(message.xid, int(seen.next_xid)):
                    break
                changes.take(message.content, self._entity.table)
                taken_up_to = commit_end(message.content) or taken_up_to
            else:
                taken_up_to = max(taken_up_to, _position(peeked.head))
        except UnreadableLogError as error:
            raise BadDataError(
                f"{self._feed}: the log of changes cannot be read.",
                expected="messages of the plug-in pgoutput, protocol version 1",
                found=str(error),
                remedy="make the slot anew with that plug-in, or take `change_log` out of the system's YAML",
            ) from error
        are_many = len(changes.keys) * len(self._entity.key) > _MOST_VALUES
        rows_left = changes.rows_left or peeked.has_gap or are_many
        return Changed(_lsn(taken_up_to), sorted(changes.keys), rows_left)

    def _positions(self, connection: Connection) -> tuple[str, str]:
        """Return up to where the slot was taken, and up to where the server's log is written now."""
        slot = connection.execute(_SLOT, {"slot": self._declared.slot}).one_or_none()
        if slot is None:
            raise self._unusable("no slot of that name")
        if slot.plugin != "pgoutput" or not slot.is_here:
            raise self._unusable(f"one with the plug-in {slot.plugin}" if slot.is_here else "one of another database")
        if slot.wal_status == "lost":
            raise self._unusable("one whose log was thrown away by the server")
        return str(slot.confirmed), str(slot.head)

    def _refuse_untold(self, connection: Connection) -> None:
        """Refuse a publication that keeps silent about changes of the table: rows would be missing without a word."""
        schema, _, table = self._entity.table.rpartition(".")
        named = {"publication": self._declared.publication, "schema": schema, "table": table}
        told = connection.execute(_PUBLISHED, named).one_or_none()
        if told is None:
            raise self._unusable("no publication of that name")
        if not told.holds_table:
            raise self._unusable(
                "a publication without that table; one that is partitioned needs publish_via_partition_root"
            )
        if not told.tells_all:
            raise self._unusable("a publication that leaves out inserts, updates, deletes or truncates")

    def _unusable(self, found: str) -> ConfigurationError:
        name, publication = self._declared.slot, self._declared.publication
        return ConfigurationError(
            f"{self._feed}: its log of changes, the slot '{name}', cannot be used.",
            expected=f"a logical slot with pgoutput, and a publication '{publication}' for {self._entity.table}",
            found=found,
            remedy=f"have the owner run: create publication {publication} for table {self._entity.table}; "
            f"select pg_create_logical_replication_slot('{name}', 'pgoutput'); or take `change_log` out of the YAML",
        )


def _position(lsn: str) -> int:
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _lsn(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def _is_later(xid: int, next_xid: int) -> bool:
    """Return whether a transaction began after the snapshot; numbers of 32 bits begin anew."""
    return (xid - next_xid) % 2**32 < _HALF_OF_THE_NUMBERS
