"""`fulfillment explain`: the life of one order across all systems, and why each verdict is what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from fulfillment_pipelines.commands.opening import Config, reading_lake, reading_ledger
from fulfillment_pipelines.commands.output import AsJson, console, show_json, show_rows
from fulfillment_pipelines.domain.clock import WallClock
from fulfillment_pipelines.explanation.near_misses import NearMiss
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.story import Judgement, Story, ToldQuantity, tell
from fulfillment_pipelines.explanation.subjects import find_subject
from fulfillment_pipelines.explanation.trials import RuleTrials
from fulfillment_pipelines.explanation.verdicts import ExplainedFinding
from fulfillment_pipelines.loop.operations import latest_as_of
from fulfillment_pipelines.loop.platform import read_reference
from fulfillment_pipelines.reconcile.matching.policy import read_matching_policy
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.reconcile.tolerances import read_tolerances
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.warehouse import Warehouse

app = typer.Typer()


@app.command()
def explain(
    order: Annotated[
        str,
        typer.Argument(
            metavar="ORDER[/LINE]", help="Number of an order (ERP or channel), a shipment leg or an invoice; one line."
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell the whole life of an order, each verdict with the rows it rests on, and what nearly matched.

    Example: fulfillment explain SO-100123/2
    """
    with reading_lake(config) as warehouse, reading_ledger(config) as work:
        questions = Questions(warehouse, read_settings().project_root / "sql" / "50_explanation")
        story = tell(questions, work, find_subject(questions, order), _judgement(warehouse, config))
    if as_json:
        show_json(asdict(story))
    else:
        _show(story)


def _judgement(warehouse: Warehouse, config: Path | None) -> Judgement:
    settings = read_settings()
    distributor = load_distributor(config or settings.config, settings.runtime_dir)
    # Rules read calendars and nodes from the stage of the process that runs them, as a reconcile loads them.
    read_reference(distributor, feeds=()).load(warehouse, latest_as_of(warehouse) or WallClock().now())
    return Judgement(
        rules=read_rules(read_models(settings.project_root / "sql" / "30_reconcile" / "rules")),
        trials=RuleTrials(warehouse, read_tolerances(distributor.seeds / "tolerances.yaml")),
        matching=read_matching_policy(distributor.seeds / "matching.yaml"),
    )


def _show(story: Story) -> None:
    subject = story.subject
    line = "" if subject.line_no is None else f", line {subject.line_no}"
    console().print(
        f"[bold]{escape(subject.id)}[/]{line}: {subject.kind} {', '.join(subject.order_ids)}", highlight=False
    )
    show_rows("Orders", [_without(asdict(order), "role") for order in story.orders], as_json=False, empty="none")
    show_rows("Life", [_without(asdict(event), "snapshot_id") for event in story.events], as_json=False, empty="none")
    show_rows("Quantities, as each system tells them", _side_by_side(story.quantities), as_json=False, empty="none")
    show_rows("Edges", [_joined(asdict(edge)) for edge in story.edges], as_json=False, empty="none")
    show_rows("Findings", [_finding_row(one) for one in story.findings], as_json=False, empty="none: all agree")
    show_rows(
        "To be no break, the smallest tolerance",
        [{"code": one.code, **asdict(gap)} for one in story.findings for gap in one.gaps],
        as_json=False,
        empty="no finding is a matter of tolerance",
    )
    documents = [_without(asdict(one), "system", "snapshot_id") for one in story.documents]
    show_rows("Documents without an exact reference", documents, as_json=False, empty="none")
    if story.near_misses:
        show_rows("What nearly matched", [row for one in story.near_misses for row in _misses(one)], as_json=False)
    cases = [_joined(_without(asdict(case), "opened_at")) for case in story.cases]
    show_rows("Cases, open and past", cases, as_json=False, empty="none")


def _side_by_side(quantities: Iterable[ToldQuantity]) -> list[dict[str, Any]]:
    """Give each quantity of a line one row, with a column for each system."""
    told = list(quantities)
    systems = sorted({one.system for one in told})
    rows: dict[tuple[str, int, str], dict[str, Any]] = {}
    for one in told:
        line = {"order_id": one.order_id, "line_no": one.line_no, "quantity": one.quantity}
        row = rows.setdefault((one.order_id, one.line_no, one.quantity), {**line, **dict.fromkeys(systems, "")})
        row[one.system] = f"{one.value_qty.normalize():f}"
    return [rows[key] for key in sorted(rows, key=lambda key: key[:2])]


def _finding_row(finding: ExplainedFinding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "title": finding.title,
        "verdict": finding.verdict.value,
        "business_key": finding.business_key,
        "node": finding.node,
        "since": finding.condition_since,
        "reason": finding.reason,
        "evidence": _told(finding.evidence),
    }


def _told(evidence: str) -> str:
    """Write evidence one entry a line: as one long word it would be cut."""
    entries = json.loads(evidence) if evidence else {}
    return "\n".join(f"{name}: {value}" for name, value in entries.items() if value is not None)


def _misses(miss: NearMiss) -> Iterable[dict[str, Any]]:
    head = {"document": miss.document, "candidate": miss.candidate or miss.reason}
    if not miss.failed:
        told = "no leg of its customer or item" if not miss.candidate else "all hold: other documents took it first"
        yield {**head, "predicate": told, "expected": "", "found": "", "margin": "", "smallest_tolerance": ""}
    for failed in miss.failed:
        yield {**head, **asdict(failed)}


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _joined(row: dict[str, Any]) -> dict[str, Any]:
    """Fold lists into one cell each."""
    return {name: "; ".join(value) if isinstance(value, tuple) else value for name, value in row.items()}
