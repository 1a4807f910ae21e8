"""`fulfillment exceptions` and `corrections`: what was decided and done, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.correction_show import show_correction
from fulfillment_pipelines.commands.opening import Config, opened_platform, reading_ledger
from fulfillment_pipelines.commands.output import AsJson, Money, console, show_json, show_rows
from fulfillment_pipelines.corrections.approving import switching
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.finding import NO_CURRENCY
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_switches

exceptions = typer.Typer(no_args_is_help=True, help="The cases: what is wrong, who owns it, by when.")
corrections = typer.Typer(no_args_is_help=True, help="What was, or would be, written into other systems.")


corrections.command("show")(show_correction)

Code = Annotated[str | None, typer.Option(help="Only this exception code.")]
Limit = Annotated[int, typer.Option(help="At most so many.", min=1)]


@corrections.callback()
def group_of_one() -> None:
    """Keep the group's name before its command: Typer drops it where there is only one."""


@exceptions.command("list")
def list_exceptions(
    code: Code = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the cases whose cure is proved.")] = False,
    limit: Limit = 100,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List the open cases, those due first.

    Example: fulfillment exceptions list --code FIN-01
    """
    wanted = readings.CaseFilter(codes=frozenset({code.upper()} if code else ()), only_open=not everything, limit=limit)
    with reading_ledger(config) as work:
        cases = readings.list_cases(work, wanted)
    rows = [_case_row(case) for case in cases] if as_json else _case_table(cases)
    show_rows("Exceptions", rows, as_json=as_json, empty="no open case")


@exceptions.command("show")
def show_exception(
    case_id: Annotated[str, typer.Argument(help="Case, for example EXC-0123456789abcdef.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one case with its evidence, its history and its corrections.

    Example: fulfillment exceptions show EXC-0123456789abcdef
    """
    with reading_ledger(config) as work:
        found = readings.show_case(work, case_id)
    if found is None:
        raise BadDataError(
            f"There is no case {case_id}.",
            expected="the identity of a case in this ledger, EXC- and 16 hexadecimal digits",
            found="no case of that identity",
            remedy="`fulfillment exceptions list --all` shows the cases there are",
        )
    if as_json:
        show_json(asdict(found))
        return
    case = found.case
    console().print(f"[bold]{case.case_id}[/]  {case.code}  {case.business_key}  {case.node}  [bold]{case.state}[/]")
    show_rows("Case", [{"field": name, "value": value} for name, value in asdict(case).items()], as_json=False)
    show_rows("History", [asdict(event) for event in found.history], as_json=False)
    show_rows("Corrections", [_correction_row(file.correction) for file in found.corrections], as_json=False)
    if found.children:
        show_rows("Caused by it", _case_table(found.children), as_json=False)


@corrections.command("list")
def list_corrections(code: Code = None, limit: Limit = 100, config: Config = None, as_json: AsJson = False) -> None:
    """List the corrections, the newest first.

    Example: fulfillment corrections list --json
    """
    wanted = readings.CorrectionFilter(codes=frozenset({code.upper()} if code else ()), limit=limit)
    with reading_ledger(config) as work:
        rows = [_correction_row(record) for record in readings.list_corrections(work, wanted)]
    show_rows("Corrections", rows, as_json=as_json, empty="none proposed")


@corrections.command("resume")
def resume_corrections(
    case_id: Annotated[str, typer.Argument(help="Case, for example EXC-0123456789abcdef.")],
    by: Annotated[str, typer.Option(help="Who decides: somebody of governance; it is kept in the audit log.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit log.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let a case that was corrected in a loop (SYS-05) be corrected automatically again.

    Example: fulfillment corrections resume EXC-0123456789abcdef --by ines --reason "the nightly job was stopped"
    """
    switch = KillSwitch(SwitchScope.CASE, case_id)
    # What was sent is stamped with the deployment's clock, and is counted from this moment on.
    with opened_platform(config) as platform, platform.ledger.unit_of_work() as work:
        now = platform.clock.now()
        if switch not in engaged_switches(work):
            raise BadDataError(
                f"Automatic correction of {case_id} is not switched off.",
                expected="a case that was corrected in a loop",
                found="no switch of that case",
                remedy="`fulfillment exceptions list --code SYS-05` shows the loops there are",
            )
        switching.release(work, switch, by=by, reason=reason, policies=platform.policies, now=now)
        work.commit()
    show_rows("Resumed", [{"case_id": case_id, "by": by, "reason": reason, "resumed_at": now}], as_json=as_json)


def _case_row(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "code": case.code,
        "business_key": case.business_key,
        "node": case.node,
        "state": case.state.value,
        "severity": case.severity.value,
        "owner": case.owner,
        "value_at_risk_amount": case.value_at_risk_amount,
        "currency": "" if case.currency == NO_CURRENCY else case.currency,
        "expected_value": case.expected_value,
        "actual_value": case.actual_value,
        "condition_since": case.condition_since,
        "fix_due_at": case.fix_due_at,
        "parent_case_id": case.parent_case_id,
    }


def _case_table(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return what a terminal has room for; the rest is in the JSON, and in `exceptions show`."""
    has_parent = any(case.parent_case_id for case in cases)
    return [
        {
            "case_id": case.case_id,
            "code": case.code,
            "key": case.business_key,
            "node": case.node,
            "state": case.state.value,
            "severity": case.severity.value,
            "owner": case.owner,
            "value": Money({} if case.currency == NO_CURRENCY else {case.currency: case.value_at_risk_amount}),
            "fix_due": case.fix_due_at,
            **({"parent_case_id": case.parent_case_id} if has_parent else {}),
        }
        for case in cases
    ]


def _correction_row(record: CorrectionRecord) -> dict[str, Any]:
    return {
        "correction_id": record.correction_id,
        "case_id": record.case_id,
        "code": record.code,
        "target": record.target,
        "message": record.message,
        "class": record.correction_class.value,
        "state": record.state.value,
        "clause_id": record.clause_id,
        "decision_reason": record.judgement_reason or record.decision_reason,
    }
