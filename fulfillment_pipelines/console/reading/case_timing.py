"""Why a difference is not just timing: since when it stands, what heals by itself there, and what it was granted.

The verdict was given by the run; its words come from `explanation.verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.reading.case_words import shown
from fulfillment_pipelines.console.rendering import span
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.trials import RuleTrials
from fulfillment_pipelines.explanation.verdicts import Feed, explain_findings
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.warehouse import Warehouse

LAG_WORDS: Final[Mapping[str, str]] = {
    "order.intake": "an order that a channel has accepted is in the ERP",
    "release.ack": "a site has taken a release in",
    "ship.confirm": "the ERP has confirmed what left",
    "invoice.post": "a confirmed leg is billed",
    "hold.publish": "a hold that finance resolved is resolved elsewhere",
}
"""What follows what, by the pair of events of `rec_lags`."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How long what heals by itself takes at the site of a case.

    Attributes:
        words: What follows what.
        sample_count: How many were seen.
        median: Half of them took no longer.
        p99: All but one in a hundred took no longer.
        longest: The longest.
        times_p99: How many times as long as `p99` the difference stands.
    """

    words: str
    sample_count: int
    median: timedelta
    p99: timedelta
    longest: timedelta
    times_p99: Decimal


@dataclass(frozen=True, slots=True)
class Timing:
    """Why a difference is a break, or why nothing can be said.

    Attributes:
        verdict: What the last run says; None where it sees no difference any more.
        reason: In words.
        stands: For how long it has stood, by the last reading of the systems.
        granted: The time in which it might have healed by itself.
        lag: What was learned of such differences; None where nothing was.
        confirmed: In how many snapshots it was seen, of how many it must be, in words; empty where one is enough.
        untrusted: Inputs that cannot be trusted, in words.
        slowest: The input that was read longest ago; None where the rule reads none.
    """

    verdict: Verdict | None
    reason: str
    stands: timedelta
    granted: timedelta
    lag: Lag | None
    confirmed: str
    untrusted: tuple[str, ...]
    slowest: Feed | None


def untried(warehouse: Warehouse) -> RuleTrials:
    """Return trials of no tolerance at all: a page has no time to run rules."""
    return RuleTrials(warehouse, Tolerances(version=0, tolerances={}))


def without_tolerances(rule: Rule) -> Rule:
    """Return a rule whose tolerances nobody tries."""
    return replace(rule, tolerances=())


def read_timing(
    questions: Questions, case: Case, rule: Rule | None, feeds: Sequence[Feed], trials: RuleTrials
) -> Timing:
    """Return why a case is not just timing.

    Raises:
        BadDataError: The lake does not hold what a run makes.
    """
    named = {"code": case.code, "business_key": case.business_key, "node": case.node}
    rows = questions.ask("case_finding", named)
    read = _read_by(rule, case.node, feeds)
    slowest = min((feed for feed in read if feed.as_of), key=lambda feed: str(feed.as_of), default=None)
    untrusted = tuple(f"{feed.name} is {feed.state}: {feed.problem}" for feed in read if feed.state != "OK")
    granted = case.first_breaks_at - case.condition_since
    if not rows:
        seen_at = case.proving_watermark_at or case.last_seen_watermark_at
        reason = (
            f"a later reading, of {seen_at:%Y-%m-%d %H:%M} UTC, shows no difference any more"
            if case.closed_at
            else "the last run says nothing of it: its inputs were not read again, or could not be trusted"
        )
        return Timing(None, reason, seen_at - case.condition_since, granted, None, "", untrusted, slowest)
    row = rows[0]
    found = explain_findings(rows, [without_tolerances(rule)] if rule else [], trials, feeds)[0]
    stands = max(row["watermark_at"] - row["condition_since"], timedelta(0))
    return Timing(
        verdict=found.verdict,
        reason=shown(found.reason),
        stands=stands,
        granted=max(row["breaks_at"] - row["condition_since"], timedelta(0)),
        lag=_lag(row, stands),
        confirmed=f"{row['snapshots_seen']} of {row['confirm_snapshots']}" if row["confirm_snapshots"] > 1 else "",
        untrusted=untrusted,
        slowest=slowest,
    )


def verdict_words(timing: Timing) -> str:
    """Return in one sentence why waiting longer would not help, or why it may."""
    stands, granted = span(timing.stands), span(timing.granted)
    if timing.verdict is Verdict.DIFFER and timing.lag:
        return (
            f"It has stood for {stands}. Of {timing.lag.sample_count:,} that followed by themselves here, 99 % took no "
            f"longer than {span(timing.lag.p99)}."
        )
    if timing.verdict is Verdict.DIFFER and timing.granted:
        return f"It has stood for {stands}; the rule grants {granted} in which it may heal by itself."
    if timing.verdict is Verdict.DIFFER:
        return f"It has stood for {stands}; no delay explains a difference of this kind."
    return timing.reason


def _lag(row: Mapping[str, Any], stands: timedelta) -> Lag | None:
    if not row["lag"] or not row["sample_count"]:
        return None
    p99 = timedelta(seconds=row["p99_seconds"])
    times = Decimal(str(round(stands / p99, 1))) if p99 else Decimal(0)
    return Lag(
        words=LAG_WORDS.get(row["lag"], row["lag"]),
        sample_count=row["sample_count"],
        median=timedelta(seconds=row["p50_seconds"]),
        p99=p99,
        longest=timedelta(seconds=row["longest_seconds"]),
        times_p99=times,
    )


def _read_by(rule: Rule | None, node: str, feeds: Sequence[Feed]) -> list[Feed]:
    needs = {(need.role.value, need.contract) for need in (rule.feeds if rule else ())}
    return [
        feed
        for feed in feeds
        if (feed.role, feed.contract) in needs and (not feed.node or not node or feed.node == node)
    ]
