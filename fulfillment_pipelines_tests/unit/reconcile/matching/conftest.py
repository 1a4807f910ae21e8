"""What the tests of matching share: a lake that holds only the rows a test names, and the matcher over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.reference import FeedReference, ReferenceData, read_nodes, read_unit_conversions
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.reconcile.example_lake import ExampleLake, Tables
from fulfillment_pipelines.reconcile.matching import DocumentMatcher, read_matching_policy
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW
from fulfillment_pipelines.reconcile.tolerances import read_tolerances
from fulfillment_pipelines.sql_models import read_model
from fulfillment_pipelines.warehouse import query_rows

ROOT = Path(__file__).parents[4]
SEEDS = ROOT / "data" / "seeds"
TABLE = "rec_document_matches"
ORDER = "order by system, source_key, share_no"


@dataclass(frozen=True)
class MatchingLake:
    """Runs the matcher over rows that a test names."""

    lake: ExampleLake
    matcher: DocumentMatcher
    billed_lines: str

    def match(self, tables: Tables) -> list[Mapping[str, Any]]:
        """Match everything; return `rec_document_matches`."""
        return self.match_in_turn([(tables, [])])

    def billed(self, tables: Tables) -> list[Mapping[str, Any]]:
        """Match everything; return `rec_billed_lines`."""
        with self.lake.showing(tables, example="a world") as cursor:
            self.matcher.run(cursor, frozenset({TABLE}), full=True)
            rows: list[Mapping[str, Any]] = query_rows(cursor, self.billed_lines).to_pylist()
            cursor.execute("delete from lake.main.rec_document_matches")
        return sorted(rows, key=lambda row: (row["source_key"], row["order_id"] or "", row["shipment_id"] or ""))

    def match_in_turn(self, worlds: Sequence[tuple[Tables, Sequence[Mapping[str, Any]]]]) -> list[Mapping[str, Any]]:
        """Match the first world as a whole and each further one by its changed keys; return the rows at the end."""
        rows: list[Mapping[str, Any]] = []
        for position, (tables, changed) in enumerate(worlds):
            with self.lake.showing({**tables, "ops_changed_keys": changed}, example="a world") as cursor:
                cursor.execute("create or replace temp table affected_orders (key varchar)")
                cursor.execute("insert into affected_orders select order_id from ops_changed_keys")
                self.matcher.run(cursor, frozenset({TABLE}), full=position == 0)
                rows = query_rows(cursor, f"select * from lake.main.{TABLE} {ORDER}").to_pylist()
        with self.lake.showing({}, example="the end") as cursor:
            cursor.execute("delete from lake.main.rec_document_matches")
        return rows


@pytest.fixture(scope="session")
def matching_lake() -> Iterator[MatchingLake]:
    reference = ReferenceData(
        nodes=read_nodes(SEEDS / "nodes.yaml"),
        units=read_unit_conversions(SEEDS / "unit_conversions.csv"),
        calendars=read_calendars(SEEDS / "calendars.yaml"),
        feeds=(FeedReference("finance", "invoice_lines", "invoice_lines", "finance", "", 3600),),
    )
    tolerances = read_tolerances(SEEDS / "tolerances.yaml")
    lake = ExampleLake(ROOT / "sql", reference=reference, tolerances=tolerances, now=EXAMPLE_NOW)
    folder = ROOT / "sql" / "30_reconcile"
    matcher = DocumentMatcher(folder / "matching", read_matching_policy(SEEDS / "matching.yaml"))
    yield MatchingLake(lake, matcher, read_model(folder / "rec_billed_lines.sql").body)
    lake.close()
