"""The stages of the loop, each a function of the platform, in the order in which they run.

pull → admit → reconcile → decide → dispatch. Each may be killed at any point and run again: what was landed is
admitted by the next run, what changed stays noted until it is reconciled, what was decided stays in the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fulfillment_pipelines.canonical.admission import Admission, CanonicalFeed, StagedSnapshot
from fulfillment_pipelines.canonical.expectations import LandedCounts, Validator
from fulfillment_pipelines.corrections.approving.lapse import lapse
from fulfillment_pipelines.corrections.delivering.dispatch import DispatchResult
from fulfillment_pipelines.corrections.proposing.proposals import ProposalResult, propose
from fulfillment_pipelines.corrections.proving.confirm import ConfirmResult, confirm
from fulfillment_pipelines.corrections.proving.loop_guard import stop_loops
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import BadDataError, InvariantError
from fulfillment_pipelines.exceptions.intake import IntakeResult, intake
from fulfillment_pipelines.ledger.history import case_history, correction_history
from fulfillment_pipelines.loop.drift import DriftWatch
from fulfillment_pipelines.loop.operations import admitted_snapshots, last_cursors
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.reconcile.platform_records import LOOKBACK, PlatformRecords
from fulfillment_pipelines.reconcile.runner import Reconciliation
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.pulling import PullAttempt, PullRequest, pull_all, record_attempts

_BATCH_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided of the findings, in one transaction of the ledger."""

    taken: IntakeResult
    confirmed: ConfirmResult
    proposed: ProposalResult


def pull(
    platform: Platform,
    systems: Sequence[str] | None = None,
    *,
    whole: bool = True,
    done: Callable[[PullAttempt], None] = lambda _: None,
) -> list[PullAttempt]:
    """Ask the systems and land their answers.

    Args:
        platform: The platform.
        systems: Only these; None for all.
        whole: Ask for everything; otherwise continue from the last cursor where an entity has one.
        done: Told each attempt as it ends.
    """
    cursors = {} if whole else last_cursors(platform.warehouse)
    requests = [
        PullRequest(
            source=platform.registry.source(feed.system, feed.entity),
            scope=Scope(since=cursors.get((feed.system, feed.entity))),
            contract_version=platform.registry.declaration(feed.system).contract_version,
        )
        for feed in platform.registry.entities()
        if systems is None or feed.system in systems
    ]
    attempts = pull_all(requests, platform.landing, platform.machine_clock, done=done)
    record_attempts(platform.warehouse, attempts)
    return attempts


def admit(
    platform: Platform,
    landed_snapshots: Sequence[tuple[CanonicalFeed, LandedSnapshot]] | None = None,
    *,
    validator: Validator | None = None,
    done: Callable[[Admission], None] = lambda _: None,
) -> list[Admission]:
    """Admit every landed snapshot that the lake does not have, the oldest of each feed first.

    Snapshots are checked one by one and merged together, since a commit costs as much as a small feed. A batch
    ends when it holds enough rows, or when the next snapshot is of a feed that it holds already.

    Args:
        platform: The platform.
        landed_snapshots: These; None for all that the lake does not have, which must be looked for.
        validator: Lets Great Expectations judge each snapshot as well; None spares its import.
        done: Told each admission when it is in the lake.
    """
    platform.reference.load(platform.warehouse, platform.clock.now())
    admissions: list[Admission] = []
    batch: list[StagedSnapshot] = []
    watch = DriftWatch(platform)

    def merge_batch() -> None:
        watch.keep()
        merged = platform.admitter.merge(batch)
        for admission in merged:
            done(admission)
        admissions.extend(merged)
        batch.clear()

    for feed, landed in _pending(platform) if landed_snapshots is None else landed_snapshots:
        if any(staged.feed is feed for staged in batch):
            merge_batch()
        batch.append(_stage(platform, feed, landed, validator, watch))
        if sum(staged.decoded.landed_rows for staged in batch) >= _BATCH_ROWS:
            merge_batch()
    if batch:
        merge_batch()
    platform.refresh_clock()
    return admissions


