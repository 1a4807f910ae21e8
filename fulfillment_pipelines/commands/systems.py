"""`fulfillment systems`: what is declared, and whether it answers."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from fulfillment_pipelines.commands import systems_drift
from fulfillment_pipelines.commands.opening import Config
from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.commands.systems_acknowledge import acknowledge_documents
from fulfillment_pipelines.commands.systems_certify import certify_system
from fulfillment_pipelines.commands.systems_listen import listen
from fulfillment_pipelines.commands.systems_new import new_system, show_sql
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.loop.system_check import SystemReport, check_systems
from fulfillment_pipelines.reconcile.rules import check_routes
from fulfillment_pipelines.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The systems of the distributor.")
app.command("new")(new_system)
app.command("certify")(certify_system)
app.command("sql")(show_sql)
app.command("listen")(listen)
app.command("acknowledge")(acknowledge_documents)
app.add_typer(systems_drift.app, name="drift")


@app.command("list")
def list_systems(config: Config = None, as_json: AsJson = False) -> None:
    """List every declared feed, with its contract.

    Example: fulfillment systems list
    """
    with build_platform(read_settings(), config=config) as platform:
        rows = [
            {
                "system": feed.system,
                "entity": feed.entity,
                "role": platform.registry.declaration(feed.system).role.value,
                "node": platform.registry.declaration(feed.system).node or "",
                "transport": platform.registry.declaration(feed.system).transport.kind,
                "contract": feed.declared.contract,
                "contract_version": platform.registry.declaration(feed.system).contract_version,
                "freshness_seconds": platform.registry.declaration(feed.system).freshness_seconds,
            }
            for feed in platform.registry.entities()
        ]
        messages = [
            {"system": system, "takes": ", ".join(platform.registry.declaration(system).messages) or "nothing"}
            for system in platform.registry.systems
        ]
        by_role: dict[str, set[str]] = {}
        for declaration in platform.registry.declarations.values():
            by_role.setdefault(declaration.role.value, set()).update(declaration.messages)
        untaken = check_routes(platform.reconciler.rules, by_role)
    if as_json:
        show_json({"feeds": rows, "messages": messages, "untaken": list(untaken)})
        return
    show_rows("Declared feeds", rows, as_json=False)
    show_rows("Corrections they take", messages, as_json=False)
    for line in untaken:
        console().print(line, markup=False)


@app.command("check")
def check(
    config: Config = None,
    reads: Annotated[
        bool, typer.Option("--read/--no-read", help="Read all entities too, to count rows and to see drift.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Ask every system at once how it is: down, refusing us, slow, miscounting, drifted. Exits 1 unless all are well.

    Example: fulfillment systems check
    """
    with build_platform(read_settings(), config=config) as platform:
        platform.prepare_ledger()
        columns = (SpinnerColumn(), TextColumn("asking the systems"), BarColumn(bar_width=30), MofNCompleteColumn())
        told = Console(stderr=True)
        with Progress(*columns, console=told, transient=True, disable=as_json or not told.is_terminal) as progress:
            asked = progress.add_task("", total=len(platform.registry.systems))
            reports = check_systems(platform, reads=reads, done=lambda _: progress.advance(asked))
    if as_json:
        show_json(reports)
    else:
        show_rows("Systems", [_row(report) for report in reports], as_json=False)
    if any(report.conditions for report in reports):
        raise typer.Exit(EXIT_FAILED)


def _row(report: SystemReport) -> dict[str, Any]:
    return {
        "system": report.system,
        "state": ", ".join(report.conditions) or "OK",
        "seconds": "" if report.answered_seconds is None else f"{report.answered_seconds:.2f}",
        "feeds": report.feeds,
        "rows": report.rows,
        "said": "\n".join(report.said),
    }
