"""An engine that works everything out twice, in DuckDB and on Spark, and keeps what the two say otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlglot import exp

from fulfillment_pipelines.engines import Select, Selecting, SparkEngine
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Connection

_DUCKDB, _SPARK = "rows_of_duckdb", "rows_of_spark"
_SHOWN = 2


class ComparingEngine:
    """Gives DuckDB's rows to the run, so that each model is compared over the same tables.

    Args:
        spark: The other engine.

    Attributes:
        rows: How many rows each model has given so far, of those that were compared.
        differences: What differs, as sentences.
    """

    def __init__(self, spark: SparkEngine) -> None:
        self._spark = spark
        self.rows: Counter[str] = Counter()
        self.differences: list[str] = []

    @contextmanager
    def running(self, transaction: Connection) -> Iterator[Selecting]:
        with self._spark.running(transaction) as on_spark:
            yield partial(self.compared, transaction, on_spark)

    def compared(
        self, transaction: Connection, on_spark: Selecting, model: SqlModel, parameters: Mapping[str, Any]
    ) -> Select:
        """Compare every row of a model, in the types that DuckDB gives its columns."""
        _keep(transaction, _DUCKDB, Select(model.body, parameters))
        _keep(transaction, _SPARK, on_spark(model, parameters))
        types, names = _columns(transaction, _DUCKDB), list(_columns(transaction, _SPARK))
        if list(types) != names:
            self.differences.append(f"{model.name}: columns {names} instead of {list(types)}")
        else:
            casts = [exp.cast(exp.column(name), kind, dialect="duckdb").as_(name) for name, kind in types.items()]
            typed = exp.select(*casts).from_(_SPARK)
            missing = _only(transaction, exp.select("*").from_(_DUCKDB), typed)
            excess = _only(transaction, typed, exp.select("*").from_(_DUCKDB))
            if missing or excess:
                self.differences.append(_sentence(model.name, missing, excess))
        self.rows[model.name] += transaction.table(_DUCKDB).shape[0]
        return Select(model.body, parameters)


def _keep(transaction: Connection, table: str, select: Select) -> None:
    transaction.execute(f"create or replace temp table {table} as {select.statement}", dict(select.parameters))


def _columns(transaction: Connection, table: str) -> dict[str, str]:
    found = transaction.table(table)
    return {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)}


def _only(transaction: Connection, one: exp.Select, other: exp.Select) -> list[dict[str, Any]]:
    """Return the rows that one side has more often than the other."""
    statement = exp.except_(one, other, distinct=False).sql(dialect="duckdb")
    rows: list[dict[str, Any]] = transaction.execute(statement).to_arrow_table().to_pylist()
    return rows


def _sentence(model: str, missing: list[dict[str, Any]], excess: list[dict[str, Any]]) -> str:
    pairs = zip(sorted(missing, key=str)[:_SHOWN], sorted(excess, key=str)[:_SHOWN], strict=False)
    told = [{name: (row[name], other[name]) for name in row if row[name] != other[name]} for row, other in pairs]
    return (
        f"{model}: {len(missing)} rows only in DuckDB, {len(excess)} only on Spark; the first (DuckDB, Spark): {told}"
    )
