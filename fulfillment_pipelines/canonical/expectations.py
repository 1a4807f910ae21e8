"""The Great Expectations suite of a contract, and what it says of the rows that were staged.

The suite is built from the same checks as the row pass (`row_checks`), judges on its own and reports; the row pass
decides which rows are quarantined. Great Expectations is imported when the first suite is validated, since the
import takes seconds. Deciding what to do about a failed expectation does not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import pyarrow as pa

from fulfillment_pipelines.canonical.light_import import importing_without
from fulfillment_pipelines.canonical.row_checks import (
    REJECTED_SUFFIX,
    UNMAPPED_UNIT,
    Check,
    CheckKind,
    checks_of,
    counting_select,
)
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER
from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection, Warehouse, insert_rows, scalar

if TYPE_CHECKING:
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations.expectation import Expectation

COLUMNS_PRESENT: Final = "columns:present"
ROWS_DECLARED: Final = "rows:declared"
PAGES_READABLE: Final = "page:readable"
SCAN_LIMIT_ROWS: Final = 1_000_000

# Great Expectations imports the clients of other people's stores and engines where they are installed, and charts and
# statistics anyhow. Nothing of it is used here, and it is more than half of an import that takes seconds.
_FOREIGN: Final = frozenset({"azure", "boto3", "botocore", "pyspark"})
_UNUSED: Final = frozenset({"altair", "scipy.stats"})

_CHECK_ID: Final = "check_id"
_ROWS: Final = "distinct_rows"
_COUNTS: Final = "failed_counts"
_TOTALS: Final = "landed_totals"
_DISTINCT_ROWS: Final = (
    "create or replace view memory.main.distinct_rows as from memory.main.checked_rows where not is_repeat"
)
_LANDED_TOTALS: Final = """
    create or replace table memory.main.landed_totals as
    select
        cast(abs($landed_rows - $declared_rows) as bigint) as undeclared_rows,
        cast($unreadable_lines as bigint) as unreadable_lines
"""
_RECORD: Final = """
    select
        $snapshot_id as snapshot_id, $system as system, $entity as entity,
        check_id, severity, is_passed, unexpected_rows, evaluated_rows, problem
    from expectation_outcomes
"""


class ExpectationSeverity(StrEnum):
    """What a failure means: a warning puts rows into quarantine, a critical one puts the whole snapshot in doubt."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ExpectationOutcome:
    """What one expectation says of one snapshot.

    Attributes:
        check_id: The same as in quarantine, for example `ordered_qty:minimum`.
        severity: What a failure means; critical where the expectation could not be evaluated.
        is_passed: Whether it holds; never where it could not be evaluated.
        unexpected_rows: Rows that break it, a row that was sent twice counted once; None where that is not known.
        evaluated_rows: Rows that were looked at, a row that was sent twice counted once.
        problem: Why it could not be evaluated; empty where it was.
    """

    check_id: str
    severity: ExpectationSeverity
    is_passed: bool
    unexpected_rows: int | None
    evaluated_rows: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LandedCounts:
    """What is known of a snapshot besides its staged rows.

    Attributes:
        landed_rows: Records and unreadable lines together.
        unreadable_lines: Lines and pages that are not records.
        declared_rows: Rows the system says there are; None where it does not say.
        is_scanned: Whether the stage is a view over the landed pages, which every look works out anew.
    """

    landed_rows: int
    unreadable_lines: int = 0
    declared_rows: int | None = None
    is_scanned: bool = False


