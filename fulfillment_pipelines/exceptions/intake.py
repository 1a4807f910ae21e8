"""Turn the findings of one reconciliation into cases: open, refresh, reopen, or prove cured.

Everything is read once, judged in memory and written set-wise, so that the round trips do not grow with the
findings. Nothing here depends on the order of findings or on earlier attempts: the same findings at the same
watermark change nothing, so a crash is followed by a rerun and no more.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from graphlib import TopologicalSorter
from operator import attrgetter
from pathlib import Path

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseEventKind, CaseState, RuleRun, case_id_of
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.lifecycle import cured_state, move
from fulfillment_pipelines.exceptions.routing import Routing, read_routing
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.exceptions.sla import SlaPolicy, read_sla
from fulfillment_pipelines.exceptions.working.pausing import wake_due
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import append_events, cases_by_id, insert_cases, open_cases, update_cases
from fulfillment_pipelines.ledger.types import to_amount, to_quantity
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

ACTOR = "intake"
"""Who moves cases in their history and in the audit log when a snapshot does."""

_CURED_NOTE = "a later snapshot no longer shows it"

_GRAVITY = {Verdict.DIFFER: 2, Verdict.UNKNOWN: 1, Verdict.TIMING: 0, Verdict.AGREE: -1}
_material = attrgetter(
    "severity",
    "owner",
    "order_id",
    "expected_value",
    "actual_value",
    "delta_qty",
    "value_at_risk_amount",
    "currency",
    "parent_case_id",
)


@dataclass(frozen=True, slots=True)
class CasePolicy:
    """What decides on deadlines and assignment."""

    sla: SlaPolicy
    routing: Routing


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of the findings and of the cases that were open. Case identities, sorted.

    Attributes:
        opened: Cases that did not exist.
        reopened: Cases whose difference came back after its cure had been proved.
        updated: Open cases whose difference has changed.
        unchanged: Open cases whose difference stands as it was.
        verified: Cases that ended after somebody had acted for them.
        cleared: Cases that ended by themselves.
        unproved: Open cases without a finding, at a watermark that is not later than their last sight.
        unjudged: Open cases without a finding, whose rule was not evaluated on trustworthy inputs.
        timing: Findings that are still a matter of timing.
        unknown: Findings of which nothing may be said.
        outdated: Findings older than what is already known of their case.
    """

    opened: tuple[str, ...]
    reopened: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    verified: tuple[str, ...]
    cleared: tuple[str, ...]
    unproved: tuple[str, ...]
    unjudged: tuple[str, ...]
    timing: int
    unknown: int
    outdated: int

    @property
    def cured(self) -> tuple[str, ...]:
        """Cases whose cure this snapshot proves."""
        return tuple(sorted((*self.verified, *self.cleared)))


def read_case_policy(seeds: Path) -> CasePolicy:
    """Return the policy in the seeds folder: `sla.yaml`, `routing.yaml` and `calendars.yaml`.

    Raises:
        ConfigurationError: One of them is missing or wrong.
    """
    calendars = read_calendars(seeds / "calendars.yaml")
    return CasePolicy(read_sla(seeds / "sla.yaml"), read_routing(seeds / "routing.yaml", calendars))


def intake(
    work: UnitOfWork,
    findings: Iterable[Finding],
    runs: Iterable[RuleRun],
    *,
    policy: CasePolicy,
    now: datetime,
    revisited: frozenset[str] | None = None,
) -> IntakeResult:
    """Bring the cases to what the findings say, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        findings: One for each difference, of any verdict.
        runs: Which rules were evaluated, at which watermark; the absence of a finding of any other is no cure.
        policy: Deadlines and assignment.
        now: The moment of the intake.
        revisited: In an incremental run, the business keys that were reconciled; None for all.

    Raises:
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    work.take_turn("intake")
    wake_due(work, now=now)
    with _uncollected():
        by_case = findings_by_case(findings)
        run_of = {(run.code, run.node): run for run in runs}
        codes = {code for code, _ in run_of} | {finding.code for finding in by_case.values()}
        keys = None if revisited is None else revisited | {finding.business_key for finding in by_case.values()}
        known = open_cases(work, codes, keys)
        differing = (case_id for case_id, finding in by_case.items() if finding.verdict is Verdict.DIFFER)
        known |= cases_by_id(work, (case_id for case_id in differing if case_id not in known))

        judgement = _Judgement(policy, now, parents=_parents(by_case), known=known)
        for case_id, finding in sorted(by_case.items()):
            judgement.see(case_id, finding, known.get(case_id))
        judged = (case for case_id, case in sorted(known.items()) if case_id not in by_case)
        for case in judged:
            if revisited is None or case.business_key in revisited:
                judgement.miss(case, run_of.get((case.code, case.node)) or run_of.get((case.code, None)))
        judgement.write(work)
        return judgement.result()


def findings_by_case(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return findings by the identity of their case; where a rule wrongly gives two of one, the graver."""
    gravest: dict[str, Finding] = {}
    for finding in findings:
        case_id = case_id_of(finding.code, finding.business_key, finding.node)
        rival = gravest.get(case_id)
        if rival is None or _rank(finding) > _rank(rival):
            gravest[case_id] = finding
    return gravest


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through everything read again and again: all of it is still needed."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rank(finding: Finding) -> tuple[int, datetime, str]:
    return _GRAVITY[finding.verdict], finding.watermark_at, finding.evidence


