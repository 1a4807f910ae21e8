"""What a person must see before signing a correction: what changes, how it is undone, how far it reaches, and why.

It is worked out from the message and its content alone, when the correction is proposed or edited, and is kept with it.
Whether the correction is made belongs in `policy`; how it is shown, to the command line and the console.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.messages.catalogue import CATALOGUE, read_message
from fulfillment_pipelines.messages.message import MessageType
from fulfillment_pipelines.messages.undoing import Undoing, undoing_of

_OBJECT_FIELDS: Final = ("shipment_id", "invoice_id", "hold_id", "reservation_id", "document_id", "node", "sku")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be sent, and what is known of the case.

    Attributes:
        message: What it asks for.
        payload: The content, under canonical field names.
        precondition: Values the target must still hold.
        amount: Money at risk.
        currency: ISO 4217 code of it.
        order_id: Order of the finding; empty where it has none.
        evidence: What the finding rests on.
    """

    message: str
    payload: Mapping[str, Scalar]
    precondition: Mapping[str, Scalar]
    amount: Decimal
    currency: str
    order_id: str = ""
    evidence: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """The grounds and consequences of a correction, as the ledger keeps them.

    Attributes:
        diff: JSON list: attribute, before (null where it is not on record or was not there), after.
        inverse: JSON object: the message that would undo it with what is known of it, or `because` there is none.
        impact: JSON object: orders, order lines and customers it touches, `qty` in base units, `amount` in `currency`,
            the objects it names, and the systems that react.
        evidence: JSON object: which systems, which rows, which snapshots.
        evidence_hash: SHA-256 of `evidence`.
        problem: Why the content does not fit the message, in words; empty where it does.
    """

    diff: str
    inverse: str
    impact: str
    evidence: str
    evidence_hash: str
    problem: str = ""


def dossier_of(subject: Subject, taken: Sequence[str] | None = None) -> Dossier:
    """Return the dossier of a correction.

    Args:
        subject: What is to be sent.
        taken: Messages that the target takes; None where that is not known.
    """
    message = CATALOGUE.get(subject.message)
    problem = _problem_of(message, subject)
    evidence = canonical_json(subject.evidence or {})
    return Dossier(
        diff=canonical_json(_diff(message, subject, problem) if message else []),
        inverse=canonical_json(asdict(_undoing(message, subject, problem, taken))),
        impact=canonical_json(_impact(message, subject, problem)),
        evidence=evidence,
        evidence_hash=hashlib.sha256(evidence.encode()).hexdigest(),
        problem=problem,
    )


def canonical_json(content: object) -> str:
    """Return JSON text with keys in order and without blanks, so that the same content has the same text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_object(text: str) -> Mapping[str, Scalar]:
    """Return what a finding says as JSON.

    Raises:
        BadDataError: It is not a JSON object.
    """
    try:
        content = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise _not_an_object(text) from error
    if not isinstance(content, dict):
        raise _not_an_object(text)
    return content


def _problem_of(message: MessageType | None, subject: Subject) -> str:
    if message is None:
        return f"there is no message '{subject.message}' in the catalogue"
    try:
        read_message(message, subject.payload, subject.precondition)
    except BadDataError as error:
        return f"payload does not fit {message.title}: {error.found}"
    return ""


def _diff(message: MessageType, subject: Subject, problem: str) -> list[dict[str, Scalar]]:
    """Return what the target would hold that it does not hold now; what stays as it is, is no change."""
    after = {name: subject.payload[name] for name in message.sets if subject.payload.get(name) is not None}
    after.update(message.implies)
    for name, change in message.adds.items():
        before = subject.precondition.get(name)
        if not problem and before is not None and change in after:
            after[name] = format(Decimal(str(before)) + Decimal(str(after.pop(change))), "f")
    return [
        {"attribute": name, "before": before, "after": value}
        for name, value in after.items()
        for before in [subject.precondition.get(name)]
        if before is None or not _is_same(before, value)
    ]


def _undoing(message: MessageType | None, subject: Subject, problem: str, taken: Sequence[str] | None) -> Undoing:
    if message is None or problem:
        return Undoing(because="what is asked for cannot be read")
    undoing = undoing_of(message, subject.payload, subject.precondition)
    if undoing.message and taken is not None and undoing.message not in taken:
        return Undoing(because=f"the target takes no '{undoing.message}'; it is undone there by hand")
    return undoing


def _impact(message: MessageType | None, subject: Subject, problem: str) -> dict[str, object]:
    payload = subject.payload
    orders = dict.fromkeys(str(one) for one in (payload.get("order_id"), subject.order_id) if one)
    lines = (
        [f"{payload['order_id']}/{payload['line_no']}"] if payload.get("order_id") and payload.get("line_no") else []
    )
    known = (payload.get("customer_id"), (subject.evidence or {}).get("customer_id"))
    customers = dict.fromkeys(str(one) for one in known if one)
    return {
        "object": message.object.value if message else "",
        "orders": list(orders),
        "order_lines": lines,
        "customers": list(customers),
        "qty": _qty(message, subject) if message and not problem else "0",
        "amount": format(subject.amount, "f"),
        "currency": subject.currency,
        "objects": {name: payload[name] for name in _OBJECT_FIELDS if payload.get(name) is not None},
        "systems": [asdict(reaction) for reaction in message.reactions] if message else [],
    }


def _qty(message: MessageType, subject: Subject) -> str:
    """Return how many base units change: from what is held now to what is asked for, where the message sets it."""
    name = message.quantity
    is_set = name in message.sets or name in message.implies
    after = message.implies.get(name, subject.payload.get(name))
    before = subject.precondition.get(name) if is_set else None
    return format(abs(Decimal(str(after or 0)) - Decimal(str(before or 0))), "f")


def _is_same(before: Scalar, after: Scalar) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        try:
            return Decimal(before) == Decimal(after)
        except InvalidOperation:
            return before == after
    return before == after


def _not_an_object(text: str) -> BadDataError:
    return BadDataError(
        "What a finding proposes is not a JSON object.",
        expected='for example {"order_id": "SO-1001"}',
        found=text[:200],
        remedy="correct the rule's SQL file",
    )