class Validator:
    """Judges what `Admitter.stage` left in `checked_rows`; one Great Expectations context for many suites.

    Args:
        warehouse: The lake's connection, whose stage tables are judged.
        scan_limit_rows: Above so many rows the suite judges the counts of the row pass, and scans nothing.
    """

    def __init__(self, warehouse: Warehouse, *, scan_limit_rows: int = SCAN_LIMIT_ROWS) -> None:
        self._warehouse = warehouse
        self._scan_limit_rows = scan_limit_rows
        self._batches: _Batches | None = None

    def validate(self, contract: Contract, counts: LandedCounts) -> tuple[ExpectationOutcome, ...]:
        """Return the outcome of every expectation, in the order of the contract's checks, then the table's.

        The suite scans the staged rows up to `scan_limit_rows`; above, and where they are read from landed pages, it
        judges the counts of the row pass.
        """
        is_small = counts.landed_rows <= self._scan_limit_rows and not counts.is_scanned
        judge = self.validate_rows if is_small else self.validate_metrics
        return judge(contract, counts)

    def validate_rows(self, contract: Contract, counts: LandedCounts) -> tuple[ExpectationOutcome, ...]:
        """Let the suite scan the staged rows, whatever their number."""
        evaluated_rows = self._stage(counts)
        outcomes = self._judge(_ROWS, [*_row_suite(contract), _columns_present(contract)], evaluated_rows)
        return _in_order(contract, outcomes | self._judge(_TOTALS, _totals_suite(counts), counts.landed_rows))

    def validate_metrics(self, contract: Contract, counts: LandedCounts) -> tuple[ExpectationOutcome, ...]:
        """Let the suite judge the one row of counts that the row pass gives: for micro-batches and large snapshots."""
        evaluated_rows = self._stage(counts)
        self._run("create or replace table memory.main.failed_counts as " + _distinct_counts(contract))
        outcomes = self._judge(_COUNTS, _count_suite(contract), evaluated_rows)
        outcomes |= self._judge(_ROWS, [_columns_present(contract)], evaluated_rows)
        return _in_order(contract, outcomes | self._judge(_TOTALS, _totals_suite(counts), counts.landed_rows))

    def failing_rows(self, contract: Contract) -> dict[str, frozenset[int]]:
        """Return, by check, the numbers of the landed rows that the suite finds unexpected; of repeats only the first.

        It names every such row, which takes memory: for a person who wants to know which rows the suite means.
        """
        self._run(_DISTINCT_ROWS)
        results = self._connected().validate(_ROWS, _row_suite(contract), result_format=_naming_rows(self._row_count()))
        return {
            result.expectation_config.meta[_CHECK_ID]: frozenset(
                place[ROW_NUMBER] for place in result.result.get("unexpected_index_list") or ()
            )
            for result in results
        }

    def warm_up(self) -> None:
        """Import Great Expectations now, where there is something else to wait for."""
        self._connected()

    def close(self) -> None:
        """Close the connections of Great Expectations; the warehouse's own stays open."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stage(self, counts: LandedCounts) -> int:
        """Prepare what the suites look at besides the counts; return how many distinct rows were staged."""
        self._run(_DISTINCT_ROWS)
        self._run(
            _LANDED_TOTALS,
            {
                "landed_rows": counts.landed_rows,
                "declared_rows": counts.declared_rows,
                "unreadable_lines": counts.unreadable_lines,
            },
        )
        return self._row_count()

    def _row_count(self) -> int:
        with self._warehouse.reading() as cursor:
            return scalar(cursor, "select count(*) from memory.main.distinct_rows")

    def _run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        with self._warehouse.reading() as cursor:
            cursor.execute(statement, dict(parameters or {}))

    def _connected(self) -> _Batches:
        if self._batches is None:
            self._batches = _Batches(self._warehouse)
        return self._batches

    def _judge(self, table: str, suite: Sequence[Expectation], evaluated_rows: int) -> dict[str, ExpectationOutcome]:
        if not suite:
            return {}
        results = self._connected().validate(table, suite)
        outcomes = (_outcome(result, evaluated_rows) for result in results)
        return {outcome.check_id: outcome for outcome in outcomes}


def record_outcomes(
    transaction: Connection, outcomes: Sequence[ExpectationOutcome], *, snapshot_id: str, system: str, entity: str
) -> None:
    """Write the outcomes for one snapshot to `ops_expectations`, in the caller's transaction."""
    text, count = pa.string(), pa.int64()
    table = pa.table(
        {
            "check_id": pa.array([outcome.check_id for outcome in outcomes], text),
            "severity": pa.array([outcome.severity.value for outcome in outcomes], text),
            "is_passed": pa.array([outcome.is_passed for outcome in outcomes], pa.bool_()),
            "unexpected_rows": pa.array([outcome.unexpected_rows for outcome in outcomes], count),
            "evaluated_rows": pa.array([outcome.evaluated_rows for outcome in outcomes], count),
            "problem": pa.array([outcome.problem for outcome in outcomes], text),
        }
    )
    transaction.register("expectation_outcomes", table)
    insert_rows(
        transaction, "ops_expectations", _RECORD, {"snapshot_id": snapshot_id, "system": system, "entity": entity}
    )


