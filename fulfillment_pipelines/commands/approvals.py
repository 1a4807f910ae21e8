"""`fulfillment approvals`: what waits for people, and what they decide on it; all at once where one cause is behind it.

Lending roles is in `delegations`; who may decide, in `corrections.approving.mandate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from fulfillment_pipelines.commands import delegations
from fulfillment_pipelines.commands.opening import Config, opened_for_decisions
from fulfillment_pipelines.commands.output import AsJson, Money, console, show_json, show_rows
from fulfillment_pipelines.corrections.approving import approval
from fulfillment_pipelines.corrections.approving.bulk import BulkOrder, BulkResult, amounts_of, decide_all
from fulfillment_pipelines.corrections.approving.editing import Edit, edit, typed_changes
from fulfillment_pipelines.corrections.approving.queue import QueueItem, approval_queue
from fulfillment_pipelines.corrections.approving.replay import replay
from fulfillment_pipelines.domain.finding import NO_CURRENCY
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.approvals import ApprovalDecision, Waiting
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

app = typer.Typer(no_args_is_help=True, help="What waits for people, and what they decide.")
app.command("delegate")(delegations.grant)
app.command("revoke")(delegations.take_back)
app.command("delegations")(delegations.list_delegations)
app.command("people")(delegations.list_people)

By = Annotated[str, typer.Option(help="Who decides, as people.yaml names the person.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the decision.")]
Correction = Annotated[str, typer.Argument(help="Correction, for example COR-0123456789abcdef.")]
OneOrNone = Annotated[str | None, typer.Argument(help="Correction or case; leave it out to name many by options.")]
Cause = Annotated[str, typer.Option(help="All of this case and of the cases it causes.")]
Code = Annotated[str, typer.Option(help="All of this exception code.")]
Node = Annotated[str, typer.Option(help="All of this site.")]
Target = Annotated[str, typer.Option(help="All to this system.")]
Message = Annotated[str, typer.Option(help="All with this message.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be decided.")]
Skip = Annotated[bool, typer.Option("--skip-refused", help="Go on without those that this person may not decide on.")]
Expect = Annotated[int | None, typer.Option(help="Decide only if there are exactly so many.", min=1)]

_VERBS: Final = {ApprovalDecision.APPROVED: "approved", ApprovalDecision.REJECTED: "rejected"}


@app.command("list")
def list_waiting(
    role: Annotated[str, typer.Option(help="Only what needs this role.")] = "",
    mine: Annotated[str, typer.Option(help="Only what this person may approve now.")] = "",
    code: Code = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for people: what it is worth, who may approve it, and when it lapses.

    Example: fulfillment approvals list --mine ada
    """
    wanted = Waiting(role=role, code=code.upper())
    with opened_for_decisions(config) as (platform, now), platform.ledger.reading() as work:
        items = approval_queue(work, wanted, policies=platform.policies, now=now, mine=mine)
    rows = [_item_json(item) for item in items] if as_json else [_item_row(item) for item in items]
    show_rows("Waiting for approval", rows, as_json=as_json, empty="nothing")
    if items and not as_json:
        worth = Money(amounts_of(item.record for item in items))
        console().print(f"In all: {len(items):,}, {worth}", markup=False)


