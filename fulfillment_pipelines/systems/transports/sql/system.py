"""Systems that are read through their database: one table, one transaction, one Parquet page.

Statements are built from declared names, never from text. Messages are in `sink.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, TableClause, false, func, inspect, select, tuple_

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, FulfillmentError
from fulfillment_pipelines.systems.declaration.parts import FixedAsOf, TableAsOf
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration, SqlEntity
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.drift import declared_entity, refuse_missing_fields
from fulfillment_pipelines.systems.transports.instants import instant_of, instant_text
from fulfillment_pipelines.systems.transports.sql.arrow_pages import PageWriter
from fulfillment_pipelines.systems.transports.sql.arrow_reads import read_batches, whole_table
from fulfillment_pipelines.systems.transports.sql.change_log import ChangeLog, Peeked
from fulfillment_pipelines.systems.transports.sql.database import Database, columns_named, named_table, untyped
from fulfillment_pipelines.systems.transports.sql.listening import ChannelListener
from fulfillment_pipelines.systems.transports.sql.sink import SqlSink

_BATCH_ROWS = 50_000


class SqlSystem:
    """A system behind its database.

    Args:
        declaration: What it is declared to be.
        references: Where its address comes from.
        clock: Tells when something was read or delivered.
        batch_rows: Rows fetched at a time.
    """

    def __init__(
        self, declaration: SqlDeclaration, references: References, clock: Clock, *, batch_rows: int = _BATCH_ROWS
    ) -> None:
        self.name = declaration.name
        self._declaration = declaration
        self._clock = clock
        self._batch_rows = batch_rows
        self._database = Database(declaration, references)
        listens = declaration.transport.listen is not None
        self._listener = ChannelListener(declaration, references) if listens else None

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        declared = declared_entity(self.name, entity, self._declaration.entities)
        return SqlSource(
            self.name,
            entity,
            declared,
            self._database,
            self._clock,
            batch_rows=self._batch_rows,
            reads_arrow=self._declaration.transport.read == "arrow",
        )

    def sink(self) -> CorrectionSink:
        """Return the sink that delivers messages into interface tables."""
        return SqlSink(self._declaration, self._database, self._clock)

    def check(self) -> None:
        """Connect and ask for nothing.

        Raises:
            SystemDownError: The database cannot be reached.
            ConfigurationError: The address or the credentials are wrong.
        """
        with self._database.reading() as connection:
            connection.execute(select(1))

    def listener(self) -> ChannelListener | None:
        """Return what listens where the database tells of changes; None where it does not."""
        return self._listener

    def close(self) -> None:
        """Forget the engine; a later use makes a new one."""
        self._database.close()


@dataclass(frozen=True, slots=True)
class _Control:
    """What the database says of the rows that are about to be read, in the same transaction."""

    as_of: datetime
    rows: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is asked for.

    Attributes:
        rows: The table, with the columns that are read.
        honoured: The scope that the answer will have.
        wanted: What a row must fulfil; nothing asks for all.
        cursor: Where the next pull goes on, where a log of changes tells.
        has_more: Whether rows are left for the next pull.
    """

    rows: TableClause
    honoured: Scope
    wanted: Sequence[ColumnElement[bool]]
    cursor: str | None = None
    has_more: bool = False


