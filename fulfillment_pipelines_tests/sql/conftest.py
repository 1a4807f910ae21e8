"""What the tests of SQL share: the shipped seeds, a tester of rules, and a lake that holds only an example's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.reference import FeedReference, ReferenceData, read_nodes, read_unit_conversions
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.reconcile.example_lake import ExampleLake, Tables
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW, RuleTester, derive_tables
from fulfillment_pipelines.reconcile.tolerances import Tolerances, read_tolerances
from fulfillment_pipelines.sql_models import read_model
from fulfillment_pipelines.warehouse import query_rows

ROOT = Path(__file__).parent.parent.parent
_SEEDS = ROOT / "data" / "seeds"

SqlRunner = Callable[..., list[Mapping[str, Any]]]


@pytest.fixture(scope="session")
def sql_folder() -> Path:
    return ROOT / "sql"


@pytest.fixture(scope="session")
def reference() -> ReferenceData:
    """The shipped seeds, and two declared feeds: one for all sites, one for the eastern."""
    return ReferenceData(
        nodes=read_nodes(_SEEDS / "nodes.yaml"),
        units=read_unit_conversions(_SEEDS / "unit_conversions.csv"),
        calendars=read_calendars(_SEEDS / "calendars.yaml"),
        feeds=(
            FeedReference("erp", "orders", "orders", "erp", "", 3600),
            FeedReference("wms_east", "shipments", "shipment_lines", "wms", "EAST", 900),
        ),
    )


@pytest.fixture(scope="session")
def tolerances() -> Tolerances:
    return read_tolerances(_SEEDS / "tolerances.yaml")


@pytest.fixture(scope="session")
def rule_tester(sql_folder: Path, reference: ReferenceData, tolerances: Tolerances) -> Iterator[RuleTester]:
    with RuleTester(sql_folder, reference=reference, tolerances=tolerances) as tester:
        yield tester


@pytest.fixture(scope="session")
def example_lake(sql_folder: Path, reference: ReferenceData, tolerances: Tolerances) -> Iterator[ExampleLake]:
    lake = ExampleLake(sql_folder, reference=reference, tolerances=tolerances, now=EXAMPLE_NOW)
    yield lake
    lake.close()


@pytest.fixture
def run_sql(
    example_lake: ExampleLake, sql_folder: Path, tolerances: Tolerances, request: pytest.FixtureRequest
) -> SqlRunner:
    """Return a function that runs one SQL file on the rows a test names, at noon unless told otherwise.

    What the file reads of documents, residuals, readings and sums is derived from the rows, unless the test gives it.
    """
    derived = (
        "rec_billed_lines",
        "rec_late_legs",
        "rec_residual_legs",
        "rec_residual_lines",
        "rec_stock_readings",
        "rec_stock_sums",
    )
    documents = [read_model(sql_folder / "30_reconcile" / f"{name}.sql") for name in derived]

    def run(file: str, tables: Tables, *, now: datetime = EXAMPLE_NOW) -> list[Mapping[str, Any]]:
        model = read_model(sql_folder / file)
        parameters: dict[str, Any] = {"now_at": now} if "now_at" in model.parameters else {}
        parameters |= tolerances.values(model.parameters - {"now_at"})
        with example_lake.showing(tables, example=request.node.name) as cursor:
            derive_tables(cursor, model, documents, given=tables)
            return list(query_rows(cursor, model.body, parameters).to_pylist())

    return run
