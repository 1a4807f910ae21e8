"""Whether what comes fills the contract, keeps it, and ends in exactly one place each time it lands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fulfillment_pipelines.canonical.admission import Admission
from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.verdicts import ColumnCoverage, Finding, failed, passed
from fulfillment_pipelines.domain.snapshot import Snapshot

_LATER, _EARLIER = timedelta(seconds=1), timedelta(hours=1)


def fills_the_contract(examination: Examination, entity: str) -> Finding:
    """Every column that the contract requires is mapped, and filled in some row."""
    columns = examination.checked(entity).columns
    empty = [column.column for column in columns if column.required and not column.filled_rows]
    lacking = [_share(column) for column in columns if column.required and column.filled_rows < column.rows]
    evidence = {
        "required columns filled": f"{sum(column.required for column in columns) - len(empty)} of "
        f"{sum(column.required for column in columns)}",
        "optional columns filled": f"{sum(not column.required and column.filled_rows > 0 for column in columns)} of "
        f"{sum(not column.required for column in columns)}",
        "required columns with gaps": ", ".join(lacking) or "none",
    }
    if empty:
        return failed(f"The contract requires {', '.join(empty)}, and no row gives it.", **evidence)
    return passed("Every column that the contract requires is filled.", **evidence)


def _share(column: ColumnCoverage) -> str:
    return f"{column.column} {column.filled_share:.1%}"


def keeps_the_contract(examination: Examination, entity: str) -> Finding:
    """No more rows break the contract than are allowed to."""
    checked = examination.checked(entity)
    share = checked.failing_rows / checked.rows
    allowed = examination.policy.allowed_quarantined_share
    reasons = ", ".join(f"{check} {rows}" for check, rows in checked.failures.items()) or "none"
    evidence = {
        "rows landed": checked.rows,
        "rows quarantined": f"{checked.failing_rows} ({share:.2%})",
        "allowed": f"{allowed:.2%}",
        "reasons": reasons,
    }
    if share > allowed:
        return failed(f"{checked.failing_rows} of {checked.rows} rows break the contract: {reasons}.", **evidence)
    return passed(f"{checked.rows - checked.failing_rows} of {checked.rows} rows keep the contract.", **evidence)


def lands_once(examination: Examination, entity: str) -> Finding:
    """What lands twice changes nothing, what lands late changes nothing, and every row is accounted for."""
    bench, snapshot = examination.workbench, examination.clean(entity).snapshot
    later = replace(snapshot, as_of=snapshot.as_of + _LATER)
    older = replace(snapshot, as_of=snapshot.as_of - _EARLIER, pages=snapshot.pages[:1])
    problems: list[str] = []
    steps = {
        "first": snapshot,
        "the same again": snapshot,
        "the same rows later": later,
        "an older one afterwards": older,
    }
    evidence: dict[str, str] = {}
    for step, given in steps.items():
        before = bench.current_rows(entity) if evidence else []
        admission = bench.admit(given)
        problems += _unaccounted(step, bench.mapped_rows(admission), admission) if admission else []
        if evidence and bench.current_rows(entity) != before:
            problems.append(f"{step}: it changed rows")
        evidence[step] = _told(given, admission)
    if problems:
        return failed("; ".join(problems) + ".", **evidence)
    return passed(
        "The same snapshot twice, and an older one late, changed nothing; every row is accounted for.", **evidence
    )


def _unaccounted(step: str, rows: int, admission: Admission) -> list[str]:
    merged = admission.merged
    kept = merged.inserted_rows + merged.updated_rows + merged.unchanged_rows + merged.superseded_rows
    accounted = kept + admission.quarantined_rows
    return [] if accounted == rows else [f"{step}: {rows} rows came and {accounted} are accounted for"]


def _told(given: Snapshot, admission: Admission | None) -> str:
    if admission is None:
        return f"as of {given.as_of.isoformat()}: known already, not admitted again"
    merged = admission.merged
    return (
        f"as of {given.as_of.isoformat()}: {merged.inserted_rows} inserted, {merged.updated_rows} updated, "
        f"{merged.unchanged_rows} unchanged, {merged.superseded_rows} superseded, "
        f"{admission.quarantined_rows} quarantined"
    )
