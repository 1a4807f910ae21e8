"""How much automation has done within the hour, by target, by rule and in all: what its hourly caps are held against.

The caps themselves are in `policy`; what follows from reaching one, in `gate`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from fulfillment_pipelines.corrections.proposing.policy import HourlyCap
from fulfillment_pipelines.ledger.corrections import ApprovalTotal


@dataclass(frozen=True, slots=True)
class Use:
    """What was approved by policy within the hour.

    Attributes:
        corrections: How many.
        amounts: Sum of their values at risk, by currency.
    """

    corrections: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict)

    def excess(self, cap: HourlyCap, value_amount: Decimal, currency: str) -> str:
        """Return what one correction more would exceed, in words; empty where it is within the cap."""
        if self.corrections >= cap.corrections:
            return f"{self.corrections} corrections this hour, and the cap is {cap.corrections}"
        amount = self.amounts.get(currency, Decimal(0)) + value_amount
        limit = cap.amounts.get(currency, Decimal(0))
        if value_amount > 0 and amount > limit:
            return f"with it {amount} {currency} this hour, and the cap is {limit}"
        return ""


@dataclass(frozen=True, slots=True)
class HourlyUse:
    """What was approved by policy within the hour, for one target, for one rule, and in all."""

    target: Use = field(default_factory=Use)
    rule: Use = field(default_factory=Use)
    platform: Use = field(default_factory=Use)


class HourlyApprovals:
    """Counts the corrections that the policy approves, those of the running transaction included.

    Args:
        totals: What it approved within the last hour before.
    """

    def __init__(self, totals: Iterable[ApprovalTotal] = ()) -> None:
        self._corrections: Counter[str] = Counter()
        self._amounts: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for total in totals:
            self._count(total)

    def add(self, target: str, code: str, value_amount: Decimal, currency: str) -> None:
        """Count one more."""
        self._count(ApprovalTotal(target, code, currency, 1, value_amount))

    def use(self, target: str, code: str) -> HourlyUse:
        """Return what counts against the caps of a target, of a rule and of the platform."""
        return HourlyUse(self._use(f"target {target}"), self._use(f"rule {code}"), self._use("platform"))

    def _use(self, of: str) -> Use:
        return Use(self._corrections[of], dict(self._amounts[of]))

    def _count(self, total: ApprovalTotal) -> None:
        for of in (f"target {total.target}", f"rule {total.code}", "platform"):
            self._corrections[of] += total.corrections
            self._amounts[of][total.currency] += total.value_amount
