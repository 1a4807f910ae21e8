"""`fulfillment corrections show`: all that a person must see before signing a correction, and all that came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from fulfillment_pipelines.commands.opening import Config, reading_ledger
from fulfillment_pipelines.commands.output import AsJson, Money, console, show_json, show_rows
from fulfillment_pipelines.domain.finding import NO_CURRENCY
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

_JSON_TEXTS: Final = ("payload", "precondition", "evidence", "diff", "inverse", "impact")
_CLASSES: Final = {
    "P": "publish: tell a system what its authority has recorded",
    "G": "guard: stop before harm is done",
    "R": "retry: repeat what may not have arrived",
    "N": "notify: let people know",
    "J": "judgement: a person decides",
}


def show_correction(
    correction_id: Annotated[str, typer.Argument(help="Correction, for example COR-0123456789abcdef.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one correction: what changes, how it is undone, how far it reaches, on what grounds, what came of it.

    Example: fulfillment corrections show COR-0123456789abcdef
    """
    with reading_ledger(config) as work:
        found = readings.show_correction(work, correction_id)
    if found is None:
        raise BadDataError(
            f"There is no correction {correction_id}.",
            expected="the identity of a correction in this ledger, COR- and 16 hexadecimal digits",
            found="no correction of that identity",
            remedy="`fulfillment corrections list` shows the newest",
        )
    read = _read(found.correction)
    if as_json:
        show_json({**read, "receipts": [asdict(receipt) for receipt in found.receipts]})
        return
    _show_heading(found.correction)
    show_rows("Decision", _pairs(_decision(found.correction)), as_json=False)
    show_rows(
        "What changes",
        _in_order(read["diff"], "attribute", "before", "after"),
        as_json=False,
        empty="nothing that the target holds",
    )
    show_rows("How it is undone", _pairs(_undoing(read["inverse"])), as_json=False)
    show_rows("Blast radius", _pairs(_reach(read["impact"])), as_json=False)
    show_rows("Systems that react", _in_order(read["impact"].get("systems", []), "role", "does"), as_json=False)
    show_rows("Evidence", _pairs({**read["evidence"], "sha256": read["evidence_hash"]}), as_json=False)
    show_rows("Payload", _pairs(read["payload"]), as_json=False)
    show_rows("Precondition", _pairs(read["precondition"]), as_json=False)
    show_rows("Attempts", [asdict(receipt) for receipt in found.receipts], as_json=False, empty="none yet")


def _read(record: CorrectionRecord) -> dict[str, Any]:
    """Return a correction with its JSON texts read."""
    return {**asdict(record), **{name: json.loads(getattr(record, name)) for name in _JSON_TEXTS}}


def _show_heading(record: CorrectionRecord) -> None:
    console().print(
        f"[bold]{record.correction_id}[/]  v{record.version}  {escape(record.message)} -> {escape(record.target)}  "
        f"{record.code}  {record.case_id}  [bold]{record.state}[/]"
    )


def _decision(record: CorrectionRecord) -> dict[str, Any]:
    return {
        "class": f"{record.correction_class}, {_CLASSES[record.correction_class]}",
        "clause": record.clause_id,
        "reason": record.decision_reason,
        "judgement": record.judgement_reason,
        "proposed by": record.proposed_by,
        "proposed at": record.proposed_at,
        "decided by": record.decided_by,
        "decided at": record.decided_at,
        "needs": f"{record.approvals_needed} x {record.approver_role}" if record.approver_role else "",
        "expires at": record.expires_at,
        "value at risk": Money({} if record.currency == NO_CURRENCY else {record.currency: record.value_amount}),
        "rule version": record.rule_version,
        "policy version": record.policy_version,
        "content sha256": record.content_hash,
        "sent at": record.sent_at,
        "acknowledged at": record.acked_at,
        "reference": record.reference,
        "proved at": record.verified_at,
    }


def _undoing(inverse: Mapping[str, Any]) -> dict[str, Any]:
    if not inverse.get("message"):
        return {"message": f"none, because {inverse.get('because') or 'it was proposed before this was worked out'}"}
    known = {"message": inverse["message"], **inverse["payload"]}
    needed = {f"if still {name}": value for name, value in inverse["precondition"].items()}
    later = {name: f"known later: {what}" for name, what in inverse["later"].items()}
    kept = {"not brought back": ", ".join(inverse["not_restored"])} if inverse["not_restored"] else {}
    return {**known, **needed, **later, **kept}


def _reach(impact: Mapping[str, Any]) -> dict[str, Any]:
    if not impact:
        return {}
    named = {name: ", ".join(impact[name]) for name in ("orders", "order_lines", "customers")}
    money = {} if impact["currency"] == NO_CURRENCY else {impact["currency"]: Decimal(impact["amount"])}
    return {
        "changes": f"one {impact['object']}",
        **named,
        **impact["objects"],
        "base units": impact["qty"],
        "value": Money(money),
    }


def _in_order(rows: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return rows with their columns as a person reads them; what was not there, or is not on record, is a dash."""
    return [{name: "-" if row[name] is None else row[name] for name in names} for row in rows]


def _pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each value there is; numbers among texts stand on the left as these do."""
    return [{"field": name, "value": _plain(value)} for name, value in values.items() if value not in (None, "")]


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
