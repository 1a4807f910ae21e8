"""The step that decides on the findings and delivers what was decided."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import dagster as dg

from fulfillment_pipelines.corrections.delivering.dispatch import DispatchResult
from fulfillment_pipelines.corrections.proposing.proposals import ProposalResult
from fulfillment_pipelines.corrections.proving.confirm import ConfirmResult
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.exceptions.intake import IntakeResult
from fulfillment_pipelines.ledger.readings import CodeTotal, CorrectionFilter, list_corrections, totals_by_code
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.loop.stages import Decisions
from fulfillment_pipelines.orchestration.assets.observed import markdown_table
from fulfillment_pipelines.orchestration.assets.specs import CASES, CORRECTIONS, decision_specs
from fulfillment_pipelines.orchestration.catalogue import Catalogue
from fulfillment_pipelines.orchestration.checks import (
    DELIVERABLE,
    decision_check_specs,
    require_standing_invariants,
)
from fulfillment_pipelines.orchestration.resources import LAKE_POOL, PATIENCE, failures_told

STEP = "decide_and_dispatch"


def decision_assets(catalogue: Catalogue) -> dg.AssetsDefinition:
    """Return the step with its two assets. It may be run by itself, so it looks at the promises once more."""

    @dg.multi_asset(
        name=STEP, specs=decision_specs(), check_specs=decision_check_specs(), pool=LAKE_POOL, retry_policy=PATIENCE
    )
    def decide_and_dispatch(
        platform: dg.ResourceParam[Platform],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with failures_told():
            require_standing_invariants(platform.warehouse, catalogue.invariants)
            decisions = stages.decide(platform)
            yield dg.MaterializeResult(asset_key=CASES, metadata=_counts(decisions.taken) | case_totals(platform))
            delivered = stages.dispatch(platform)
            yield dg.MaterializeResult(asset_key=CORRECTIONS, metadata=_corrections(decisions, delivered))
            yield _deliverable(platform)

    return decide_and_dispatch


def case_totals(platform: Platform) -> dict[str, Any]:
    """Return what is shown of all cases there are: how many are open, of which code, at what value at risk."""
    with platform.ledger.reading() as work:
        totals = totals_by_code(work)
    open_by_code = Counter({total.code: 0 for total in totals})
    for total in totals:
        open_by_code[total.code] += total.open_cases
    return {
        "dagster/row_count": sum(total.open_cases + total.ended_cases for total in totals),
        "open_cases": open_by_code.total(),
        **{f"open_cases_{code}": count for code, count in sorted(open_by_code.items())},
        **{f"value_at_risk_amount_{currency}": amount for currency, amount in _at_risk(totals).items()},
        "by_code": markdown_table([field.name for field in fields(CodeTotal)], (asdict(t).values() for t in totals)),
    }


def _corrections(decisions: Decisions, delivered: DispatchResult) -> dict[str, int]:
    """The three stages have states of the same name, so each number says which stage it is of."""
    counts = {
        "decided": _counts(decisions.proposed),
        "confirmed": _counts(decisions.confirmed),
        "dispatched": _counts(delivered),
    }
    return {f"{stage}_{name}": number for stage, own in counts.items() for name, number in own.items()}


def _at_risk(totals: list[CodeTotal]) -> dict[str, float]:
    """Amounts as floats, because Dagster plots no other numbers; they are shown, never reckoned with."""
    currencies = sorted({total.currency for total in totals if total.currency})
    return {
        currency: float(sum(total.value_at_risk_amount for total in totals if total.currency == currency))
        for currency in currencies
    }


def _counts(outcome: IntakeResult | ProposalResult | ConfirmResult | DispatchResult) -> dict[str, int]:
    """Return the fields of an outcome, lists of identities as their lengths."""
    return {name: value if isinstance(value, int) else len(value) for name, value in asdict(outcome).items()}


def _deliverable(platform: Platform) -> dg.AssetCheckResult:
    with platform.ledger.reading() as work:
        dead = list_corrections(work, CorrectionFilter(states=frozenset({CorrectionState.DEAD_LETTER})))
    columns = ("correction_id", "code", "target", "message")
    rows = ([getattr(record, column) for column in columns] for record in dead)
    return dg.AssetCheckResult(
        asset_key=CORRECTIONS,
        check_name=DELIVERABLE,
        passed=not dead,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(dead)} corrections wait for a person." if dead else None,
        metadata={"dead_letters": len(dead), **({"corrections": markdown_table(columns, rows)} if dead else {})},
    )