class SqlSource:
    """One table or view of a database."""

    def __init__(
        self,
        system: str,
        entity: str,
        declared: SqlEntity,
        database: Database,
        clock: Clock,
        *,
        batch_rows: int,
        reads_arrow: bool = False,
    ) -> None:
        self.system = system
        self.entity = entity
        self.name = f"{system}/{entity}"
        self._declared = declared
        self._database = database
        self._clock = clock
        self._batch_rows = batch_rows
        self._reads_arrow = reads_arrow
        slot = declared.change_log
        self._log = ChangeLog(self.name, declared, slot, database) if slot is not None else None

    def pull(self, scope: Scope) -> Snapshot:
        """Return the rows, in the order of their key, and the moment the database says they speak of.

        Raises:
            SystemDownError: The database cannot be reached, or was lost before the first batch.
            BadDataError: A declared column is gone, or a row cannot be evaluated.
            ConfigurationError: The table is not there, or the database refuses us.
        """
        problem = ""
        peeked = self._log.peek(scope.since) if self._log is not None and not scope.keys else None
        with self._database.reading() as connection:
            columns, other_fields = self._columns(connection)
            plan = self._plan(connection, columns, scope, peeked)
            control = self._control(connection, plan)
            writer = PageWriter(tuple(columns))
            try:
                with self._database.translated():
                    self._read(connection, columns, plan, writer)
            except FulfillmentError as error:
                if not writer.rows:
                    raise
                problem = f"{self.name} broke off after {writer.rows} of {control.rows} rows. {error}"
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=plan.honoured,
            as_of=control.as_of,
            pages=(Page("table.parquet", writer.page(), PageFormat.PARQUET),),
            complete=not problem,
            declared_rows=control.rows,
            cursor=None if problem else plan.cursor or control.cursor or plan.honoured.since,
            problem=problem,
            other_fields=other_fields,
            has_more=plan.has_more and not problem,
        )

    def _plan(self, connection: Connection, columns: Mapping[str, Any], scope: Scope, peeked: Peeked | None) -> _Plan:
        """Return what of the scope can be asked for: keys of one column, changes where a column or a log tells them."""
        rows = named_table(self._declared.table, columns_named(*columns))
        if scope.keys and len(self._declared.key) == 1:
            keys = [untyped(key) for key in scope.keys]
            return _Plan(rows, Scope(keys=scope.keys), [rows.c[self._declared.key[0]].in_(keys)])
        if self._log is not None and peeked is not None:
            changed = self._log.changed(peeked, connection)
            if scope.since is None or changed.rows_left:
                return _Plan(rows, Scope(), [], changed.cursor)
            key = tuple_(*(rows.c[name] for name in self._declared.key))
            keys_changed = key.in_([tuple_(*map(untyped, values)) for values in changed.keys])
            return _Plan(
                rows,
                Scope(since=scope.since),
                [keys_changed if changed.keys else false()],
                changed.cursor,
                has_more=peeked.is_cut and changed.cursor != scope.since,
            )
        if scope.since is not None and self._declared.since is not None:
            return self._plan_since(connection, rows, scope, rows.c[self._declared.since.column])
        return _Plan(rows, Scope(), [])

    def _plan_since(
        self, connection: Connection, rows: TableClause, scope: Scope, changed: ColumnElement[Any]
    ) -> _Plan:
        """Ask from the cursor on; of very many rows only up to a value, all rows of which come, so none is lost."""
        # Not after, but from the cursor on: rows that share its value may have come later.
        wanted: list[ColumnElement[bool]] = [changed >= untyped(str(scope.since))]
        honoured = Scope(since=scope.since, most_rows=scope.most_rows)
        if scope.most_rows is None:
            return _Plan(rows, honoured, wanted)
        in_order = select(changed).select_from(rows).where(*wanted).order_by(changed)
        last = connection.execute(in_order.offset(scope.most_rows - 1).limit(1)).scalar()
        if last is not None and _cursor_text(last) == scope.since:
            # More rows share the cursor than are asked for: at least the next value comes along, or there is no end.
            last = connection.execute(select(func.min(changed)).where(changed > last)).scalar()
        if last is None:
            return _Plan(rows, honoured, wanted)
        has_more = connection.execute(select(func.max(changed)).where(*wanted)).scalar() != last
        return _Plan(rows, honoured, [*wanted, changed <= last] if has_more else wanted, has_more=has_more)

    def _columns(self, connection: Connection) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the declared columns that are there, with their types, and those that are there and not declared."""
        schema, _, plain = self._declared.table.rpartition(".")
        found = {told["name"]: told["type"] for told in inspect(connection).get_columns(plain, schema=schema or None)}
        refuse_missing_fields(self.name, self._declared, found, where=f"table {self._declared.table}")
        declared = {name: found[name] for name in self._declared.fields if name in found}
        return declared, tuple(sorted(found.keys() - declared.keys()))

    def _control(self, connection: Connection, plan: _Plan) -> _Control:
        counted: list[ColumnElement[Any]] = [func.count()]
        if self._declared.since is not None:
            counted.append(func.max(plan.rows.c[self._declared.since.column]))
        control = connection.execute(select(*counted).select_from(plan.rows).where(*plan.wanted)).one()
        newest = control[1] if len(control) > 1 else None
        return _Control(as_of=self._as_of(connection), rows=control[0], cursor=_cursor_text(newest))

    def _as_of(self, connection: Connection) -> datetime:
        match self._declared.as_of:
            case TableAsOf(table=name, column=column):
                told = named_table(name, columns_named(column))
                return self._told(connection.execute(select(told.c[column])).scalars().all(), f"{name}.{column}")
            case FixedAsOf(fixed=moment):
                return instant_of(moment)
            case None:
                return self._clock.now()

    def _told(self, values: Sequence[Any], where: str) -> datetime:
        try:
            (value,) = values
            return instant_of(value)
        except ValueError as error:
            raise BadDataError(
                f"{self.name}: {where} does not say which moment its rows speak of.",
                expected="one row with an instant",
                found=f"{len(values)} rows" if len(values) != 1 else repr(values[0]),
                remedy="see to the table, or correct `as_of` in the system's YAML",
            ) from error

    def _read(self, connection: Connection, columns: Mapping[str, Any], plan: _Plan, writer: PageWriter) -> None:
        if self._reads_arrow and not plan.wanted:
            query = whole_table(self._declared.table, list(columns.items()), self._declared.key)
            for table in read_batches(self.name, connection, query):
                writer.add_table(table)
            return
        query = select(*plan.rows.c).where(*plan.wanted).order_by(*(plan.rows.c[name] for name in self._declared.key))
        streaming = connection.execution_options(stream_results=True, yield_per=self._batch_rows)
        with streaming.execute(query) as result:
            for batch in result.partitions():
                writer.add(batch)


def _cursor_text(newest: Any) -> str | None:
    if isinstance(newest, datetime):
        return instant_text(newest) if newest.tzinfo is not None else newest.isoformat(sep=" ")
    return None if newest is None else str(newest)
