"""What the tests of explanation share: a lake of a few rows, asked as the command asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.reference import ReferenceData, read_nodes, read_unit_conversions
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.story import Judgement, Story, tell
from fulfillment_pipelines.explanation.subjects import find_subject
from fulfillment_pipelines.explanation.trials import RuleTrials
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.reconcile.example_lake import ExampleLake, Tables
from fulfillment_pipelines.reconcile.matching import read_matching_policy
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.reconcile.tolerances import read_tolerances
from fulfillment_pipelines.sql_models import read_models

ROOT = Path(__file__).parents[3]
SEEDS = ROOT / "data" / "seeds"

Asker = Callable[[Tables, str], Story]


@pytest.fixture(scope="session")
def example_lake() -> Iterator[ExampleLake]:
    reference = ReferenceData(
        nodes=read_nodes(SEEDS / "nodes.yaml"),
        units=read_unit_conversions(SEEDS / "unit_conversions.csv"),
        calendars=read_calendars(SEEDS / "calendars.yaml"),
        feeds=(),
    )
    tolerances = read_tolerances(SEEDS / "tolerances.yaml")
    lake = ExampleLake(ROOT / "sql", reference=reference, tolerances=tolerances, now=EXAMPLE_NOW)
    yield lake
    lake.close()


@pytest.fixture
def explain(example_lake: ExampleLake, sqlite_ledger: Ledger) -> Iterator[Asker]:
    """Return a function that puts rows into the lake and asks about a number."""
    written: set[str] = set()

    def ask(tables: Tables, number: str) -> Story:
        with example_lake.showing(tables, example=number) as cursor:
            for table in tables:
                cursor.execute(f"insert into lake.main.{table} by name from temp.main.{table}")
                written.add(table)
        questions = Questions(example_lake._warehouse, ROOT / "sql" / "50_explanation")
        judgement = Judgement(
            rules=read_rules(read_models(ROOT / "sql" / "30_reconcile" / "rules")),
            trials=RuleTrials(example_lake._warehouse, read_tolerances(SEEDS / "tolerances.yaml")),
            matching=read_matching_policy(SEEDS / "matching.yaml"),
        )
        with sqlite_ledger.reading() as work:
            return tell(questions, work, find_subject(questions, number), judgement)

    yield ask
    with example_lake.showing({}, example="the end") as cursor:
        for table in written:
            cursor.execute(f"delete from lake.main.{table}")
