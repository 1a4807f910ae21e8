"""The passes over one set of lines: what their references lead to first, then what their quantities fit.

Rows come from and go to `matcher`; how quantities are divided is `search`. A pass takes only what the passes before it
left over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fulfillment_pipelines.reconcile.matching.components import Allocation, MatchLabel, Pair, components_of
from fulfillment_pipelines.reconcile.matching.policy import MatchingPolicy
from fulfillment_pipelines.reconcile.matching.references import nearest_reference, similarity_percent
from fulfillment_pipelines.reconcile.matching.search import divide

_TOP: Final = 1000
_UNDEPARTED_PERCENT: Final = 90
"""What a leg is worth that only the ERP tells of: one that the site has sent is preferred."""


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A document line to be matched; quantities in the smallest unit a column can hold.

    Attributes:
        line_key: Its key.
        is_credit: Whether it credits; a credit backs nothing and follows references only.
        spelled: Order number as the document spells it.
        reference: The same without case, separators and letters that are taken for digits.
        spelled_line_no: Order line the document names.
        group: Customer and item it is about.
        quantity: What it bills.
        resolved_by: Which of its references leads to an order line; None where none does.
        order_id: That order.
        line_no: That line.
        shipment_id: The leg it names, where it leads there.
    """

    line_key: str
    is_credit: bool
    spelled: str | None
    reference: str | None
    spelled_line_no: int | None
    group: tuple[str | None, str | None]
    quantity: int
    resolved_by: str | None
    order_id: str | None
    line_no: int | None
    shipment_id: str | None


