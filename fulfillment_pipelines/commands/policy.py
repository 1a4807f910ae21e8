"""`fulfillment policy`: who may write what where, and what may be done without a person."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.output import AsJson, Money, console, show_json, show_rows
from fulfillment_pipelines.commands.policy_history import show_diff, show_history
from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.proposing.gate import GateClause
from fulfillment_pipelines.corrections.proposing.policy import HourlyCap
from fulfillment_pipelines.corrections.rights.rights_table import (
    classes_of,
    conditions_of,
    markdown_tables,
    with_tables,
    writes_of,
)
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor

app = typer.Typer(no_args_is_help=True, help="Decision rights and the gate for automatic correction.")

app.command("history")(show_history)
app.command("diff")(show_diff)

IntoDocument = Annotated[Path | None, typer.Option("--into", help="Document whose marked place is filled with it.")]


@app.command("show")
def show_policy(as_json: AsJson = False) -> None:
    """Show what may be done without a person: clauses, certified codes, hourly caps, and the policy version.

    Example: fulfillment policy show
    """
    policies = _policies()
    shown: dict[str, list[dict[str, Any]]] = {
        "clauses": [
            {"clause_id": clause.value, "asks_that": clause.asks, "otherwise": f"{clause.decides} decides"}
            for clause in GateClause
        ],
        "codes": _codes(policies),
        "caps": _caps(policies),
    }
    automatic = policies.gate.automatic
    if as_json:
        general = {"classes": automatic.classes, "value_limits": automatic.value_limits}
        show_json({"policy_version": policies.version, **general, **shown})
        return
    for title, rows in shown.items():
        show_rows(title.capitalize(), rows, as_json=False)
    limits = Money(automatic.value_limits)
    classes = ", ".join(sorted(automatic.classes))
    console().print(f"Classes {classes}; value at risk of one correction up to {limits}", markup=False)
    console().print(f"Policy version {policies.version}", markup=False, soft_wrap=True)


@app.command("matrix")
def show_matrix(into: IntoDocument = None, as_json: AsJson = False) -> None:
    """Print the decision rights, or write them between their two marks in a document.

    What is not in the list is not written, whoever approves it.

    Example: fulfillment policy matrix --into docs/decision-rights.md
    """
    policies = _policies()
    if into is not None:
        into.write_text(with_tables(into.read_text(encoding="utf-8"), policies), encoding="utf-8")
    elif as_json:
        show_json(
            {"policy_version": policies.version, "attributes": _attributes(policies), "grants": _grants(policies)}
        )
    elif console().is_terminal:
        show_rows("Whose word stands", _attributes(policies), as_json=False)
        show_rows("What may be written where", _grants(policies), as_json=False)
    else:
        console().print(markdown_tables(policies), markup=False, highlight=False, soft_wrap=True)


def _policies() -> Policies:
    settings = read_settings()
    return read_policies(load_distributor(settings.config, settings.runtime_dir).seeds)


def _codes(policies: Policies) -> list[dict[str, Any]]:
    return [
        {
            "code": certificate.code,
            "clause_id": policies.gate.clause_for(certificate.code).clause_id,
            "snapshots": policies.gate.clause_for(certificate.code).minimum_snapshots,
            "certified_on": certificate.certified_on.isoformat(),
            "certified_by": certificate.certified_by,
            "evidence": certificate.evidence,
            "not_now_because": policies.gate.certification.shortcoming(certificate.code),
        }
        for certificate in policies.gate.certification.certificates
    ]


def _caps(policies: Policies) -> list[dict[str, Any]]:
    limits = policies.gate.limits
    caps: Mapping[str, HourlyCap] = {
        "the platform": limits.platform,
        "each rule": limits.each_rule,
        "each target": limits.each_target,
        **{f"target {name}": cap for name, cap in limits.targets.items()},
    }
    return [{"of": name, "corrections_an_hour": cap.corrections, **_amounts(cap.amounts)} for name, cap in caps.items()]


def _amounts(amounts: Mapping[str, Decimal]) -> dict[str, Any]:
    return {"value_at_risk_an_hour": Money(amounts)}


def _attributes(policies: Policies) -> list[dict[str, Any]]:
    return [
        {"attribute": name, "authority": row.authority.value, "about": row.about, "clause_id": row.clause_id}
        for name, row in policies.authority.attributes.items()
    ]


def _grants(policies: Policies) -> list[dict[str, Any]]:
    return [
        {
            "message": grant.message,
            "classes": classes_of(grant),
            "into": ", ".join(sorted(grant.receivers)),
            "writes": writes_of(grant, policies.authority),
            "asks_for": conditions_of(grant),
            "because": grant.because,
            "clause_id": grant.clause_id,
        }
        for grant in policies.authority.grants
    ]
