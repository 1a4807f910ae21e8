"""`fulfillment approvals delegate | revoke | delegations | people`: who has which role, and who lends it to whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.opening import Config, opened_for_decisions
from fulfillment_pipelines.commands.output import AsJson, show_rows
from fulfillment_pipelines.corrections.approving.delegations import delegate, revoke
from fulfillment_pipelines.ledger.approvals import Delegation, all_delegations

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]

Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]


def grant(
    *,
    delegator: Annotated[str, typer.Option("--from", help="Whose role it is.")],
    delegate_: Annotated[str, typer.Option("--to", help="Who may act in it.")],
    role: Annotated[str, typer.Option(help="The role.")],
    until: Annotated[datetime, typer.Option(help="Before this moment, UTC.", formats=_FORMATS)],
    reason: Reason,
    starting: Annotated[
        datetime | None, typer.Option(help="From this moment on, UTC; now unless given.", formats=_FORMATS)
    ] = None,
    by: Annotated[str, typer.Option(help="Who arranges it, where it is not the first: somebody of governance.")] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Lend a role for a time. A delegate decides in the name of the delegator, and the two count as one person.

    Example: fulfillment approvals delegate --from ada --to chiara --role billing.lead --until 2026-03-09 --reason leave
    """
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        wanted = Delegation(
            delegator=delegator,
            delegate=delegate_,
            role=role,
            valid_from=starting.replace(tzinfo=UTC) if starting else now,
            valid_until=until.replace(tzinfo=UTC),
            reason=reason,
        )
        granted = delegate(work, wanted, by=by or delegator, policies=platform.policies, now=now)
        work.commit()
    show_rows("Delegated", [_row(granted, now)], as_json=as_json)


def take_back(
    delegation_id: Annotated[int, typer.Argument(help="Number of the delegation.")],
    by: Annotated[str, typer.Option(help="One of its two people, or somebody of governance.")],
    reason: Reason,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take a role back that was lent. What was decided meanwhile stands.

    Example: fulfillment approvals revoke 1 --by ada --reason "back from leave"
    """
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        revoked = revoke(work, delegation_id, by=by, reason=reason, policies=platform.policies, now=now)
        work.commit()
    show_rows("Revoked", [_row(revoked, now)], as_json=as_json)


def list_delegations(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List who lends which role to whom, and until when.

    Example: fulfillment approvals delegations --all
    """
    with opened_for_decisions(config) as (platform, now), platform.ledger.reading() as work:
        known = all_delegations(work)
    rows = [_row(one, now) for one in known if everything or _status(one, now) != "over"]
    show_rows("Delegations", rows, as_json=as_json, empty="none")


def list_people(config: Config = None, as_json: AsJson = False) -> None:
    """List the people who may decide, with their roles.

    Example: fulfillment approvals people
    """
    with opened_for_decisions(config) as (platform, _):
        people = platform.policies.people.everybody
    rows: list[dict[str, Any]] = [
        {
            "person_id": person.id,
            "name": person.name,
            "email": person.email,
            "roles": sorted(person.roles) if as_json else ", ".join(sorted(person.roles)),
            "active": person.active,
        }
        for person in people
    ]
    show_rows("People", rows, as_json=as_json)


def _row(delegation: Delegation, now: datetime) -> dict[str, Any]:
    return {
        "delegation_id": delegation.delegation_id,
        "from": delegation.delegator,
        "to": delegation.delegate,
        "role": delegation.role,
        "valid_from": delegation.valid_from,
        "valid_until": delegation.valid_until,
        "status": _status(delegation, now),
        "reason": delegation.reason,
    }


def _status(delegation: Delegation, now: datetime) -> str:
    if delegation.revoked_at is not None or delegation.valid_until <= now:
        return "over"
    return "stands" if delegation.valid_from <= now else "ahead"
