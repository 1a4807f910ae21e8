"""`fulfillment switches`: what is stopped now, by whom and why; stop something, and let it go on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.opening import Config, opened_for_decisions, reading_ledger
from fulfillment_pipelines.commands.output import AsJson, show_rows
from fulfillment_pipelines.corrections.approving import switching
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_since
from fulfillment_pipelines.loop.platform import Platform

app = typer.Typer(
    no_args_is_help=True, help="Kill switches: while one is engaged, nothing it covers is approved or sent."
)

Scope = Annotated[SwitchScope, typer.Option(help="What it stops.")]
Name = Annotated[str, typer.Option(help="The system, the exception code or the case; nothing for everything.")]
By = Annotated[str, typer.Option(help="Who decides, as people.yaml names the person.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]


@app.command("list")
def list_switches(config: Config = None, as_json: AsJson = False) -> None:
    """List the switches that are engaged, the oldest first.

    Example: fulfillment switches list
    """
    with reading_ledger(config) as work:
        rows = [_row(one.switch, one.engaged_by, one.reason, one.engaged_at) for one in engaged_since(work)]
    show_rows("Kill switches", rows, as_json=as_json, empty="none is engaged")


@app.command("engage")
def engage(
    *, scope: Scope, by: By, reason: Reason, name: Name = "", config: Config = None, as_json: AsJson = False
) -> None:
    """Stop approving and sending at once: to one system, of one rule, of one case, or altogether. Anybody active may.

    Example: fulfillment switches engage --scope target --name erp --by ada --reason "it books twice"
    """
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        switch = _named(platform, scope, name)
        switching.engage(work, switch, by=by, reason=reason, policies=platform.policies, now=now)
        work.commit()
    show_rows("Engaged", [_row(switch, by, reason, now)], as_json=as_json)


@app.command("release")
def release(
    *, scope: Scope, by: By, reason: Reason, name: Name = "", config: Config = None, as_json: AsJson = False
) -> None:
    """Let go on what a switch has stopped. Only governance may.

    Example: fulfillment switches release --scope target --name erp --by ines --reason "mended and tried out"
    """
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        switch = KillSwitch(scope, name)
        switching.release(work, switch, by=by, reason=reason, policies=platform.policies, now=now)
        work.commit()
    show_rows("Released", [_row(switch, by, reason, now)], as_json=as_json)


def _named(platform: Platform, scope: SwitchScope, name: str) -> KillSwitch:
    """Return the switch, if what it names is there; one that stops nothing would only seem to protect."""
    known = {
        SwitchScope.EVERYTHING: ("",),
        SwitchScope.TARGET: platform.registry.systems,
        SwitchScope.RULE: tuple(rule.code for rule in platform.reconciler.rules),
    }
    there = name.startswith("EXC-") if scope is SwitchScope.CASE else name in known[scope]
    if not there:
        raise BadDataError(
            f"A switch of the scope {scope} cannot be named '{name}'.",
            expected=", ".join(known.get(scope, ("EXC- and 16 hexadecimal digits",))) or "no name",
            found=name or "no name",
            remedy="correct --name",
        )
    return KillSwitch(scope, name)


def _row(switch: KillSwitch, by: str, reason: str, at: datetime) -> dict[str, Any]:
    return {"scope": switch.scope.value, "name": switch.name, "by": by, "at": at, "reason": reason}
