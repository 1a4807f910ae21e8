"""Test each rule on a few rows of its own: rows in and rows out, in a YAML file beside the rule's SQL.

A file is a list of cases. A case is a sentence, the rows that are given, and the rows that the rule must say, no
more and no fewer, in any order; both name only the columns that matter. The tables themselves belong to
`example_lake`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.engines import DuckDbEngine, Engine, Selecting, as_it_stands
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.reconcile.example_lake import ExampleLake, Scalar
from fulfillment_pipelines.reconcile.rules import Rule, read_rules
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import SqlModel, in_reading_order, read_models
from fulfillment_pipelines.systems.yaml_file import read_yaml
from fulfillment_pipelines.warehouse import Connection, query_rows

EXAMPLE_NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""The present of every case: noon of a Monday."""

Expectation: TypeAlias = Scalar | dict[str, Scalar]
"""A value, or for a column that holds JSON the entries that matter."""


class RuleTestCase(BaseModel):
    """One case of a rule's test file.

    Attributes:
        case: What the case shows, as a sentence.
        given: Rows by table.
        expect: The rows the rule must say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str = Field(min_length=1)
    given: dict[str, list[dict[str, Scalar]]] = Field(default_factory=dict)
    expect: list[dict[str, Expectation]]


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """What one case showed.

    Attributes:
        code: The rule's code.
        case: The case's sentence.
        expected: The rows the case expects, with the columns it names.
        found: The rows the rule gave, with all their columns.
        difference: In words, what the rule said otherwise; empty where it passed.
    """

    code: str
    case: str
    expected: tuple[Mapping[str, Expectation], ...]
    found: tuple[Mapping[str, object], ...]
    difference: str

    @property
    def passed(self) -> bool:
        """Whether the rule said exactly what was expected."""
        return not self.difference


class RuleTester:
    """Runs rules on the cases beside them.

    Args:
        sql: The folder that holds the SQL folders.
        reference: Nodes, units and business days, as in `data/seeds`.
        tolerances: Configured values, as in `data/seeds`.
        engine: Where the rules, and what they read of derived tables, are worked out.
    """

    def __init__(
        self, sql: Path, *, reference: ReferenceData, tolerances: Tolerances, engine: Engine | None = None
    ) -> None:
        self._folder = sql / "30_reconcile"
        self._engine = engine or DuckDbEngine()
        self._tolerances = tolerances
        self._lake = ExampleLake(sql, reference=reference, tolerances=tolerances, now=EXAMPLE_NOW)
        self._rules = {rule.code: rule for rule in read_rules(read_models(self._folder / "rules"))}
        self._models = read_models(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the lake of the examples."""
        self._lake.close()

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all rules, tested or not."""
        return tuple(self._rules)

    def cases(self, code: str) -> tuple[RuleTestCase, ...]:
        """Return the cases of one rule.

        Raises:
            ConfigurationError: There is no such rule, or its test file is missing or wrong; the message names the line.
        """
        path = self._rule(code).model.path.with_suffix(".yaml")
        return tuple(read_yaml(path, TypeAdapter(list[RuleTestCase]), what="rule test"))

    def run(self, code: str | None = None) -> Iterator[RuleTestResult]:
        """Run the cases of one rule, or of all.

        Raises:
            ConfigurationError: A test file is missing or wrong, or a rule does not run.
        """
        for each in self.codes if code is None else (code,):
            for case in self.cases(each):
                yield self.run_case(each, case)

    def run_case(self, code: str, case: RuleTestCase) -> RuleTestResult:
        """Run one rule on one case.

        Raises:
            ConfigurationError: A row does not fit its table, or the rule does not run.
        """
        rule = self._rule(code)
        found = self._found(rule, case)
        return RuleTestResult(code, case.case, tuple(case.expect), found, _difference(case.expect, found))

    def _rule(self, code: str) -> Rule:
        if code not in self._rules:
            raise ConfigurationError(
                f"There is no rule '{code}'.",
                expected=f"one of {', '.join(self._rules)}",
                remedy="`fulfillment rules list` shows them all",
            )
        return self._rules[code]

    def _found(self, rule: Rule, case: RuleTestCase) -> tuple[Mapping[str, object], ...]:
        example = f"{rule.model.name}.yaml, '{case.case}'"
        with self._lake.showing(case.given, example=example) as cursor, self._engine.running(cursor) as selecting:
            derive_tables(cursor, rule.model, self._models, given=case.given, selecting=selecting)
            with _told_as_rule(rule.model):
                select = selecting(rule.model, dict(self._tolerances.values(rule.tolerances)))
                return tuple(query_rows(cursor, select.statement, select.parameters).to_pylist())


def derive_tables(
    cursor: Connection,
    reader: SqlModel,
    models: Sequence[SqlModel],
    *,
    given: Collection[str],
    selecting: Selecting = as_it_stands,
) -> None:
    """Show what a model reads as the models of its folder make it, down to the tables that an example gives.

    Args:
        cursor: A cursor that sees an example's rows.
        reader: The model, or rule, that reads.
        models: The models of the folder; one that takes parameters is never derived.
        given: Tables that the example names; they stay as they are.
        selecting: The engine that works the models out.

    Raises:
        ConfigurationError: The models read each other in a circle.
    """
    derivable = {model.name: model for model in models if not model.parameters and model.name not in given}
    wanted: set[str] = set()
    found = reader.tables & derivable.keys()
    while found:
        wanted |= found
        found = frozenset[str]().union(*(derivable[name].tables for name in found)) & derivable.keys() - wanted
    for model in in_reading_order([derivable[name] for name in sorted(wanted)]):
        cursor.execute("create or replace temp table " + model.name + " as " + selecting(model, {}).statement)


@contextmanager
def _told_as_rule(model: SqlModel) -> Iterator[None]:
    try:
        yield
    except BadDataError as error:
        raise ConfigurationError(
            f"{model.path.name} does not run.", found=error.found, remedy="correct the SQL, or the rows of the case"
        ) from error


def _difference(expected: Sequence[Mapping[str, Expectation]], found: Sequence[Mapping[str, object]]) -> str:
    """Say what is missing, too many or other; rows that name most are matched first, so that none takes their row."""
    left = list(found)
    unmet = []
    for row in sorted(expected, key=len, reverse=True):
        same = next((candidate for candidate in left if not _disagreeing(row, candidate)), None)
        if same is None:
            unmet.append(row)
        else:
            left.remove(same)
    return "\n".join(_words(unmet, left))


def _words(unmet: Iterable[Mapping[str, Expectation]], left: list[Mapping[str, object]]) -> Iterator[str]:
    for row in unmet:
        if not left:
            yield f"missing: {_shown(row)}"
            continue
        nearest = min(left, key=lambda candidate: len(_disagreeing(row, candidate)))
        left.remove(nearest)
        for column in _disagreeing(row, nearest):
            yield f"{nearest['business_key']}: {column} should be {_text(row[column])}, is {_text(nearest.get(column))}"
    for row_found in left:
        yield f"not expected: {_shown(row_found)}"


def _disagreeing(expected: Mapping[str, Expectation], found: Mapping[str, object]) -> list[str]:
    return [column for column, value in expected.items() if column not in found or not _is_met(value, found[column])]


def _is_met(expected: Expectation, found: object) -> bool:
    if isinstance(expected, dict):
        entries: dict[str, Any] = json.loads(str(found))
        return all(name in entries and entries[name] == value for name, value in expected.items())
    if isinstance(found, Decimal) and isinstance(expected, int | float | str):
        try:
            return found == Decimal(str(expected))
        except InvalidOperation:
            return False
    return found == expected


def _shown(row: Mapping[str, object]) -> str:
    return ", ".join(f"{column}={_text(value)}" for column, value in row.items())


def _text(value: object) -> str:
    return (
        value.isoformat() if isinstance(value, datetime) else repr(str(value) if isinstance(value, Decimal) else value)
    )
