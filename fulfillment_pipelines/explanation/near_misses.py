"""Why a document matched nothing: the leg that came nearest, what spoke against it, and by how much.

The predicates are those by which matching chooses; how alike spellings are is asked of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fulfillment_pipelines.explanation.questions import Questions, Row
from fulfillment_pipelines.reconcile.matching.policy import MatchingPolicy
from fulfillment_pipelines.reconcile.matching.references import similarity_percent

_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3600
_HINDRANCE = 1000.0
"""What a predicate weighs that no tolerance can move."""


@dataclass(frozen=True, slots=True)
class FailedPredicate:
    """One reason why a document does not bill a leg.

    Attributes:
        predicate: What is compared.
        expected: What the document says, or what is configured.
        found: What the leg says.
        margin: By how much it fails, in words; empty where it is not a matter of degree.
        smallest_tolerance: The setting of `matching.yaml` that would let it pass, and its smallest value; empty where
            there is none.
    """

    predicate: str
    expected: str
    found: str
    margin: str = ""
    smallest_tolerance: str = ""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A document line that matches nothing, and the leg that came nearest.

    Attributes:
        document: Number and line of the document.
        reason: What matching said.
        candidate: The nearest leg, as shipment/order/line; empty where no leg has its customer or item.
        shipped_at: When that leg left.
        failed: What spoke against it; empty where other documents took it first.
    """

    document: str
    reason: str
    candidate: str
    shipped_at: datetime | None
    failed: tuple[FailedPredicate, ...]


def near_misses(
    questions: Questions, documents: Iterable[Row], policy: MatchingPolicy, *, order_ids: Sequence[str]
) -> tuple[NearMiss, ...]:
    """Find the nearest leg of each unmatched document line.

    Args:
        questions: The lake.
        documents: Rows of `explain_documents`; those that match are left out.
        policy: Limits of matching.
        order_ids: Only legs of these orders; none for all.
    """
    return tuple(
        _near_miss(questions, document, policy, order_ids)
        for document in documents
        if document["match_label"] == "unmatched"
    )


def _near_miss(questions: Questions, document: Row, policy: MatchingPolicy, order_ids: Sequence[str]) -> NearMiss:
    legs = [
        leg for leg in questions.ask("explain_candidates", document) if not order_ids or leg["order_id"] in order_ids
    ]
    judged = [(tuple(_failed(document, leg, policy)), leg) for leg in legs]
    named = f"{document['invoice_id']}/{document['invoice_line_no']}"
    if not judged:
        return NearMiss(named, document["match_reason"], "", None, ())
    failed, leg = min(judged, key=lambda pair: sum(weight for _, weight in pair[0]))
    return NearMiss(
        document=named,
        reason=document["match_reason"],
        candidate=f"{leg['shipment_id']}/{leg['order_id']}/{leg['line_no']}",
        shipped_at=leg["shipped_at"],
        failed=tuple(predicate for predicate, _ in failed),
    )


def _failed(document: Row, leg: Row, policy: MatchingPolicy) -> Iterator[tuple[FailedPredicate, float]]:
    """Tell each predicate that fails, with its weight: how far away it puts the leg."""
    for predicate, name in (("customer", "customer_id"), ("item", "sku")):
        if document[name] is None or document[name] != leg[name]:
            yield (
                FailedPredicate(f"same {predicate}", document[name] or "not told", leg[name] or "not told"),
                _HINDRANCE,
            )
    if document["document_type"] != "INVOICE":
        yield FailedPredicate("is an invoice", "an order reference", "a credit follows references only"), _HINDRANCE
    yield from _failed_window(document, leg["age_seconds"], policy)
    if leg["spelled_reference"]:
        yield from _failed_reference(document, leg, policy)
    if leg["billed_qty"] >= leg["shipped_qty"]:
        billed = FailedPredicate(
            "quantity left to bill", f"more than 0 of {leg['shipped_qty']:f}", f"{leg['billed_qty']:f} billed already"
        )
        yield billed, _HINDRANCE / 2


def _failed_window(
    document: Row, age_seconds: float, policy: MatchingPolicy
) -> Iterator[tuple[FailedPredicate, float]]:
    days, hours = Decimal(age_seconds) / _DAY_SECONDS, -Decimal(age_seconds) / _HOUR_SECONDS
    if days > policy.window_days:
        yield (
            FailedPredicate(
                "left within the window",
                f"at most {policy.window_days:f} days before it was posted",
                f"{days:.1f} days before",
                f"{days - policy.window_days:.1f} days",
                f"window_days: {_up(days):f}",
            ),
            float(days / policy.window_days),
        )
    elif document["is_posted"] and hours > 0:
        yield FailedPredicate("left before the posting", "at or before", f"{hours:.1f} hours after"), _HINDRANCE
    elif hours > policy.lead_hours:
        yield (
            FailedPredicate(
                "left within the window",
                f"at most {policy.lead_hours:f} hours after it was read",
                f"{hours:.1f} hours after",
                f"{hours - policy.lead_hours:.1f} hours",
                f"lead_hours: {_up(hours):f}",
            ),
            float(hours / max(policy.lead_hours, Decimal(1))),
        )


def _failed_reference(document: Row, leg: Row, policy: MatchingPolicy) -> Iterator[tuple[FailedPredicate, float]]:
    alike = Decimal(similarity_percent(leg["spelled_reference"], leg["order_reference"])).quantize(Decimal("0.1"))
    floor = policy.reference.floor_percent
    if alike < floor:
        failed = FailedPredicate(
            "order spelled alike",
            f"'{document['spelled_order_id']}' at least {floor:f} % like {leg['order_id']}",
            f"{alike:f} %",
            f"{floor - alike:f} %",
            f"reference.floor_percent: {alike:f}",
        )
        yield failed, 1 + float(floor - alike) / 10


def _up(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), rounding="ROUND_CEILING")
