"""What a run found, told from the lake and the ledger: rows, verdicts, exceptions, corrections, proofs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.markup import escape

from fulfillment_pipelines.commands.output import Money, console, show_json, show_rows
from fulfillment_pipelines.domain.finding import NO_CURRENCY
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.loop.passes import PassResult
from fulfillment_pipelines.loop.platform import Platform


@dataclass(frozen=True, slots=True)
class ExceptionTotal:
    """What became of one code's cases.

    Attributes:
        open_value_amounts: Money that the open cases expose, by currency; without those that expose none.
    """

    code: str
    name: str
    found: int
    cured: int
    open: int
    open_value_amounts: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one or more passes found and did.

    Attributes:
        rows_by_system: Rows pulled, by system, in the last pass.
        feed_problems: What is wrong with a feed, one line each.
        verdicts: Order lines by verdict, after the last pass.
        corrections: Corrections by message, target and state.
        proved: Cases whose cure a later snapshot has proved.
        unexplained: Residuals no finding explains.
    """

    passes: int
    seconds: float
    rows_by_system: dict[str, int]
    feed_problems: tuple[str, ...]
    quarantined_rows: int
    verdicts: dict[str, int]
    exceptions: tuple[ExceptionTotal, ...]
    corrections: tuple[dict[str, Any], ...]
    proved: int
    unexplained: int


def report_of(platform: Platform, results: Sequence[PassResult], seconds: float) -> RunReport:
    """Gather the report after the last pass."""
    last = results[-1]
    rows: Counter[str] = Counter()
    for admission in last.admissions:
        rows[admission.system] += admission.landed_rows
    with platform.ledger.reading() as work:
        totals = readings.totals_by_code(work)
        corrections = readings.list_corrections(work, readings.CorrectionFilter(limit=1_000_000))
    return RunReport(
        passes=len(results),
        seconds=round(seconds, 1),
        rows_by_system=dict(rows),
        feed_problems=tuple(
            f"{attempt.system}/{attempt.entity}: {attempt.state} {attempt.problem}"
            for attempt in last.attempts
            if attempt.problem
        ),
        quarantined_rows=sum(admission.quarantined_rows for admission in last.admissions),
        verdicts={verdict.value: count for verdict, count in last.reconciliation.verdicts.items()},
        exceptions=_exception_totals(platform, totals),
        corrections=_correction_counts(corrections),
        proved=sum(total.ended_cases for total in totals),
        unexplained=last.reconciliation.unexplained,
    )


def _exception_totals(platform: Platform, totals: Iterable[readings.CodeTotal]) -> tuple[ExceptionTotal, ...]:
    names = {rule.code: rule.name for rule in platform.reconciler.rules}
    by_code: dict[str, list[readings.CodeTotal]] = {}
    for total in totals:
        by_code.setdefault(total.code, []).append(total)
    return tuple(_exception_total(code, names.get(code, ""), own) for code, own in by_code.items())


def _exception_total(code: str, name: str, totals: Sequence[readings.CodeTotal]) -> ExceptionTotal:
    """Return the total of one code, of which the ledger has one for each currency."""
    cured, still_open = sum(total.ended_cases for total in totals), sum(total.open_cases for total in totals)
    exposed = (total for total in totals if total.currency != NO_CURRENCY and total.value_at_risk_amount)
    return ExceptionTotal(
        code=code,
        name=name,
        found=cured + still_open,
        cured=cured,
        open=still_open,
        open_value_amounts={total.currency: total.value_at_risk_amount for total in exposed},
    )


def _exception_row(total: ExceptionTotal) -> dict[str, Any]:
    row = asdict(total)
    amounts = row.pop("open_value_amounts")
    return {**row, "open_value": Money(amounts)}


def _correction_counts(corrections: Iterable[CorrectionRecord]) -> tuple[dict[str, Any], ...]:
    counts = Counter((one.message, one.target, one.state.value) for one in corrections)
    return tuple(
        {"message": message, "target": target, "state": state, "corrections": count}
        for (message, target, state), count in sorted(counts.items())
    )


def show_report(report: RunReport, runtime: Path, *, as_json: bool, next_steps: Sequence[str]) -> None:
    """Print the report."""
    if as_json:
        show_json(asdict(report))
        return
    told = console()
    show_rows(
        "Rows pulled", [{"system": name, "rows": rows} for name, rows in report.rows_by_system.items()], as_json=False
    )
    for problem in report.feed_problems:
        told.print(f"[yellow]{escape(problem)}[/]")
    told.print(f"{report.quarantined_rows} rows in quarantine; the rest went on.")
    if report.quarantined_rows:
        told.print(
            'fulfillment query "select * from ops_open_quarantine" shows each, with what it failed.', markup=False
        )
    show_rows("Verdicts", [dict(report.verdicts)], as_json=False)
    show_rows("Exceptions", [_exception_row(total) for total in report.exceptions], as_json=False, empty="none")
    show_rows("Corrections", report.corrections, as_json=False, empty="none")
    told.print(
        f"[bold]{report.proved}[/] exceptions proved cured by a later snapshot.  "
        f"[bold {'green' if report.unexplained == 0 else 'red'}]UNEXPLAINED = {report.unexplained}[/]  "
        f"({report.passes} passes, {report.seconds:g} s)"
    )
    told.print(
        f"\nResults lie in {runtime}: landing/ (what was received), lake/ (tables), ledger.sqlite (decisions).",
        markup=False,
    )
    if next_steps:
        told.print("Next:")
        for step in next_steps:
            told.print(f"  {step}", markup=False)
