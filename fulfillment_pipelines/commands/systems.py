"""`fulfillment systems`: what is declared, and whether it answers."""

from __future__ import annotations

import time
from typing import Any

import typer

from fulfillment_pipelines.commands.opening import Config, opened_platform
from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.reconcile.rules import check_routes
from fulfillment_pipelines.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The systems of the distributor.")


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
def check_systems(config: Config = None, as_json: AsJson = False) -> None:
    """Ask every system whether it answers and accepts the credentials; exits 1 when one does not.

    Example: fulfillment systems check
    """
    with opened_platform(config) as platform:
        rows = [_checked(platform, system) for system in platform.registry.systems]
    show_rows("Systems", rows, as_json=as_json)
    if any(row["state"] != "OK" for row in rows):
        raise typer.Exit(EXIT_FAILED)


def _checked(platform: Platform, system: str) -> dict[str, Any]:
    began = time.monotonic()
    try:
        platform.registry.check(system)
    except FulfillmentError as error:
        return {"system": system, "state": "FAILED", "seconds": round(time.monotonic() - began, 2), "said": str(error)}
    return {"system": system, "state": "OK", "seconds": round(time.monotonic() - began, 2), "said": ""}
