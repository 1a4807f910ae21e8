"""Findings in words: why they are a break, a matter of timing or not known, and by how much they miss a tolerance.

Which rows there are belongs to the SQL; the verdict itself was given by the run and is only told here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.explanation.trials import RuleTrials
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.reconcile.tolerances import Tolerance

_SECONDS: Final[Mapping[str, int]] = {"minutes": 60, "hours": 3600, "days": 86_400}
_PERCENT: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Feed:
    """One declared feed, and what of the orders it holds back."""

    system: str
    entity: str
    role: str
    contract: str
    node: str
    state: str
    as_of: datetime | None
    problem: str
    quarantined_rows: int
    failed_checks: str

    @property
    def name(self) -> str:
        """System and entity."""
        return f"{self.system}/{self.entity}"


@dataclass(frozen=True, slots=True)
class ToleranceGap:
    """How far a finding lies beyond a tolerance.

    Attributes:
        tolerance: Its name in `tolerances.yaml`.
        value: What is configured.
        unit: Its unit.
        smallest: The smallest value with which the finding would not be a break; tried with the rule itself.
    """

    tolerance: str
    value: Decimal
    unit: str
    smallest: Decimal


@dataclass(frozen=True, slots=True)
class ExplainedFinding:
    """One finding and why its verdict is what it is.

    Attributes:
        reason: Why, in words.
        until: Until when it is a matter of timing; None where it is not.
        gaps: How far it lies beyond the tolerances of its rule, where that can be told from its values.
        edges: Edges of the quantity ledger whose residual it accounts for.
        evidence: JSON text: the rows and snapshots that support it.
    """

    code: str
    title: str
    verdict: Verdict
    business_key: str
    node: str
    order_id: str
    line_no: int | None
    expected_value: str
    actual_value: str
    condition_since: datetime
    watermark_at: datetime
    reason: str
    until: datetime | None
    gaps: tuple[ToleranceGap, ...]
    edges: tuple[str, ...]
    evidence: str


def explain_findings(
    rows: Iterable[Row], rules: Sequence[Rule], trials: RuleTrials, feeds: Sequence[Feed]
) -> tuple[ExplainedFinding, ...]:
    """Put findings into words.

    Args:
        rows: Rows of `explain_findings`.
        rules: The rules that apply; a finding of a rule that is gone keeps its verdict without a reason.
        trials: Tries a rule with another tolerance.
        feeds: All declared feeds.
    """
    by_code = {rule.code: rule for rule in rules}
    return tuple(_explained(row, by_code.get(row["code"]), trials, feeds) for row in rows)


def _explained(row: Row, rule: Rule | None, trials: RuleTrials, feeds: Sequence[Feed]) -> ExplainedFinding:
    verdict = Verdict(row["verdict"])
    read = _read_by(rule, row["node"], feeds) if rule else []
    is_young = row["watermark_at"] < row["breaks_at"]
    return ExplainedFinding(
        **{name: row[name] for name in ("code", "title", "business_key", "node", "order_id", "line_no")},
        **{name: row[name] for name in ("expected_value", "actual_value", "condition_since", "watermark_at")},
        verdict=verdict,
        reason=_reason(verdict, row, read, is_young=is_young),
        until=row["breaks_at"] if verdict is Verdict.TIMING and is_young else None,
        gaps=tuple(_gaps(row, rule, trials)) if rule and verdict is Verdict.DIFFER else (),
        edges=rule.explains if rule else (),
        evidence=row["evidence"] or "",
    )


def _read_by(rule: Rule, node: str, feeds: Iterable[Feed]) -> list[Feed]:
    needs = {(need.role.value, need.contract) for need in rule.feeds}
    return [
        feed for feed in feeds if (feed.role, feed.contract) in needs and (not feed.node or feed.node in {"", node})
    ]


def _reason(verdict: Verdict, row: Row, feeds: Sequence[Feed], *, is_young: bool) -> str:
    if verdict is Verdict.UNKNOWN:
        return "; ".join(_distrusted(feeds)) or "an input cannot be trusted"
    if verdict is Verdict.TIMING and is_young:
        slowest = min((feed for feed in feeds if feed.as_of), key=lambda feed: (feed.as_of, feed.name), default=None)
        read = (
            f"; the slowest input, {slowest.name}, was last read at {slowest.as_of:%Y-%m-%d %H:%M}Z" if slowest else ""
        )
        return f"young: it may heal by itself until {row['breaks_at']:%Y-%m-%d %H:%M}Z{read}"
    if verdict is Verdict.TIMING:
        return f"seen in {row['snapshots_seen']} of the {row['confirm_snapshots']} snapshots in which it must stand"
    stands = _span(row["watermark_at"] - row["condition_since"])
    return f"expected {_shown(row['expected_value'])}, found {_shown(row['actual_value'])}; it stands for {stands}"


def _distrusted(feeds: Iterable[Feed]) -> Iterator[str]:
    for feed in feeds:
        if feed.state != "OK":
            yield f"{feed.name} is {feed.state}: {feed.problem}"
        if feed.quarantined_rows:
            yield f"{feed.name} has {feed.quarantined_rows} rows of the order in quarantine ({feed.failed_checks})"


def _gaps(row: Row, rule: Rule, trials: RuleTrials) -> Iterator[ToleranceGap]:
    """Tell the tolerances that would heal the finding; a value that does not heal it when tried is not told."""
    expected, actual = _leading_number(row["expected_value"]), _leading_number(row["actual_value"])
    granted = row["breaks_at"] - row["condition_since"]
    stands = row["watermark_at"] - row["condition_since"]
    for name in rule.tolerances:
        tolerance = trials.tolerances.tolerances[name]
        smallest = _smallest(tolerance, expected, actual, granted=granted, stands=stands)
        if smallest is not None and smallest > tolerance.value and trials.heals(rule, row, name, smallest):
            yield ToleranceGap(name, tolerance.value, tolerance.unit, smallest)


def _smallest(
    tolerance: Tolerance, expected: Decimal | None, actual: Decimal | None, *, granted: timedelta, stands: timedelta
) -> Decimal | None:
    """Return the value with which a finding would not be a break; None where its values do not say."""
    if tolerance.unit in _SECONDS:
        unit = _SECONDS[tolerance.unit]
        if granted != timedelta(seconds=float(tolerance.value) * unit):
            return None
        # The grace must outlast what has passed, so the next whole unit is the first that does.
        return Decimal(int(stands.total_seconds() // unit) + 1)
    if expected is None or actual is None:
        return None
    if tolerance.unit == "percent":
        return None if not expected else _rounded_up(abs(expected - actual) * _PERCENT / abs(expected))
    return abs(expected - actual).normalize()


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _leading_number(value: str) -> Decimal | None:
    """Read the number before a unit or currency."""
    return _number(value.partition(" ")[0])


def _shown(value: Any) -> str:
    """Show a number without the zeros that its column gives it."""
    number = _number(value)
    return str(value) if number is None else f"{number.normalize():f}"


def _rounded_up(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding="ROUND_CEILING")


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"