def _pending(platform: Platform) -> Iterator[tuple[CanonicalFeed, LandedSnapshot]]:
    admitted = admitted_snapshots(platform.warehouse)
    for feed in platform.feeds:
        known = admitted.get((feed.system, feed.entity), frozenset())
        for landed in platform.landing.landed(feed.system, feed.entity, known):
            yield feed, landed


def _stage(
    platform: Platform, feed: CanonicalFeed, landed: LandedSnapshot, validator: Validator | None, watch: DriftWatch
) -> StagedSnapshot:
    staged = platform.admitter.stage(feed, landed)
    try:
        drift = watch.differences_of(feed, landed, staged.decoded)
    except BadDataError as error:
        staged = platform.admitter.set_apart(staged, str(error))
        drift = watch.differences_of(feed, landed, staged.decoded)
    staged = replace(staged, drift=drift)
    if validator is None:
        return staged
    counts = LandedCounts(
        landed_rows=staged.decoded.landed_rows,
        unreadable_lines=len(staged.decoded.unreadable),
        declared_rows=landed.manifest.declared_rows,
        is_scanned=staged.rows.is_scanned,
    )
    return replace(staged, outcomes=validator.validate(feed.contract, counts))


def reconcile(platform: Platform, *, full: bool, progress: Callable[[str], None] = lambda _: None) -> Reconciliation:
    """Run the rules over everything, or over what changed, and over what the platform itself has done.

    Where models have changed, very much has, or the last run broke a promise, everything is revisited all the same.
    """
    now = platform.clock.now()
    full = full or platform.reconciler.must_be_full()
    with platform.ledger.reading() as work:
        records = PlatformRecords(
            corrections=correction_history(work, since=now - LOOKBACK), cases=case_history(work) if full else ()
        )
    return platform.reconciler.reconcile(now, full=full, records=records, progress=progress)


def require_invariants(reconciliation: Reconciliation) -> None:
    """Stop when a promise of the product is broken: nothing that follows may be believed.

    Raises:
        InvariantError: One or more invariants do not hold.
    """
    if reconciliation.violations:
        told = "; ".join(
            f"{violation.title}: {violation.rows} rows, first {violation.first}"
            for violation in reconciliation.violations
        )
        raise InvariantError(
            f"{len(reconciliation.violations)} invariants do not hold, so no case was opened and nothing was sent.",
            expected="every query of sql/checks to return no row",
            found=told,
            remedy="query the tables the check names; a residual that no rule explains needs a rule",
        )


def decide(platform: Platform) -> Decisions:
    """Open, refresh and close cases, confirm corrections and propose new ones, in one transaction.

    A process that has decided before looks at what has moved since.
    """
    with platform.ledger.unit_of_work() as work:
        # Read in turn: another process that decides meanwhile must not be followed by an older sight of the findings.
        work.take_turn("intake")
        now = platform.clock.now()
        look = platform.decided.look(work, platform.warehouse, now)
        findings, runs = look.findings, _rule_runs(platform)
        taken = intake(work, findings, runs, policy=platform.case_policy, now=now, revisited=look.revisited)
        confirmed = confirm(work, findings, now=now, runs=runs, reopened=taken.reopened)
        stop_loops(work, findings, now=now)
        lapse(work, now=now)
        proposed = propose(
            work,
            findings,
            policies=platform.policies,
            target_of=platform.target_of,
            now=now,
            messages_of=platform.messages_of,
        )
        work.commit()
    platform.decided.keep(look)
    return Decisions(taken, confirmed, proposed)


def dispatch(platform: Platform) -> DispatchResult:
    """Deliver what is due."""
    return platform.dispatcher.run()


def _rule_runs(platform: Platform) -> list[RuleRun]:
    table = platform.warehouse.query("select code, node, watermark_at, is_trustworthy from rec_rule_runs")
    columns = (table.column(name).to_pylist() for name in ("code", "node", "watermark_at", "is_trustworthy"))
    return [RuleRun(*row) for row in zip(*columns, strict=True)]
