"""Asset checks: what was received, what its contract says of it, and the promises of `sql/checks`.

A check of a feed warns or accuses, and the loop goes on with what is good. A broken invariant blocks: nothing is
decided on a lake whose promises do not hold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import dagster as dg

from fulfillment_pipelines.canonical.expectations import ExpectationSeverity
from fulfillment_pipelines.domain.snapshot import FeedState
from fulfillment_pipelines.errors import InvariantError
from fulfillment_pipelines.orchestration.assets.observed import markdown_table
from fulfillment_pipelines.orchestration.assets.specs import CORRECTIONS
from fulfillment_pipelines.orchestration.catalogue import Catalogue, statement
from fulfillment_pipelines.reconcile.runner import Violation
from fulfillment_pipelines.snapshots.pulling import PullAttempt
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Warehouse

RECEIVED: Final = "received"
CONTRACT: Final = "contract"
DELIVERABLE: Final = "deliverable"

_EXPECTATIONS: Final = """
    select system, entity, check_id, severity, is_passed, unexpected_rows, evaluated_rows, problem
    from ops_expectations
    where list_contains($snapshot_ids, snapshot_id)
    order by is_passed, severity, check_id
"""
_QUARANTINE: Final = """
    select system, entity, failed_checks, count(*) as row_count, min(record) as first_record
    from ops_open_quarantine
    group by system, entity, failed_checks
    order by row_count desc, failed_checks
"""


def reconcile_check_specs(catalogue: Catalogue) -> list[dg.AssetCheckSpec]:
    """Return the checks of the step that pulls and reconciles."""
    specs = []
    for feed in catalogue.feeds:
        rows = ", ".join(column.name for column in feed.contract.columns)
        specs += [
            dg.AssetCheckSpec(RECEIVED, asset=feed.table, description="The system answered, and with everything."),
            dg.AssetCheckSpec(
                CONTRACT,
                asset=feed.table,
                description=f"No row is in quarantine: every row keeps the contract '{feed.contract.name}' ({rows}).",
            ),
        ]
    return specs + [
        dg.AssetCheckSpec(
            invariant.name,
            asset=catalogue.subject_of(invariant),
            description=f"{invariant.required('title')}. While it does not hold, nothing is decided or sent.",
            blocking=True,
        )
        for invariant in catalogue.invariants
    ]


def decision_check_specs() -> list[dg.AssetCheckSpec]:
    """Return the checks of the step that decides and delivers."""
    return [
        dg.AssetCheckSpec(DELIVERABLE, asset=CORRECTIONS, description="No correction was given up as undeliverable.")
    ]


def received(asset: str, attempt: PullAttempt) -> dg.AssetCheckResult:
    """Return whether a feed answered, and with everything."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=RECEIVED,
        passed=attempt.state is FeedState.OK,
        severity=dg.AssetCheckSeverity.ERROR,
        description=attempt.problem or None,
        metadata={"state": attempt.state.value, "attempted_at": dg.MetadataValue.timestamp(attempt.attempted_at)},
    )


class ContractVerdicts:
    """What the contracts say of the feeds after an admission.

    Args:
        warehouse: The lake.
        snapshot_ids: The snapshots that were pulled.
    """

    def __init__(self, warehouse: Warehouse, snapshot_ids: Sequence[str]) -> None:
        self._outcomes = warehouse.query(_EXPECTATIONS, {"snapshot_ids": list(snapshot_ids)}).to_pylist()
        self._quarantine = warehouse.query(_QUARANTINE).to_pylist()

    def of(self, asset: str, system: str, entity: str) -> dg.AssetCheckResult:
        """Return the verdict on one feed: a warning for quarantined rows, an error where the whole is in doubt."""
        outcomes = [row for row in self._outcomes if (row["system"], row["entity"]) == (system, entity)]
        quarantine = [row for row in self._quarantine if (row["system"], row["entity"]) == (system, entity)]
        failed = [row for row in outcomes if not row["is_passed"]]
        critical = any(row["severity"] == ExpectationSeverity.CRITICAL for row in failed)
        rows = sum(row["row_count"] for row in quarantine)
        return dg.AssetCheckResult(
            asset_key=asset,
            check_name=CONTRACT,
            passed=not failed and not quarantine,
            severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
            description=f"{rows} rows are in quarantine." if rows else None,
            metadata={
                "quarantined_rows": rows,
                "expectations_evaluated": len(outcomes),
                "expectations_failed": len(failed),
                **_shown("expectations", outcomes, ("check_id", "severity", "is_passed", "unexpected_rows", "problem")),
                **_shown("quarantine", quarantine, ("failed_checks", "row_count", "first_record")),
            },
        )


def invariants(catalogue: Catalogue, violations: Iterable[Violation]) -> Iterator[dg.AssetCheckResult]:
    """Return the result of every invariant."""
    broken = {violation.check: violation for violation in violations}
    for invariant in catalogue.invariants:
        yield _invariant(catalogue.subject_of(invariant), invariant, broken.get(invariant.name))


def standing_violations(warehouse: Warehouse, models: Iterable[SqlModel]) -> list[Violation]:
    """Return the invariants that do not hold in the lake as it stands."""
    found = ((model, warehouse.query(model.body)) for model in models)
    return [
        Violation(
            model.name, model.required("title"), rows.num_rows, str(tuple(rows.slice(0, 1).to_pylist()[0].values()))
        )
        for model, rows in found
        if rows.num_rows
    ]


def require_standing_invariants(warehouse: Warehouse, models: Iterable[SqlModel]) -> None:
    """Stop unless every invariant holds in the lake as it stands.

    Raises:
        InvariantError: One or more do not hold.
    """
    broken = standing_violations(warehouse, models)
    if broken:
        raise InvariantError(
            f"{len(broken)} invariants do not hold in the lake, so nothing is decided on it.",
            expected="every query of sql/checks to return no row",
            found="; ".join(f"{one.title}: {one.rows} rows, first {one.first}" for one in broken),
            remedy="run full_reconcile; its checks name the rows",
        )


def _invariant(asset: str, invariant: SqlModel, violation: Violation | None) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"rows": violation.rows if violation else 0}
    if violation:
        metadata |= {"first": violation.first, "query": dg.MetadataValue.md(f"```sql\n{statement(invariant)}\n```")}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=invariant.name,
        passed=violation is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{violation.title}: {violation.rows} rows break it." if violation else None,
        metadata=metadata,
    )


def _shown(name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, Any]:
    return {name: markdown_table(columns, ([row[column] for column in columns] for row in rows))} if rows else {}
