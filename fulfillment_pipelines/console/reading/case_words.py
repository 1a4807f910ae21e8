"""What is wrong in one sentence with numbers: the words of each exception code, and the values that they compare.

One entry for each code of the rule book; a rule without one is told by its title. Nothing is read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from fulfillment_pipelines.console.rendering import money, quantity
from fulfillment_pipelines.domain.case import Case

_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?Z")
_ONE: Final = re.compile(r"(?<![\d.,])1 (unit|row|time)s\b")
_NO_CURRENCY: Final = "XXX"


@dataclass(frozen=True, slots=True)
class CodeWords:
    """How one code is told.

    Attributes:
        sentence: With the names of what a case says in braces.
        compares: The fields whose values the rule compares, each as `role.contract.field`.
    """

    sentence: str
    compares: tuple[str, ...] = ()


CODE_WORDS: Final[Mapping[str, CodeWords]] = MappingProxyType(
    {
        "INT-01": CodeWords("Order {key} of a channel cannot be taken into the ERP: {actual}."),
        "INT-02": CodeWords("The same order lives {actual} times in the ERP, and may live {expected}: {order_ids}."),
        "INT-03": CodeWords(
            "{system} has accepted {expected} units on {key}, and the ERP has {actual}.",
            ("channel.order_lines.ordered_qty",),
        ),
        "INT-04": CodeWords("The customer asked on {key} for {expected}; the ERP has {actual}."),
        "INT-05": CodeWords("{key} stands for {actual} things where it must stand for {expected}."),
        "CRD-01": CodeWords("Hold {key} on {order} still waits for its decision: {actual}."),
        "CRD-02": CodeWords("{order} is on hold {key}, yet {site} went on: {actual}; expected {expected}."),
        "CRD-03": CodeWords("Finance has hold {key} of {order} as {expected}; {system} still has it as {actual}."),
        "CRD-04": CodeWords(
            "Customer {key} owes, or soon will, {actual} where {expected} is the limit: {gap} too much.",
            ("finance.credit_accounts.credit_limit_amount", "finance.credit_accounts.open_receivable_amount"),
        ),
        "INV-01": CodeWords(
            "The ERP books {actual} of {key} at {site}, the warehouse holds {expected}: {gap} {more_or_less}.",
            ("erp.stock_levels.on_hand_qty", "wms.stock_levels.on_hand_qty"),
        ),
        "INV-02": CodeWords(
            "The ERP promises {actual} of {key} at {site}, and the warehouse has {expected} free: {gap} too many.",
            ("erp.stock_levels.available_qty", "wms.stock_levels.available_qty"),
        ),
        "INV-03": CodeWords("{actual} of {key} were promised at {site}, which has {expected}: {gap} too many."),
        "INV-04": CodeWords(
            "{site} keeps {actual} units aside as {key} for {order}, which needs {expected}.",
            ("wms.reservations.reserved_qty",),
        ),
        "INV-05": CodeWords(
            "{site} has set {actual} units aside for {key} where {expected} were released to it.",
            ("wms.reservations.reserved_qty", "wms.releases.released_qty"),
        ),
        "INV-06": CodeWords(
            "Demand for {expected} of {key} falls due at {site}; stock and supply cover {actual}: {gap} short."
        ),
        "WHS-01": CodeWords(
            "{site} should be working on {expected} units of {key}, and has taken in {actual}.",
            ("erp.releases.released_qty", "wms.releases.released_qty"),
        ),
        "WHS-02": CodeWords(
            "{site} picked {actual} of {expected} units of {key}, and the ERP still counts on the other {gap}.",
            ("wms.releases.released_qty", "wms.releases.picked_qty", "erp.order_lines.allocated_qty"),
        ),
        "WHS-03": CodeWords("{site} notes of {key}: {actual}; expected: {expected}."),
        "WHS-04": CodeWords("{key} was packed wrong: {actual}; ordered was {expected}.", ("wms.packs.sku",)),
        "SHP-01": CodeWords(
            "{expected} units of {key} left {site}, and the ERP has confirmed {actual}.",
            ("wms.shipment_lines.shipped_qty", "erp.shipment_lines.shipped_qty"),
        ),
        "SHP-02": CodeWords(
            "{expected} units of {key} left {site}, but ERP or ship notice say {actual}: {gap} {more_or_less}.",
            ("wms.shipment_lines.shipped_qty", "erp.shipment_lines.shipped_qty", "channel.shipment_lines.shipped_qty"),
        ),
        "SHP-03": CodeWords("{key} is promised for {expected}: {actual}.", ("carrier.transports.eta_at",)),
        "SHP-04": CodeWords("The delivery of {key} went wrong: {actual}; expected to arrive: {expected}."),
        "SHP-05": CodeWords(
            "{key}: the customer is shown {actual}, the truth is {expected}.",
            ("crm.order_statuses.shown_status", "channel.order_statuses.shown_status"),
        ),
        "SHP-06": CodeWords(
            "The ERP or a ship notice speaks of {actual} units on {key}, which no warehouse sent and no carrier has.",
            ("erp.shipment_lines.shipped_qty",),
        ),
        "FIN-01": CodeWords(
            "{expected} units of {key} left {site}, and {actual} of them went on an invoice.",
            ("wms.shipment_lines.shipped_qty", "finance.invoice_lines.invoiced_qty"),
        ),
        "FIN-02": CodeWords(
            "{expected} units of {key} left {site}, but {actual} went on invoices: {gap} {more_or_less}.",
            ("wms.shipment_lines.shipped_qty", "finance.invoice_lines.invoiced_qty"),
        ),
        "FIN-03": CodeWords(
            "Invoice {key} was posted for {gap} units: {actual}; expected: {expected}.",
            ("finance.invoice_lines.posted_at", "wms.shipment_lines.shipped_at"),
        ),
        "FIN-04": CodeWords(
            "{key} is billed at {actual}, and was ordered at {expected}.",
            ("finance.invoice_lines.unit_price", "erp.order_lines.unit_price"),
        ),
        "FIN-05": CodeWords(
            "{expected} units of {key} must be credited, and {actual} of them were.",
            ("wms.returns.returned_qty", "finance.invoice_lines.invoiced_qty"),
        ),
        "SYS-01": CodeWords("Feed {key} is {actual}: {problem}"),
        "SYS-02": CodeWords("Feed {key} has {actual} rows in quarantine, which break its contract: {failed_checks}."),
        "SYS-03": CodeWords("What was sent to cure {key} has had no effect that is to be seen: {actual}."),
        "SYS-04": CodeWords("The partner's answer to {key} should be {expected}, and is {actual}."),
        "SYS-05": CodeWords("{key} is corrected again and again: {actual}, where {expected} is the most."),
    }
)


class _Said(dict[str, str]):
    """What a case says by name; what it does not say is a dash, since a sentence is shown whatever is missing."""

    def __missing__(self, name: str) -> str:
        return "—"


def sentence_of(case: Case, title: str) -> str:
    """Return what is wrong with a case, with its numbers.

    Args:
        case: The case.
        title: Of its rule, for a code without words of its own.
    """
    words = CODE_WORDS.get(case.code)
    if words is None:
        expected, actual = shown(case.expected_value), shown(case.actual_value)
        return f"{title}: expected {expected}, found {actual} at {case.business_key}."
    return _ONE.sub(r"1 \1", words.sentence.format_map(_said(case)))


def at_stake(case: Case) -> str:
    """Return what a case is worth in words; empty where it has no money."""
    return "" if case.currency == _NO_CURRENCY else f"{money(case.value_at_risk_amount, case.currency)} at risk"


def shown(text: str) -> str:
    """Write a value as people read it: numbers without trailing zeros, instants to the minute."""
    number, _, unit = text.partition(" ")
    if (value := number_of(number)) is not None:
        return f"{quantity(value)} {unit}".rstrip()
    return _INSTANT.sub(lambda found: f"{datetime.fromisoformat(found[0]):%Y-%m-%d %H:%M} UTC", text)


def number_of(text: str) -> Decimal | None:
    """Return a text as a number; None where it is none."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def evidence_of(case: Case) -> Mapping[str, Any]:
    """Return what a case rests on, by name."""
    evidence = json.loads(case.evidence or "{}")
    return evidence if isinstance(evidence, dict) else {}


def _said(case: Case) -> _Said:
    evidence = {name: shown(str(value)) for name, value in evidence_of(case).items() if value is not None}
    expected, actual = number_of(case.expected_value.split(" ")[0]), number_of(case.actual_value.split(" ")[0])
    told: dict[str, str] = {}
    if case.delta_qty is not None:
        told["gap"] = quantity(abs(case.delta_qty))
    if expected is not None and actual is not None:
        told["gap"] = quantity(abs(expected - actual))
        told["more_or_less"] = "too many" if actual > expected else "too few"
    told |= {
        "key": case.business_key,
        "expected": shown(case.expected_value),
        "actual": shown(case.actual_value),
        "site": case.node or "the site",
        "order": case.order_id or case.business_key,
    }
    return _Said(evidence | told)