@app.command("approve")
def approve(
    *,
    by: By,
    reason: Reason,
    identity: OneOrNone = None,
    cause: Cause = "",
    code: Code = "",
    node: Node = "",
    target: Target = "",
    message: Message = "",
    dry_run: DryRun = False,
    skip_refused: Skip = False,
    expect: Expect = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Approve one correction, or all that are named by options, in one transaction.

    Example: fulfillment approvals approve COR-0123456789abcdef --by ada --reason "agreed with the customer"
    """
    many = Waiting(cause=cause, code=code.upper(), node=node, target=target, message=message)
    order = BulkOrder(many, ApprovalDecision.APPROVED, by, reason, skip_refused, expect)
    _decide(identity, order, dry_run=dry_run, config=config, as_json=as_json)


@app.command("reject")
def reject(
    *,
    by: By,
    reason: Reason,
    identity: OneOrNone = None,
    cause: Cause = "",
    code: Code = "",
    node: Node = "",
    target: Target = "",
    message: Message = "",
    dry_run: DryRun = False,
    skip_refused: Skip = False,
    expect: Expect = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Reject one correction, or all that are named by options; their cases go back to people.

    Example: fulfillment approvals reject --cause EXC-0123456789abcdef --by ada --reason "the feed was wrong" --dry-run
    """
    many = Waiting(cause=cause, code=code.upper(), node=node, target=target, message=message)
    order = BulkOrder(many, ApprovalDecision.REJECTED, by, reason, skip_refused, expect)
    _decide(identity, order, dry_run=dry_run, config=config, as_json=as_json)


@app.command("edit")
def edit_correction(
    correction_id: Correction,
    *,
    change: Annotated[list[str], typer.Option("--set", help="A field and its new value; may be repeated.")],
    by: By,
    reason: Reason,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a new version with other content; somebody else must approve it. A dead letter is sent anew that way.

    Example: fulfillment approvals edit COR-0123456789abcdef --set invoiced_qty=5 --by ada --reason "counted again"
    """
    texts = _changes(change)
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        before = approval.correction_of(work, correction_id)
        target = platform.registry.declaration(before.target)
        wanted = Edit(typed_changes(before, texts), by, reason, target.role, tuple(target.messages))
        after = edit(work, correction_id, wanted, policies=platform.policies, now=now)
        work.commit()
    _show_record("New version", after, as_json=as_json)


@app.command("replay")
def replay_correction(
    correction_id: Correction, by: By, reason: Reason, config: Config = None, as_json: AsJson = False
) -> None:
    """Let a dead letter be delivered once more as it is: looked for first, and sent only if it is not there.

    Example: fulfillment approvals replay COR-0123456789abcdef --by ada --reason "the period is open again"
    """
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        record = replay(work, correction_id, by=by, reason=reason, policies=platform.policies, now=now)
        work.commit()
    _show_record("Replayed", record, as_json=as_json)


def _decide(identity: str | None, order: BulkOrder, *, dry_run: bool, config: Config, as_json: bool) -> None:
    if identity is not None and order.wanted != Waiting():
        raise BadDataError(
            "One correction and many are named at once.",
            expected="a correction, or options that name many",
            found=identity,
            remedy="leave one of them out",
        )
    with opened_for_decisions(config) as (platform, now), platform.ledger.unit_of_work() as work:
        if identity is None:
            result = decide_all(work, order, policies=platform.policies, now=now)
        else:
            act = approval.approve if order.decision is ApprovalDecision.APPROVED else approval.reject
            record = act(work, identity, by=order.by, reason=order.reason, policies=platform.policies, now=now)
            result = BulkResult((record,), (), amounts_of([record]))
        if not as_json:
            _state(result, order, dry_run=dry_run)
        if not dry_run:
            work.commit()
    _show(result, order, dry_run=dry_run, as_json=as_json)


def _state(result: BulkResult, order: BulkOrder, *, dry_run: bool) -> None:
    """Say how many and how much, before it is done."""
    verb = f"that would be {_VERBS[order.decision]}" if dry_run else _VERBS[order.decision]
    worth = f", {Money(result.amounts)}" if result.amounts else ""
    console().print(f"Corrections {verb} by {order.by}: {len(result.decided):,}{worth}", markup=False)
    if result.awaiting_second:
        console().print(f"Still to be approved by a second person: {result.awaiting_second:,}", markup=False)


def _show(result: BulkResult, order: BulkOrder, *, dry_run: bool, as_json: bool) -> None:
    refused = [
        {"correction_id": record.correction_id, "refused_because": refusal.reason, "remedy": refusal.remedy}
        for record, refusal in result.refused
    ]
    if as_json:
        show_json(
            {
                "decision": order.decision.value,
                "dry_run": dry_run,
                "count": len(result.decided),
                "amounts": dict(result.amounts),
                "awaiting_second": result.awaiting_second,
                "decided": [_record_json(record) for record in result.decided],
                "refused": refused,
            }
        )
        return
    decided = [_record_row(record) for record in result.decided]
    show_rows("Would be decided" if dry_run else "Decided", decided, as_json=False)
    if refused:
        show_rows("Refused", refused, as_json=False)


def _show_record(title: str, record: CorrectionRecord, *, as_json: bool) -> None:
    show_rows(title, [_record_json(record) if as_json else _record_row(record)], as_json=as_json)


def _record_json(record: CorrectionRecord) -> dict[str, Any]:
    return {
        "correction_id": record.correction_id,
        "case_id": record.case_id,
        "code": record.code,
        "target": record.target,
        "message": record.message,
        "value_amount": record.value_amount,
        "currency": record.currency,
        "state": record.state.value,
        "version": record.version,
        "replaces": record.replaces,
        "approver_role": record.approver_role,
        "approvals_needed": record.approvals_needed,
        "decided_by": record.decided_by,
    }


def _record_row(record: CorrectionRecord) -> dict[str, Any]:
    return {
        "correction_id": record.correction_id,
        "case_id": record.case_id,
        "code": record.code,
        "asks": f"{record.message} -> {record.target}",
        "value": Money(_value(record)),
        "state": record.state.value,
        "needs": f"{record.approvals_needed} x {record.approver_role}",
        "decided_by": record.decided_by,
    }


def _item_row(item: QueueItem) -> dict[str, Any]:
    record = item.record
    return {
        "correction_id": record.correction_id,
        "code": record.code,
        "asks": f"{record.message} -> {record.target}",
        "value": Money(_value(record)),
        "needs": f"{record.approvals_needed - len(item.given)} x {record.approver_role}",
        "given_by": ", ".join(one.actor for one in item.given),
        "may_approve": ", ".join(item.able) or "nobody",
        "lapses": _countdown(item.left),
        "why": record.judgement_reason or record.decision_reason,
    }


def _item_json(item: QueueItem) -> dict[str, Any]:
    record = item.record
    return {
        "correction_id": record.correction_id,
        "case_id": record.case_id,
        "code": record.code,
        "node": record.node,
        "target": record.target,
        "message": record.message,
        "correction_class": record.correction_class.value,
        "version": record.version,
        "proposed_by": record.proposed_by,
        "value_amount": record.value_amount,
        "currency": record.currency,
        "clause_id": record.clause_id,
        "approver_role": record.approver_role,
        "approvals_needed": record.approvals_needed,
        "approved_by": [one.actor for one in item.given],
        "may_approve": list(item.able),
        "expires_at": record.expires_at,
        "seconds_left": None if item.left is None else int(item.left.total_seconds()),
        "reason": record.judgement_reason or record.decision_reason,
    }


def _value(record: CorrectionRecord) -> Mapping[str, Any]:
    return {} if record.currency == NO_CURRENCY else {record.currency: record.value_amount}


def _countdown(left: timedelta | None) -> str:
    if left is None:
        return "never"
    if left <= timedelta(0):
        return "has lapsed"
    hours, seconds = divmod(int(left.total_seconds()), 3600)
    days, hours = divmod(hours, 24)
    return f"in {days} d {hours} h" if days else f"in {hours} h {seconds // 60} min"


def _changes(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    wrong = [word for word, (name, sign, _) in zip(words, pairs, strict=True) if not name or not sign]
    if wrong:
        raise BadDataError(
            "A change cannot be read.",
            expected="--set <field>=<value>",
            found=", ".join(wrong),
            remedy="`fulfillment messages show <message>` lists the fields",
        )
    return {name: value for name, _, value in pairs}