@dataclass
class _Judgement:
    """The changes one intake makes, collected before they are written."""

    policy: CasePolicy
    now: datetime
    parents: Mapping[str, str]
    known: Mapping[str, Case]
    inserts: list[Case] = field(default_factory=list)
    updates: list[Case] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)
    outcome: dict[str, list[str]] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)

    def see(self, case_id: str, finding: Finding, case: Case | None) -> None:
        """Judge a finding."""
        if finding.verdict is not Verdict.DIFFER:
            self._pass_over("timing" if finding.verdict is Verdict.TIMING else "unknown")
        elif case is None:
            self._open(case_id, finding)
        elif _outdated(finding, case):
            self._pass_over("outdated")
        elif case.closed_at is not None:
            self._reopen(finding, case)
        else:
            self._refresh(finding, case)

    def miss(self, case: Case, run: RuleRun | None) -> None:
        """Judge an open case that no finding speaks of."""
        if case.closed_at is not None:
            return
        if run is None or not run.trustworthy:
            self._count("unjudged", case.case_id)
        elif run.watermark_at <= case.last_seen_watermark_at:
            self._count("unproved", case.case_id)
        else:
            cured = replace(
                move(case, cured_state(case.state)), closed_at=self.now, proving_watermark_at=run.watermark_at
            )
            self.updates.append(cured)
            self._record(
                case.state, cured, CaseEventKind.CURED, run.watermark_at, "a later snapshot no longer shows it"
            )
            self._count("verified" if cured.state is CaseState.VERIFIED else "cleared", case.case_id)

    def write(self, work: UnitOfWork) -> None:
        """Write all changes and, if there are any, what was done to the audit log."""
        insert_cases(work, _parents_first(self.inserts))
        update_cases(work, self.updates, self.known)
        append_events(work, self.events)
        if self.events:
            counts: Mapping[str, int] = {name: len(ids) for name, ids in self.outcome.items()}
            audit.append(work, [audit.AuditEntry(self.now, ACTOR, "exceptions.taken_in", "exception_case", counts)])

    def result(self) -> IntakeResult:
        """Return what was done."""
        of = {name: tuple(sorted(ids)) for name, ids in self.outcome.items()}
        return IntakeResult(
            opened=of.get("opened", ()),
            reopened=of.get("reopened", ()),
            updated=of.get("updated", ()),
            unchanged=of.get("unchanged", ()),
            verified=of.get("verified", ()),
            cleared=of.get("cleared", ()),
            unproved=of.get("unproved", ()),
            unjudged=of.get("unjudged", ()),
            timing=self.passed_over.get("timing", 0),
            unknown=self.passed_over.get("unknown", 0),
            outdated=self.passed_over.get("outdated", 0),
        )

    def _open(self, case_id: str, finding: Finding) -> None:
        case = _new_case(case_id, finding, self.policy, self.now, parent_case_id=self.parents.get(case_id))
        self.inserts.append(case)
        self._record(CaseState.DETECTED, case, CaseEventKind.OPENED, finding.watermark_at)
        self._count("opened", case_id)

    def _reopen(self, finding: Finding, case: Case) -> None:
        parent_case_id = self.parents.get(case.case_id)
        fresh = _new_case(case.case_id, finding, self.policy, self.now, parent_case_id=parent_case_id)
        reopened = replace(
            fresh,
            state=move(case, CaseState.REOPENED).state,
            detected_at=case.detected_at,
            times_opened=case.times_opened + 1,
        )
        self.updates.append(reopened)
        self._record(case.state, reopened, CaseEventKind.REOPENED, finding.watermark_at)
        self._count("reopened", case.case_id)

    def _refresh(self, finding: Finding, case: Case) -> None:
        seen = replace(
            case,
            last_seen_watermark_at=finding.watermark_at,
            rule_version=finding.rule_version,
            evidence=finding.evidence,
            order_id=finding.order_id,
            severity=finding.severity,
            owner=finding.owner,
            expected_value=finding.expected_value,
            actual_value=finding.actual_value,
            delta_qty=None if finding.delta_qty is None else to_quantity(finding.delta_qty),
            value_at_risk_amount=to_amount(finding.value_at_risk_amount),
            currency=finding.currency,
            # A cause that is cured first stays the cause; from then on the case is worked on by itself.
            parent_case_id=self.parents.get(case.case_id, case.parent_case_id),
        )
        if case.parent_case_id and case.case_id not in self.parents:
            seen = self._routed(finding, seen)
        if seen.severity is not case.severity:
            calendar = self.policy.routing.calendar_of(seen.owner)
            due = self.policy.sla.due_times(seen.severity, case.condition_since, calendar)
            seen = replace(seen, ack_due_at=due.ack_due_at, fix_due_at=due.fix_due_at)
        if seen != case:
            self.updates.append(seen)
        changed = _material(seen) != _material(case)
        if changed:
            self._record(case.state, seen, CaseEventKind.REFRESHED, finding.watermark_at)
        self._count("updated" if changed else "unchanged", case.case_id)

    def _routed(self, finding: Finding, case: Case) -> Case:
        """Give a case whose cause is gone to the person its team has named, unless somebody is at it."""
        assignee = self.policy.routing.assignee_of(finding)
        if case.state is not CaseState.OPEN or case.assignee or assignee is None:
            return case
        return replace(move(case, CaseState.ASSIGNED), assignee=assignee)

    def _record(
        self, came_from: CaseState, case: Case, event: CaseEventKind, watermark_at: datetime, note: str | None = None
    ) -> None:
        said = note or f"expected {case.expected_value}, found {case.actual_value}"
        self.events.append(CaseEvent(case.case_id, self.now, ACTOR, event, came_from, case.state, watermark_at, said))

    def _count(self, outcome: str, case_id: str) -> None:
        self.outcome.setdefault(outcome, []).append(case_id)

    def _pass_over(self, why: str) -> None:
        self.passed_over[why] = self.passed_over.get(why, 0) + 1