@dataclass(frozen=True, slots=True)
class UnbilledLeg:
    """A leg of an order line that may be billed, and how much of it."""

    leg_key: str
    shipment_id: str
    order_id: str
    line_no: int
    group: tuple[str | None, str | None]
    reference: str
    quantity: int
    shipped_at: datetime
    is_departed: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a line and a leg fit in time and price, each 0 to 1000."""

    line_key: str
    leg_key: str
    time_score: int
    price_score: int


@dataclass(frozen=True, slots=True)
class Share:
    """What a document line bills of one leg, or of one order line where `shipment_id` is None.

    Attributes:
        billed: Part of the line's quantity.
        matched: Part of it that the leg backs.
        score: 0 to 1000.
        reason: Why, in words.
    """

    line_key: str
    share_no: int
    order_id: str
    line_no: int
    shipment_id: str | None
    billed: int
    matched: int
    label: MatchLabel
    score: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Lead:
    """Where a reference leads, how sure that is, and why."""

    order_id: str
    line_no: int
    shipment_id: str | None
    score: int
    reason: str


class Matching:
    """The passes over lines and legs that hang together.

    Args:
        lines: Document lines without an exact reference.
        legs: Legs of their customers and items.
        fits: Which line may bill which leg, by customer, item and time.
        policy: Limits and weights.
    """

    def __init__(
        self, lines: Iterable[OpenLine], legs: Iterable[UnbilledLeg], fits: Iterable[Fit], policy: MatchingPolicy
    ) -> None:
        self._lines = sorted(lines, key=lambda line: line.line_key)
        self._legs = {leg.leg_key: leg for leg in sorted(legs, key=lambda leg: (leg.shipped_at, leg.leg_key))}
        self._fits = tuple(fits)
        self._policy = policy
        self._left = {key: leg.quantity for key, leg in self._legs.items()}
        self._legs_of_line: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._legs_of_group: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
        for key, leg in self._legs.items():
            self._legs_of_line[leg.order_id, leg.line_no].append(key)
            self._legs_of_group[leg.group].append(key)

    def shares(self) -> list[Share]:
        """Run the passes; lines that match nothing have no share."""
        shares = [share for line in self._lines for share in self._by_lead(line)]
        matched = {share.line_key for share in shares}
        open_lines = [line for line in self._lines if line.line_key not in matched and not line.is_credit]
        shares += [share for line in open_lines for share in self._by_nearest(line)]
        matched = {share.line_key for share in shares}
        shares += self._by_quantity([line for line in open_lines if line.line_key not in matched])
        return shares

    def _by_lead(self, line: OpenLine) -> Iterator[Share]:
        """Follow references that lead to exactly one order line."""
        if line.resolved_by is None or line.order_id is None or line.line_no is None:
            return
        score = _TOP
        if line.resolved_by == "leg":
            named = f"the order is spelled '{line.spelled}', it is" if line.spelled else "the order is not named, it is"
            reason = f"leg {line.shipment_id} is named exactly; {named} {line.order_id}"
        elif line.resolved_by == "item":
            reason = f"order {line.order_id} is named exactly, and only its line {line.line_no} has the item"
        else:
            score = round(_TOP * similarity_percent(line.spelled or "", line.order_id) / 100)
            reason = f"'{line.spelled}' is {line.order_id} but for case, separators or look-alikes such as O and 0"
        yield self._whole(line, _Lead(line.order_id, line.line_no, line.shipment_id, score, reason))

    def _by_nearest(self, line: OpenLine) -> Iterator[Share]:
        """Take a misspelt order for the nearest one of the same customer and item that has just this to bill."""
        if not line.reference:
            return
        free = [
            leg
            for key in self._legs_of_group[line.group]
            if self._left[key] > 0 and (leg := self._legs[key]).line_no == (line.spelled_line_no or leg.line_no)
        ]
        nearest = nearest_reference(line.reference, (leg.reference for leg in free), self._policy.reference)
        if nearest is None or not nearest.is_clear:
            return
        own = [leg for leg in free if leg.reference == nearest.reference]
        fitting = [leg for leg in own if self._left[leg.leg_key] == line.quantity]
        if len({(leg.order_id, leg.line_no) for leg in own}) != 1 or len(fitting) != 1:
            return
        (leg,) = fitting
        reason = (
            f"'{line.spelled}' is {nearest.percent:.0f} % like {leg.order_id}, the nearest order of the customer with "
            "this quantity of the item to bill"
        )
        yield self._whole(line, _Lead(leg.order_id, leg.line_no, leg.shipment_id, round(nearest.percent * 10), reason))

    def _whole(self, line: OpenLine, lead: _Lead) -> Share:
        """Give a line to one leg, or to its order line as a whole; what no leg backs stays billed there."""
        keys = [
            key
            for key in self._legs_of_line[lead.order_id, lead.line_no]
            if self._legs[key].group == line.group and lead.shipment_id in {None, self._legs[key].shipment_id}
        ]
        shipment_id, label, matched = lead.shipment_id, MatchLabel.UNIQUE, 0
        if not line.is_credit:
            fitting = [key for key in keys if self._left[key] == line.quantity]
            if shipment_id is None and fitting and len(keys) > 1:
                # The other legs are left to documents that are still to come; of legs alike, the oldest is billed.
                label = MatchLabel.UNIQUE if len(fitting) == 1 else MatchLabel.AMBIGUOUS
                keys, shipment_id = fitting[:1], self._legs[fitting[0]].shipment_id
            matched = min(line.quantity, sum(self._left[key] for key in keys))
            for key in keys:
                # A document that names no leg, and has the quantity of none, bills all legs of its order line.
                self._left[key] = 0 if shipment_id is None else self._left[key] - matched
        return Share(
            line_key=line.line_key,
            share_no=1,
            order_id=lead.order_id,
            line_no=lead.line_no,
            shipment_id=shipment_id,
            billed=line.quantity,
            matched=matched,
            label=label,
            score=lead.score,
            reason=lead.reason,
        )

    def _by_quantity(self, lines: Sequence[OpenLine]) -> Iterator[Share]:
        """Divide what is left over the legs that are left."""
        by_key = {line.line_key: line for line in lines}
        pairs = {
            (fit.line_key, fit.leg_key): score
            for fit in self._fits
            if fit.line_key in by_key
            and fit.leg_key in self._legs
            and (score := self._score(by_key[fit.line_key], fit)) is not None
        }
        wanted = {line.line_key: line.quantity for line in lines}
        possible = (Pair(line, leg, score) for (line, leg), score in pairs.items())
        for component in components_of(wanted, self._left, possible):
            division = divide(component, self._policy.search)
            taken: dict[str, list[Allocation]] = defaultdict(list)
            for allocation in division.allocations:
                taken[allocation.line].append(allocation)
            for key, allocations in sorted(taken.items()):
                yield from self._divided(by_key[key], allocations, division.label, pairs)

    def _score(self, line: OpenLine, fit: Fit) -> int | None:
        """Return how well a pair fits, or None where the order that is named speaks against it."""
        weights, leg = self._policy.weights, self._legs[fit.leg_key]
        alike = 100.0
        if line.reference:
            alike = similarity_percent(line.reference, leg.reference)
            if alike < self._policy.reference.floor_percent:
                return None
        score = weights.time * fit.time_score + weights.price * fit.price_score + weights.reference * alike * 10
        return round(score * (100 if leg.is_departed else _UNDEPARTED_PERCENT) / 10_000)

    def _divided(
        self,
        line: OpenLine,
        allocations: Sequence[Allocation],
        label: MatchLabel,
        scores: Mapping[tuple[str, str], int],
    ) -> Iterator[Share]:
        """Write a line's pieces; what no leg backs is billed with the largest of them."""
        matched = sum(one.quantity for one in allocations)
        surplus = line.quantity - matched
        score = sum(scores[one.line, one.leg] * one.quantity for one in allocations) // line.quantity
        largest = max(range(len(allocations)), key=lambda place: (allocations[place].quantity, -place))
        reason = _words(len(allocations), label, has_surplus=surplus > 0)
        for place, one in enumerate(allocations):
            leg = self._legs[one.leg]
            billed = one.quantity + (surplus if place == largest else 0)
            yield Share(
                line_key=line.line_key,
                share_no=place + 1,
                order_id=leg.order_id,
                line_no=leg.line_no,
                shipment_id=leg.shipment_id,
                billed=billed,
                matched=one.quantity,
                label=label,
                score=score,
                reason=reason,
            )


def _words(pieces: int, label: MatchLabel, *, has_surplus: bool) -> str:
    legs = "one leg" if pieces == 1 else f"{pieces} legs"
    told = f"{legs} of the customer and item, left to be billed in the window, "
    told += "back a part of it; the rest is billed without a leg" if has_surplus else "add up to it"
    return told + {
        MatchLabel.AMBIGUOUS: "; others would fit as well, so the oldest were taken",
        MatchLabel.OPTIMAL: "; whether others would fit as well was not settled",
        MatchLabel.SEARCH_EXHAUSTED: "; the group is too large to be searched to the end, so the best pairs came first",
    }.get(label, "")
