"""What a materialization shows: counts, totals, schema, lineage and a sample, read from the lake.

Everything here reads; nothing here decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import dagster as dg
from sqlglot import exp

from fulfillment_pipelines.orchestration.assets.specs import contract_behind, table_schema
from fulfillment_pipelines.orchestration.catalogue import Catalogue, rule_asset
from fulfillment_pipelines.orchestration.column_lineage import column_lineage
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Warehouse

Metadata: TypeAlias = dict[str, Any]

_SAMPLE_ROWS: Final = 5
_LONGEST_CELL: Final = 60
_SAMPLE: Final = "select * from target limit $rows"
_RULE_SAMPLE: Final = """
    select business_key, node, verdict, expected_value, actual_value, value_at_risk_amount, currency, condition_since
    from rec_findings
    where code = $code
    order by value_at_risk_amount desc nulls last, business_key
    limit $rows
"""
_FINDINGS: Final = """
    select code, verdict, count(*) as finding_count
    from rec_findings
    group by code, verdict
    order by code, verdict
"""
_VALUE_AT_RISK: Final = """
    select code, currency, cast(sum(value_at_risk_amount) as double) as value_at_risk_amount
    from rec_findings
    where verdict = 'DIFFER' and value_at_risk_amount is not null
    group by code, currency
    order by code, currency
"""
_COLUMNS: Final = """
    select table_name, column_name, data_type
    from information_schema.columns
    where table_catalog = 'lake'
    order by table_name, ordinal_position
"""
_SNAPSHOTS: Final = """
    select
        system, entity, snapshot_id, as_of, landed_rows, mapped_rows, inserted_rows, updated_rows, unchanged_rows,
        superseded_rows, quarantined_rows, deleted_rows, declared_rows, content_bytes, content_sha256,
        duration_seconds, is_whole, is_complete
    from ops_snapshots
    where list_contains($snapshot_ids, snapshot_id)
"""


class LakeView:
    """The lake as it stands after a stage, in the shape Dagster shows it.

    Args:
        warehouse: The lake.
        catalogue: What there is.
        with_samples: Show rows of every table; otherwise only of marts and rules, since a query a table costs a
            micro-batch more than its own work.
    """

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue, *, with_samples: bool) -> None:
        self._warehouse = warehouse
        self._catalogue = catalogue
        self._with_samples = with_samples
        self._marts = frozenset(model.name for model in catalogue.marts)
        self._columns = _grouped(warehouse.query(_COLUMNS).to_pylist())
        known = [feed.table for feed in catalogue.feeds] + list(catalogue.tables)
        self._row_counts = _row_counts(warehouse, [name for name in known if name in self._columns])

    def table(self, name: str) -> Metadata:
        """Return what is shown of a table of the lake: rows, columns, where they come from, a sample."""
        shown: Metadata = {
            "dagster/row_count": self._row_counts[name],
            "dagster/column_schema": table_schema(self._columns.get(name, ()), contract_behind(self._catalogue, name)),
        }
        model = self._catalogue.models.get(name)
        if model and model.columns:
            shown["dagster/column_lineage"] = column_lineage(self._catalogue, model)
        if self._with_samples or name in self._marts:
            shown["sample"] = self._sample(retarget(_SAMPLE, {"target": name}), {})
        return shown

    def rules(self) -> Iterator[tuple[str, Metadata]]:
        """Return asset name and what is shown of each rule: findings by verdict, value at risk, the dearest ones."""
        counts = self._warehouse.query(_FINDINGS).to_pylist()
        values = self._warehouse.query(_VALUE_AT_RISK).to_pylist()
        for rule in self._catalogue.rules:
            own = {row["verdict"]: row["finding_count"] for row in counts if row["code"] == rule.code}
            at_risk = {row["currency"]: row["value_at_risk_amount"] for row in values if row["code"] == rule.code}
            yield rule_asset(rule), self._rule(rule, own, at_risk)

    def snapshots(self, snapshot_ids: Sequence[str]) -> Mapping[tuple[str, str], Metadata]:
        """Return, by system and entity, what became of the rows of some snapshots, with their control totals."""
        rows = self._warehouse.query(_SNAPSHOTS, {"snapshot_ids": list(snapshot_ids)}).to_pylist()
        return {
            (row["system"], row["entity"]): {
                name: dg.MetadataValue.timestamp(value) if name == "as_of" else value
                for name, value in row.items()
                if name not in {"system", "entity"} and value is not None
            }
            for row in rows
        }

    def _rule(self, rule: Rule, counts: Mapping[str, int], at_risk: Mapping[str, float]) -> Metadata:
        return {
            "dagster/row_count": sum(counts.values()),
            "dagster/column_schema": table_schema(self._columns.get("rec_findings", ())),
            "dagster/column_lineage": column_lineage(self._catalogue, rule.model),
            **{f"findings_{verdict.lower()}": counts.get(verdict, 0) for verdict in ("DIFFER", "TIMING", "UNKNOWN")},
            **{f"value_at_risk_amount_{currency or 'none'}": amount for currency, amount in at_risk.items()},
            **({"sample": self._sample(_RULE_SAMPLE, {"code": rule.code})} if counts else {}),
        }

    def _sample(self, statement: str, parameters: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
        table = self._warehouse.query(statement, {**parameters, "rows": _SAMPLE_ROWS})
        return markdown_table(table.column_names, (row.values() for row in table.to_pylist()))


def _row_counts(warehouse: Warehouse, tables: Sequence[str]) -> Mapping[str, int]:
    """Count the rows of many tables with one statement, since each costs more to plan than to run."""
    if not tables:
        return {}
    counts: list[exp.Query] = [
        exp.select(exp.Literal.string(table).as_("table_name"), exp.func("count", exp.Star()).as_("row_count")).from_(
            exp.to_table(table)
        )
        for table in tables
    ]
    statement = counts[0] if len(counts) == 1 else exp.union(*counts, distinct=False, copy=False)
    rows = warehouse.query(statement.sql(dialect="duckdb")).to_pylist()
    return {row["table_name"]: row["row_count"] for row in rows}


def markdown_table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> dg.MarkdownMetadataValue:
    """Return rows as a table for people; long values are cut."""
    lines = [_line(columns), _line("---" for _ in columns), *(_line(row) for row in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    text = "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _grouped(rows: Iterable[Mapping[str, str]]) -> Mapping[str, list[tuple[str, str]]]:
    grouped: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    return grouped