def _outdated(finding: Finding, case: Case) -> bool:
    # A difference seen no later than the proof of its cure cannot have come back after it.
    if case.proving_watermark_at is not None:
        return finding.watermark_at <= case.proving_watermark_at
    return finding.watermark_at < case.last_seen_watermark_at


def _parents(by_case: Mapping[str, Finding]) -> dict[str, str]:
    """Return, by case, the case of the break that causes it; a case that has one is not routed by itself."""
    found = {
        case_id: case_id_of(finding.parent_code, finding.parent_business_key, finding.parent_node)
        for case_id, finding in by_case.items()
        if finding.parent_code and finding.verdict is Verdict.DIFFER
    }
    return {
        case_id: parent
        for case_id, parent in found.items()
        if parent in by_case and by_case[parent].verdict is Verdict.DIFFER
    }


def _parents_first(cases: Iterable[Case]) -> list[Case]:
    """A row must exist before another refers to it; what refers to a case that existed before may stand anywhere."""
    by_id = {case.case_id: case for case in cases}
    order = TopologicalSorter(
        {case_id: {case.parent_case_id} & by_id.keys() for case_id, case in by_id.items() if case.parent_case_id}
    )
    behind = {case_id: position for position, case_id in enumerate(order.static_order())}
    return sorted(by_id.values(), key=lambda case: behind.get(case.case_id, 0))


def _new_case(
    case_id: str, finding: Finding, policy: CasePolicy, now: datetime, *, parent_case_id: str | None = None
) -> Case:
    assignee = None if parent_case_id else policy.routing.assignee_of(finding)
    due = policy.sla.due_times(finding.severity, finding.condition_since, policy.routing.calendar_of(finding.owner))
    return Case(
        case_id=case_id,
        code=finding.code,
        business_key=finding.business_key,
        node=finding.node,
        order_id=finding.order_id,
        state=CaseState.ASSIGNED if assignee else CaseState.OPEN,
        severity=finding.severity,
        owner=finding.owner,
        assignee=assignee,
        value_at_risk_amount=to_amount(finding.value_at_risk_amount),
        currency=finding.currency,
        expected_value=finding.expected_value,
        actual_value=finding.actual_value,
        delta_qty=None if finding.delta_qty is None else to_quantity(finding.delta_qty),
        condition_since=finding.condition_since,
        detected_at=now,
        opened_at=now,
        first_breaks_at=finding.breaks_at,
        ack_due_at=due.ack_due_at,
        fix_due_at=due.fix_due_at,
        acked_at=None,
        closed_at=None,
        last_seen_watermark_at=finding.watermark_at,
        proving_watermark_at=None,
        times_opened=1,
        rule_version=finding.rule_version,
        evidence=finding.evidence,
        parent_case_id=parent_case_id,
        suppressed_until=None,
    )
