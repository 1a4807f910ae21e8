"""Find what open breaks have in common: few descriptions that cover most of them.

A description is one to three attributes with their values. It is worth the more, the more breaks it covers and the
rarer its values are among all order lines. The best is taken first, then the best for what is left, and so on.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from fulfillment_pipelines.explanation.questions import Questions, Row

_ATTRIBUTES: Final = ("code", "node", "sku", "customer", "carrier", "system", "message", "ratio", "hour")
_PRIOR: Final[Mapping[str, float]] = {
    "code": 1 / 35,
    "message": 1 / 25,
    "system": 1 / 8,
    "ratio": 1 / 100,
    "hour": 1 / 8,
}
"""How common a value is taken to be where order lines do not tell: codes of the rule book, a day's working hours."""
_RAREST: Final = 1e-6
_LONGEST_DESCRIPTION: Final = 3
_FEWEST_BREAKS: Final = 3
_NEARLY_ALL: Final = 0.95
_LEAST_LIFT: Final = 1.5
"""What is hardly more common among breaks than among order lines is no cause, however many breaks it covers."""

Attribute: TypeAlias = tuple[str, str]
Description: TypeAlias = tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """Breaks that have something in common that order lines in general have not.

    Attributes:
        description: What they have in common, in words.
        also: What nearly all of them share besides, in words.
        break_count: How many breaks it covers that no cause before it does.
        share_percent: Of all breaks.
        lift: How many times more common the description is among breaks than among order lines.
        value_at_risk: Amount by currency.
        codes: Exception codes among them.
        example: The first of them, as code and business key.
    """

    description: str
    also: str
    break_count: int
    share_percent: Decimal
    lift: Decimal
    value_at_risk: Mapping[str, Decimal]
    codes: tuple[str, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Causes:
    """All causes, the weightiest first, and how many breaks none of them covers."""

    break_count: int
    causes: tuple[Cause, ...]
    uncovered_count: int


def find_causes(questions: Questions, *, limit: int) -> Causes:
    """Find the common causes of the breaks in the lake.

    Args:
        questions: The lake.
        limit: At most so many causes.

    Raises:
        BadDataError: The lake does not hold what a run makes.
    """
    return cover(questions.ask("explain_cause_findings"), _bases(questions.ask("explain_cause_bases")), limit=limit)


def cover(breaks: Sequence[Row], bases: Mapping[Attribute, float], *, limit: int) -> Causes:
    """Cover breaks with few descriptions, greedily; the order of the breaks has no influence on which.

    Args:
        breaks: One row per break, with the attributes it has; None where it has none.
        bases: Share of order lines that have a value, by attribute and value.
        limit: At most so many causes.
    """
    attributes = [_attributes_of(row) for row in breaks]
    members = _members(attributes)
    left = set(range(len(breaks)))
    causes: list[Cause] = []
    while left and len(causes) < limit:
        best = _best(members, left, bases, len(breaks))
        if best is None:
            break
        covered = sorted(members.pop(best) & left)
        causes.append(_cause(best, covered, breaks, attributes, bases))
        left.difference_update(covered)
    return Causes(len(breaks), tuple(causes), len(left))


def _bases(rows: Iterable[Row]) -> dict[Attribute, float]:
    totals: Counter[str] = Counter()
    counts: dict[Attribute, int] = {}
    for row in rows:
        counts[row["attribute"], row["value"]] = row["line_count"]
        totals[row["attribute"]] += row["line_count"]
    return {attribute: count / totals[attribute[0]] for attribute, count in counts.items()}


def _attributes_of(row: Row) -> tuple[Attribute, ...]:
    return tuple((name, str(row[name])) for name in _ATTRIBUTES if row.get(name) is not None)


def _members(attributes: Sequence[tuple[Attribute, ...]]) -> dict[Description, set[int]]:
    """Return which breaks each description covers; a value that few breaks have is part of none."""
    common = Counter(itertools.chain.from_iterable(attributes))
    members: dict[Description, set[int]] = defaultdict(set)
    for position, own in enumerate(attributes):
        frequent = [attribute for attribute in own if common[attribute] >= _FEWEST_BREAKS]
        for length in range(1, _LONGEST_DESCRIPTION + 1):
            for description in itertools.combinations(frequent, length):
                if _says_something({name for name, _ in description}):
                    members[description].add(position)
    return {name: covered for name, covered in sorted(members.items()) if len(covered) >= _FEWEST_BREAKS}


def _says_something(names: set[str]) -> bool:
    """Whether attributes make a description: an hour alone names no cause, and a code tells its message already."""
    return names != {"hour"} and not {"code", "message"} <= names


def _best(
    members: dict[Description, set[int]], left: set[int], bases: Mapping[Attribute, float], total: int
) -> Description | None:
    """Return the description that is worth most for what is left; those that cover too little of it are dropped."""
    best: tuple[float, Description] | None = None
    for description in tuple(members):
        covered = len(members[description] & left)
        if covered < _FEWEST_BREAKS:
            del members[description]
            continue
        if _lift(description, covered, bases, total) < _LEAST_LIFT:
            continue
        worth = _worth(description, covered, bases, total)
        if worth > 0 and (best is None or worth > best[0]):
            best = (worth, description)
    return best[1] if best else None


def _worth(description: Description, covered: int, bases: Mapping[Attribute, float], total: int) -> float:
    """Bits that are saved by telling the description once instead of its values for each break it covers."""
    return covered * math.log2(_lift(description, covered, bases, total)) - len(description) * math.log2(total + 1)


def _lift(description: Description, covered: int, bases: Mapping[Attribute, float], total: int) -> float:
    expected = math.prod(_base(attribute, bases) for attribute in description)
    return covered / total / max(expected, _RAREST)


def _base(attribute: Attribute, bases: Mapping[Attribute, float]) -> float:
    return max(bases.get(attribute, _PRIOR.get(attribute[0], _RAREST)), _RAREST)


def _cause(
    description: Description,
    covered: Sequence[int],
    breaks: Sequence[Row],
    attributes: Sequence[tuple[Attribute, ...]],
    bases: Mapping[Attribute, float],
) -> Cause:
    rows = [breaks[position] for position in covered]
    shared = Counter(itertools.chain.from_iterable(attributes[position] for position in covered))
    also = sorted(
        attribute
        for attribute, count in shared.items()
        if count >= _NEARLY_ALL * len(covered) and attribute not in description
    )
    at_risk: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        at_risk["" if row["currency"] == "XXX" else row["currency"]] += row["value_at_risk_amount"] or Decimal(0)
    example = min(rows, key=lambda row: (row["code"], row["business_key"]))
    return Cause(
        description=_words(description),
        also=_words(also),
        break_count=len(covered),
        share_percent=Decimal(100 * len(covered) / len(breaks)).quantize(Decimal("0.1")),
        lift=Decimal(_lift(description, len(covered), bases, len(breaks))).quantize(Decimal("0.1")),
        value_at_risk={currency: amount for currency, amount in sorted(at_risk.items()) if amount},
        codes=tuple(sorted({row["code"] for row in rows})),
        example=f"{example['code']} {example['business_key']}",
    )


def _words(description: Iterable[Attribute]) -> str:
    return ", ".join(f"{name} {value}" for name, value in description)
