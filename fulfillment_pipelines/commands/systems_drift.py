"""`fulfillment systems drift`: how answers differ from what was agreed on, and accepting what they have become."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fulfillment_pipelines.commands.opening import Config, opened_platform
from fulfillment_pipelines.commands.output import AsJson, show_json, show_rows
from fulfillment_pipelines.loop.drift import FeedDrift, accept_drift, latest_drift

Name = Annotated[str, typer.Argument(help="A system, or one of its feeds as system/entity.")]
OptionalName = Annotated[str | None, typer.Argument(help="A system, or one of its feeds as system/entity; or all.")]
Version = Annotated[str, typer.Option(help="The version that the system's YAML declares.")]
By = Annotated[str, typer.Option(help="Who decides, as people.yaml names the person.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]


class _ShowsUnlessTold(TyperGroup):
    """Takes what is no command of its own for a name to show."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return the arguments, with the command that is meant in front."""
        told = bool(args) and args[0] in {*self.commands, "--help"}
        return super().parse_args(ctx, args if told else ["show", *args])


app = typer.Typer(cls=_ShowsUnlessTold, help="What systems send that is not what was agreed on with them.")


@app.command("show")
def show_drift(name: OptionalName = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show how the newest landed snapshots differ from what was agreed on; nothing is pulled.

    Example: fulfillment systems drift show erp
    """
    with opened_platform(config) as platform:
        drifted = latest_drift(platform, name)
    if as_json:
        show_json([_feed(one) for one in drifted])
        return
    show_rows("Drift", [row for one in drifted for row in _rows(one)], as_json=False, empty="none")


@app.command("accept")
def accept(
    *, name: Name, contract_version: Version, by: By, reason: Reason, config: Config = None, as_json: AsJson = False
) -> None:
    """Let what a system sends now be what is agreed on, under the contract version that its YAML declares.

    Example: fulfillment systems drift accept erp --contract-version 2 --by ines --reason "release 8.2 of the ERP"
    """
    with opened_platform(config) as platform:
        accepted = accept_drift(platform, name, contract_version=contract_version, by=by, reason=reason)
    if as_json:
        show_json([_feed(one) for one in accepted])
        return
    show_rows(f"Accepted as contract version {contract_version}", [_accepted(one) for one in accepted], as_json=False)


def _rows(drift: FeedDrift) -> list[dict[str, Any]]:
    feed = {
        "feed": f"{drift.system}/{drift.entity}",
        "agreed_version": drift.agreed.contract_version if drift.agreed else "",
    }
    if drift.problem:
        return [feed | {"kind": "unreadable", "field": "", "agreed": "", "found": "", "note": drift.problem}]
    return [
        feed
        | {"kind": one.kind.value, "field": one.field, "agreed": one.agreed, "found": one.found}
        | {"note": one.note or ("" if one.matters else "nothing reads it")}
        for one in drift.differences
    ]


def _accepted(drift: FeedDrift) -> dict[str, Any]:
    return {
        "feed": f"{drift.system}/{drift.entity}",
        "snapshot": drift.landed.manifest.snapshot_id if drift.landed else "",
        "differences": ", ".join(f"{one.kind.value} {one.field}" for one in drift.differences) or "none",
    }


def _feed(drift: FeedDrift) -> dict[str, Any]:
    return {
        "system": drift.system,
        "entity": drift.entity,
        "contract_version": drift.contract_version,
        "agreed": None
        if drift.agreed is None
        else {
            "contract_version": drift.agreed.contract_version,
            "at": drift.agreed.agreed_at,
            "by": drift.agreed.agreed_by,
            "snapshot_id": drift.agreed.snapshot_id,
        },
        "snapshot_id": drift.landed.manifest.snapshot_id if drift.landed else None,
        "differences": [one.model_dump(mode="json") for one in drift.differences],
        "problem": drift.problem,
    }