class _Batches:
    """Great Expectations' view of the stage: an ephemeral context whose tables are those of one warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        from duckdb_sqlalchemy import ConnectionWrapper  # noqa: PLC0415 - imports SQLAlchemy

        gx = _library()
        from great_expectations.data_context.types import base  # noqa: PLC0415 - see _library

        def connect() -> ConnectionWrapper:
            cursor = warehouse.cursor()
            cursor.execute("use memory.main")
            return ConnectionWrapper(cursor)

        self._suite = gx.ExpectationSuite
        config = base.DataContextConfig(
            store_backend_defaults=base.InMemoryStoreBackendDefaults(),
            analytics_enabled=False,
            progress_bars=base.ProgressBarsConfig(globally=False),
        )
        # Without autocommit the pool's rollback takes unread results away, and the stage's changes with them.
        engine = {"creator": connect, "isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
        options: dict[str, Any] = {"connection_string": "duckdb:///:memory:", "kwargs": engine}
        context = gx.get_context(mode="ephemeral", project_config=config)
        self._source = context.data_sources.add_sql("stage", **options)
        self._definitions: dict[str, BatchDefinition[Any]] = {}

    def validate(
        self, table: str, suite: Sequence[Expectation], *, result_format: Literal["BASIC"] | dict[str, Any] = "BASIC"
    ) -> Sequence[Any]:
        """Return the results, in the order in which Great Expectations gives them."""
        if table not in self._definitions:
            asset = self._source.add_table_asset(table, table_name=table)
            self._definitions[table] = asset.add_batch_definition_whole_table(table)
        expectations = self._suite(name=table, expectations=list(suite))
        batch = self._definitions[table].get_batch()
        return tuple(batch.validate(expectations, result_format=result_format).results)

    def close(self) -> None:
        self._source.get_engine().dispose()
        self._source.get_execution_engine().close()


def _library() -> Any:
    with importing_without(absent=_FOREIGN, unread=_UNUSED):
        import great_expectations  # noqa: PLC0415 - takes seconds; only whoever validates pays
    return great_expectations


def _core() -> Any:
    """Return the module of expectations; it exports none by name, so they have no types here."""
    return _library().expectations.core


def _naming_rows(most_rows: int) -> dict[str, Any]:
    """A complete result: of keys that are not unique Great Expectations names no more rows than it is told."""
    return {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [ROW_NUMBER],
        "partial_unexpected_count": most_rows,
        "return_unexpected_index_query": False,
    }


def _row_suite(contract: Contract) -> list[Expectation]:
    return [_row_expectation(contract, check) for check in checks_of(contract)]


def _row_expectation(contract: Contract, check: Check) -> Expectation:
    name = check.columns[0]
    told = _told(check.check_id, ExpectationSeverity.WARNING, check.about)
    match check.kind:
        case CheckKind.REQUIRED:
            expectation: Expectation = _core().ExpectColumnValuesToNotBeNull(column=name, **told)
        case CheckKind.TYPE:
            expectation = _core().ExpectColumnValuesToBeNull(column=name + REJECTED_SUFFIX, **told)
        case CheckKind.CODES:
            codes = list(contract.column(name).codes)
            expectation = _core().ExpectColumnValuesToBeInSet(column=name, value_set=codes, **told)
        case CheckKind.MINIMUM:
            minimum = contract.column(name).minimum
            expectation = _core().ExpectColumnValuesToBeBetween(column=name, min_value=minimum, **told)
        case CheckKind.UNIT:
            expectation = _core().ExpectColumnValuesToBeNull(column=UNMAPPED_UNIT, **told)
        case CheckKind.ORDER:
            expectation = _core().ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=check.columns[1], column_B=name, or_equal=True, ignore_row_if="either_value_is_missing", **told
            )
        case CheckKind.UNIQUE:
            expectation = _core().ExpectColumnValuesToBeUnique(column="source_key", **told)
    return expectation


def _count_suite(contract: Contract) -> list[Expectation]:
    return [
        _is_zero(f"failed_{position}", _told(check.check_id, ExpectationSeverity.WARNING, check.about))
        for position, check in enumerate(checks_of(contract))
    ]


def _totals_suite(counts: LandedCounts) -> list[Expectation]:
    readable = _told(PAGES_READABLE, ExpectationSeverity.WARNING, "every landed line is a record")
    suite = [_is_zero("unreadable_lines", readable)]
    if counts.declared_rows is not None:
        declared = _told(ROWS_DECLARED, ExpectationSeverity.CRITICAL, "as many rows landed as the system declares")
        suite.append(_is_zero("undeclared_rows", declared))
    return suite


def _columns_present(contract: Contract) -> Expectation:
    names = [column.name for column in contract.columns]
    told = _told(COLUMNS_PRESENT, ExpectationSeverity.CRITICAL, "every column of the contract is there")
    expectation: Expectation = _core().ExpectTableColumnsToMatchSet(column_set=names, exact_match=False, **told)
    return expectation


def _is_zero(column: str, told: Mapping[str, Any]) -> Expectation:
    expectation: Expectation = _core().ExpectColumnValuesToBeInSet(column=column, value_set=[0], **told)
    return expectation


def _told(check_id: str, severity: ExpectationSeverity, about: str) -> Mapping[str, Any]:
    """Results come back in another order, so each carries the identity of its check."""
    return {"meta": {_CHECK_ID: check_id}, "severity": severity.value, "description": about}


@lru_cache(maxsize=64)
def _distinct_counts(contract: Contract) -> str:
    return retarget(counting_select(contract), {"checked_rows": _ROWS})


def _outcome(result: Any, evaluated_rows: int) -> ExpectationOutcome:
    config = result.expectation_config
    problem = _crash(result.exception_info)
    return ExpectationOutcome(
        check_id=config.meta[_CHECK_ID],
        severity=ExpectationSeverity.CRITICAL if problem else ExpectationSeverity(config.severity),
        is_passed=bool(result.success) and not problem,
        unexpected_rows=None if problem else _unexpected_rows(config, result),
        evaluated_rows=evaluated_rows,
        problem=problem,
    )


def _unexpected_rows(config: Any, result: Any) -> int | None:
    if result.success:
        return 0
    if config.kwargs.get("value_set") == [0]:
        return int(result.result["partial_unexpected_list"][0])
    found = result.result.get("unexpected_count")
    return None if found is None else int(found)


def _crash(exception_info: Mapping[str, Any]) -> str:
    """A crashed expectation reports itself, or each of the metrics it could not compute."""
    reports = [exception_info] if "raised_exception" in exception_info else list(exception_info.values())
    told = (str(report.get("exception_message") or "") for report in reports if report.get("raised_exception"))
    return "; ".join(dict.fromkeys(message.splitlines()[0] if message else "it crashed" for message in told))


def _in_order(contract: Contract, outcomes: Mapping[str, ExpectationOutcome]) -> tuple[ExpectationOutcome, ...]:
    order = [check.check_id for check in checks_of(contract)] + [COLUMNS_PRESENT, ROWS_DECLARED, PAGES_READABLE]
    return tuple(outcomes[check_id] for check_id in order if check_id in outcomes)
