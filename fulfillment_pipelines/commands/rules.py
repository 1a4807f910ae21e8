"""`fulfillment rules`: what is compared, and each rule tried on its own rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import read_reference
from fulfillment_pipelines.reconcile.rule_table import markdown_table, with_table
from fulfillment_pipelines.reconcile.rule_tests import RuleTester, RuleTestResult
from fulfillment_pipelines.reconcile.rules import Rule, read_rules
from fulfillment_pipelines.reconcile.tolerances import read_tolerances
from fulfillment_pipelines.settings import Settings, read_settings
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.distributor import load_distributor

app = typer.Typer(no_args_is_help=True, help="The rules: what is compared, and when it is a break.")

Code = Annotated[str, typer.Argument(help="Exception code, for example FIN-01.")]
AnyCode = Annotated[str | None, typer.Argument(help="Exception code; all unless given.")]
IntoDocument = Annotated[Path | None, typer.Option("--into", help="Document whose marked place is filled with it.")]


@app.command("list")
def list_rules(as_json: AsJson = False) -> None:
    """List every rule.

    Example: fulfillment rules list
    """
    rows = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "owner": rule.owner,
            "compares": ", ".join(f"{need.role}.{need.contract}" for need in rule.feeds),
            "correction": ", ".join(f"{route.message} -> {route.role}" for route in rule.routes),
        }
        for rule in _rules(read_settings())
    ]
    show_rows("Rules", rows, as_json=as_json)


@app.command("show")
def show_rule(code: Code, as_json: AsJson = False) -> None:
    """Show a rule's header and its SQL.

    Example: fulfillment rules show FIN-01
    """
    rule = _named(read_settings(), code)
    if as_json:
        show_json({**rule.model.header, "version": rule.model.version, "sql": rule.model.body})
        return
    shown = console()
    shown.print(f"[bold]{rule.code}[/]  {rule.title}  (version {rule.model.version})")
    shown.print(rule.model.body, markup=False, highlight=False)


@app.command("table")
def show_table(into: IntoDocument = None) -> None:
    """Print the rules as a Markdown table, or write it between its two marks in a document.

    Example: fulfillment rules table --into README.md
    """
    rules = _rules(read_settings())
    if into is None:
        console().print(markdown_table(rules), markup=False, highlight=False, soft_wrap=True)
        return
    into.write_text(with_table(into.read_text(encoding="utf-8"), rules), encoding="utf-8")


@app.command("test")
def try_rules(code: AnyCode = None, as_json: AsJson = False) -> None:
    """Run each rule on the rows of the test beside it; exits 1 when one says something else than expected.

    Example: fulfillment rules test FIN-01
    """
    results = _results(read_settings(), code.upper() if code else None)
    if as_json:
        show_json([_result_row(result) for result in results])
    else:
        _show_results(results)
    if not all(result.passed for result in results):
        raise typer.Exit(EXIT_FAILED)


def _results(settings: Settings, code: str | None) -> list[RuleTestResult]:
    distributor = load_distributor(settings.config, settings.runtime_dir)
    reference = read_reference(distributor, feeds=())
    tolerances = read_tolerances(distributor.seeds / "tolerances.yaml")
    with RuleTester(settings.project_root / "sql", reference=reference, tolerances=tolerances) as tester:
        return list(tester.run(code))


def _result_row(result: RuleTestResult) -> dict[str, Any]:
    return {"code": result.code, "case": result.case, "passed": result.passed, "difference": result.difference}


def _show_results(results: list[RuleTestResult]) -> None:
    told = console()
    for result in results:
        told.print(("[green]ok[/]   " if result.passed else "[red]FAIL[/] ") + escape(f"{result.code}  {result.case}"))
        if not result.passed:
            told.print(f"     {result.difference}", markup=False)
    told.print(f"{sum(result.passed for result in results)} of {len(results)} cases as expected")


def _rules(settings: Settings) -> tuple[Rule, ...]:
    return read_rules(read_models(settings.project_root / "sql" / "30_reconcile" / "rules"))


def _named(settings: Settings, code: str) -> Rule:
    rules = {rule.code: rule for rule in _rules(settings)}
    if code.upper() not in rules:
        raise ConfigurationError(
            f"There is no rule {code}.",
            expected=f"one of {', '.join(rules)}",
            remedy="`fulfillment rules list` shows them all",
        )
    return rules[code.upper()]
