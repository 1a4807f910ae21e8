"""The tables in which the platform records its own work: made from `sql/00_operations`, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import sqlglot
from sqlglot import exp

from fulfillment_pipelines.sql_models import SqlModel, read_models
from fulfillment_pipelines.warehouse import Connection, Warehouse

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = """
    select column_name from duckdb_columns() where database_name = 'lake' and table_name = $table
"""


def create_operations_tables(folder: Path, transaction: Connection) -> None:
    """Create the tables that do not exist, and give those of an earlier version the columns they lack."""
    for model in read_models(folder):
        transaction.execute(model.body)
        present = {name for (name,) in transaction.execute(_COLUMNS, {"table": model.name}).fetchall()}
        for name, kind in _declared_columns(model):
            if name not in present:
                added = exp.Alter(
                    this=exp.to_table(model.name),
                    kind="TABLE",
                    actions=[exp.ColumnDef(this=exp.to_identifier(name), kind=kind)],
                )
                transaction.execute(added.sql(dialect="duckdb"))


def _declared_columns(model: SqlModel) -> Iterator[tuple[str, exp.DataType]]:
    for column in sqlglot.parse_one(model.body, read="duckdb").find_all(exp.ColumnDef):
        yield column.name, column.args["kind"]


def latest_as_of(warehouse: Warehouse) -> datetime | None:
    """Return the latest moment any system has spoken of; None before the first snapshot.

    Raises:
        BadDataError: The lake has not been prepared.
    """
    # As a number: an Arrow instant imports pandas, which costs a command half a second.
    table = warehouse.query("select epoch_us(max(as_of)) as as_of_us from ops_snapshots")
    as_of_us: int | None = table.column("as_of_us")[0].as_py()
    return None if as_of_us is None else _EPOCH + timedelta(microseconds=as_of_us)


def admitted_snapshots(warehouse: Warehouse) -> dict[tuple[str, str], frozenset[str]]:
    """Return, by system and entity, the identities of the snapshots that are in the lake."""
    table = warehouse.query(
        "select system, entity, list(snapshot_id) as ids from ops_snapshots group by system, entity"
    )
    columns = (table.column(name).to_pylist() for name in ("system", "entity", "ids"))
    return {(system, entity): frozenset(ids) for system, entity, ids in zip(*columns, strict=True)}


def last_cursors(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """Return, by system and entity, the cursor from which the next pull continues."""
    table = warehouse.query(
        """
        select system, entity, max_by(cursor_to, row(as_of, pulled_at)) as cursor_to
        from ops_snapshots
        where cursor_to is not null and is_complete
        group by system, entity
        """
    )
    columns = (table.column(name).to_pylist() for name in ("system", "entity", "cursor_to"))
    return {(system, entity): cursor for system, entity, cursor in zip(*columns, strict=True)}


def holders_of(warehouse: Warehouse, role: str, order_id: str) -> frozenset[str]:
    """Return the systems of a role in which an order was seen last."""
    table = warehouse.query(
        "select distinct system from canon_orders where role = $role and order_id = $order_id",
        {"role": role, "order_id": order_id},
    )
    return frozenset(table.column("system").to_pylist())
