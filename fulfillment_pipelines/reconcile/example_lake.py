"""A lake that holds only the rows an example names: where a rule, a model or a check is tried by itself.

The tables are made by the models themselves, so that columns and types are those of production. What a rule is
expected to say belongs to `rule_tests`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
from pydantic import TypeAdapter
from sqlglot import exp

from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.reconcile.runner import Reconciler
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.yaml_file import read_yaml
from fulfillment_pipelines.warehouse import Connection, Warehouse, query_rows, scratch

Scalar: TypeAlias = str | int | float | bool | Decimal | datetime | None
Row: TypeAlias = Mapping[str, Scalar]
Tables: TypeAlias = Mapping[str, Sequence[Row]]

_PREVIOUS: Final = {"previous_feeds": "rec_feeds", "previous_findings": "rec_findings"}
"""What the run before has left, under the name by which models read it."""

_NAMES: Final = "select distinct table_name from information_schema.tables where table_catalog in ('lake', 'memory')"
_LAKE_TABLES: Final = "select table_name from information_schema.tables where table_catalog = 'lake'"


class ExampleLake:
    """An empty lake of which each example sees the rows it names, and nothing else.

    Args:
        sql: The folder that holds the SQL folders.
        reference: Nodes, units, business days and declared feeds.
        tolerances: Configured values.
        now: The present of every example; business days reach as far around it as in production.

    Raises:
        ConfigurationError: A model or rule does not run, even on no rows.
    """

    def __init__(self, sql: Path, *, reference: ReferenceData, tolerances: Tolerances, now: datetime) -> None:
        self._sql = sql
        self._reference = reference
        self._tolerances = tolerances
        self._now = now
        self._schemas: dict[str, pa.Schema] = {}

    @contextmanager
    def showing(self, tables: Tables, *, example: str) -> Iterator[Connection]:
        """Give a cursor that sees the named rows; every other table of the lake is empty.

        A column that a row does not name takes its value from `rule_test_defaults.yaml`; `system` is the row's
        `role`; everything else is null.

        Args:
            tables: Rows by table.
            example: Whose rows they are, for the error.

        Raises:
            ConfigurationError: There is no such table or column, or a value does not fit its column.
        """
        cursor = self._warehouse.cursor()
        try:
            for name, rows in {**dict.fromkeys(_PREVIOUS, ()), **tables}.items():
                cursor.register(name, self._typed(name, rows, example))
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        """Forget the lake."""
        if "_warehouse" in vars(self):
            self._warehouse.close()

    @cached_property
    def _warehouse(self) -> Warehouse:
        warehouse = scratch()
        warehouse.write(partial(_create_operations_tables, self._sql / "00_operations"))
        Reconciler(
            warehouse,
            self._sql,
            canonical=CanonicalModels(read_models(self._sql / "20_canonical"), self._reference.feeds),
            reference=self._reference,
            rules=read_rules(read_models(self._sql / "30_reconcile" / "rules")),
            tolerances=self._tolerances,
        ).reconcile(self._now, full=True)
        warehouse.write(_empty)
        return warehouse

    @cached_property
    def _defaults(self) -> Mapping[str, Row]:
        path = self._sql / "30_reconcile" / "rule_test_defaults.yaml"
        return read_yaml(path, TypeAdapter(dict[str, dict[str, Scalar]]), what="file of row defaults")

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._warehouse.query(_NAMES).column("table_name").to_pylist())

    def _typed(self, name: str, rows: Sequence[Row], example: str) -> pa.Table:
        schema = self._schema(_PREVIOUS.get(name, name), example)
        defaults = self._defaults.get(_PREVIOUS.get(name, name), {})
        filled = [{**_spoken_by(row, schema), **defaults, **row} for row in rows]
        unknown = sorted({column for row in filled for column in row} - set(schema.names))
        if unknown:
            raise ConfigurationError(
                f"{example}: {name} has no column {', '.join(unknown)}.",
                expected=f"columns of {name}: {', '.join(schema.names)}",
                remedy="correct the row, or rule_test_defaults.yaml",
            )
        return pa.table(
            [_column(name, field, [row.get(field.name) for row in filled], example) for field in schema], schema=schema
        )

    def _schema(self, name: str, example: str) -> pa.Schema:
        if name not in self._names:
            raise ConfigurationError(
                f"{example}: there is no table {name}.",
                expected=", ".join(sorted(self._names)),
                remedy="correct the name of the table",
            )
        if name not in self._schemas:
            cursor = self._warehouse.cursor()
            try:
                empty = exp.select("*").from_(name).limit(0).sql(dialect="duckdb")
                self._schemas[name] = query_rows(cursor, empty).schema
            finally:
                cursor.close()
        return self._schemas[name]


def _create_operations_tables(folder: Path, transaction: Connection) -> None:
    for model in read_models(folder):
        transaction.execute(model.body)


def _empty(transaction: Connection) -> None:
    """Remove what the models say of feeds that were never pulled; their columns stay."""
    for (name,) in transaction.execute(_LAKE_TABLES).fetchall():
        transaction.execute(exp.delete(name).sql(dialect="duckdb"))


def _spoken_by(row: Row, schema: pa.Schema) -> Row:
    """One system plays each role in most examples; it is then named like the role."""
    return {"system": row["role"]} if "role" in row and "system" in schema.names else {}


def _column(table: str, field: pa.Field, values: Sequence[Scalar], example: str) -> pa.Array:
    try:
        return pa.array([_fitted(value, field.type) for value in values], field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, InvalidOperation, ValueError) as error:
        raise ConfigurationError(
            f"{example}: a value does not fit {table}.{field.name}.",
            expected=f"{field.type}; an instant with its zone, such as 2026-03-02T09:00:00Z",
            found=f"{', '.join(repr(value) for value in values)} ({error})",
            remedy="correct the value",
        ) from error


def _fitted(value: Scalar, column_type: pa.DataType) -> Scalar:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("the instant has no zone")
    if pa.types.is_decimal(column_type) and isinstance(value, int | float | str):
        return Decimal(str(value))
    return value
