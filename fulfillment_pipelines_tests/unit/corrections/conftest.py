"""A target whose answers a test chooses, and the way from a finding to an approved correction."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import func, select

from fulfillment_pipelines.corrections.approving.lapse import lapse
from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.corrections.delivering.delivery import first_delivery
from fulfillment_pipelines.corrections.delivering.delivery_policy import TargetLimits
from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.proposals import ProposalResult, propose
from fulfillment_pipelines.corrections.proving.confirm import ConfirmResult, confirm
from fulfillment_pipelines.corrections.proving.loop_guard import stop_loops
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, insert_corrections
from fulfillment_pipelines.ledger.outbox import DeliveryStatus, deliveries_of, insert_deliveries, update_deliveries
from fulfillment_pipelines.ledger.readings import list_corrections
from fulfillment_pipelines.ledger.switches import subject_of
from fulfillment_pipelines.ledger.tables import METADATA, audit_log
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork

MACHINE_TIME = datetime(2026, 11, 1, tzinfo=UTC)


Facts = Mapping[str, Mapping[str, Any]]


def _except(*names: str) -> Callable[[Any], Mapping[str, Any]]:
    return lambda row: {name: value for name, value in row._mapping.items() if name not in names}


# By table: what the audit log calls a row, and what of it is a decision or a deed. A lease is neither, nor is that a
# later snapshot shows the same.
WATCHED: Mapping[str, tuple[Callable[[Any], str], Callable[[Any], Mapping[str, Any]]]] = {
    "correction": (lambda row: row.correction_id, _except("watermark_at", "evidence", "evidence_hash")),
    "outbox": (lambda row: row.correction_id, _except("status", "leased_by", "lease_until")),
    "approval": (lambda row: row.correction_id, _except()),
    "kill_switch": (lambda row: subject_of(row.scope, row.name), _except()),
}


@dataclass
class Target:
    """A system that does as it is told, or answers as a test has prepared.

    Attributes:
        answers: What the next calls of `apply` do: answer with that, raise it, or do it. Then they apply.
        sights: What the next calls of `read_back` do. Then they tell the truth.
        effects: The keys whose effect it has, once for each time it had it.
        calls: The verbs it was asked, in order.
    """

    system: str = "finance"
    answers: list[Observed | Exception | Callable[[], object]] = field(default_factory=list)
    sights: list[Observed | Exception | Callable[[], object]] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    received: list[Correction] = field(default_factory=list)

    def apply(self, correction: Correction) -> Receipt:
        self.calls.append("apply")
        self.received.append(correction)
        answer = self.answers.pop(0) if self.answers else Observed.APPLIED
        if callable(answer):
            answer = answer() or Observed.APPLIED
        if isinstance(answer, Exception):
            raise answer
        self.effects.append(correction.idempotency_key)
        return Receipt(correction.idempotency_key, answer, "INV-9", datetime.now(UTC))

    def read_back(self, correction: Correction) -> Observed:
        self.calls.append("read_back")
        sight = self.sights.pop(0) if self.sights else None
        if callable(sight):
            sight = sight()
        if isinstance(sight, Exception):
            raise sight
        return sight or (Observed.APPLIED if correction.idempotency_key in self.effects else Observed.ABSENT)


@dataclass
class Desk:
    """One ledger, one target, one clock: what the loop does after reconciliation."""

    ledger: Ledger
    case_policy: CasePolicy
    policies: Policies
    clock: FixedClock
    machine_clock: FixedClock
    target: Target = field(default_factory=Target)

    def take_in(self, *findings: Finding) -> tuple[ConfirmResult, ProposalResult]:
        """Do what one reconciliation does, in one transaction; all its rules were evaluated at the clock's time."""
        now = self.clock.now()
        codes = ("FIN-01", "INT-02", "INT-03", "SYS-05")
        runs = [RuleRun(code, None, now, trustworthy=True) for code in codes]
        with self.ledger.unit_of_work() as work:
            taken = intake(work, findings, runs, policy=self.case_policy, now=now)
            confirmed = confirm(work, findings, now=now, runs=runs, reopened=taken.reopened)
            stop_loops(work, findings, now=now)
            lapse(work, now=now)
            proposed = propose(work, findings, policies=self.policies, target_of=lambda role, *_: role, now=now)
            work.commit()
        return confirmed, proposed

    def dispatcher(
        self,
        worker: str = "",
        *,
        sink_of: Callable[[str], Target] | None = None,
        **changes: Callable[[str], bool],
    ) -> Dispatcher:
        """Return a dispatcher without chance in its waits."""
        return Dispatcher(
            self.ledger,
            sink_of or (lambda _system: self.target),
            self.policies.delivery,
            clock=self.clock,
            machine_clock=self.machine_clock,
            jitter=lambda: 1.0,
            worker=worker,
            **changes,
        )

    def wait(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.clock.at += timedelta(seconds=seconds)
        self.machine_clock.at += timedelta(seconds=seconds)

    def corrections(self) -> list[CorrectionRecord]:
        """Return all corrections, newest first."""
        with self.ledger.reading() as work:
            return list_corrections(work)

    def only(self) -> CorrectionRecord:
        """Return the one correction there is."""
        (record,) = self.corrections()
        return record


@dataclass
class Outbox:
    """Approved corrections of any kind, put straight into the outbox of a desk, and several systems to take them."""

    desk: Desk
    template: CorrectionRecord
    systems: dict[str, Target] = field(default_factory=dict)

    def add(self, name: str, *, order: str = "", target: str = "erp", **changes: object) -> str:
        """Approve a correction now; its name is its key, and its order's unless one is given."""
        payload = json.dumps({"order_id": order or name})
        record = replace(
            self.template,
            correction_id=f"COR-{name}",
            idempotency_key=name,
            target=target,
            payload=payload,
            state=CorrectionState.APPROVED,
            **changes,
        )
        record = replace(record, content_hash=content_hash_of(record))
        with self.desk.ledger.unit_of_work() as work:
            insert_corrections(work, [record])
            insert_deliveries(work, [first_delivery(record, self.desk.policies.delivery, self.desk.clock.now())])
            work.commit()
        return record.correction_id

    def target(self, name: str) -> Target:
        """Return a system, which is made when it is first asked for."""
        return self.systems.setdefault(name, Target(name))

    def dispatcher(self, worker: str = "", **changes: Callable[[str], bool]) -> Dispatcher:
        """Return a dispatcher that reaches all systems."""
        return self.desk.dispatcher(worker, sink_of=self.target, **changes)

    def policy(self, target: str, **own: object) -> None:
        """Let other limits hold for a target."""
        delivery = self.desk.policies.delivery
        limits = TargetLimits.model_validate(own)
        changed = delivery.model_copy(update={"targets": {**delivery.targets, target: limits}})
        self.desk.policies = replace(self.desk.policies, delivery=changed)

    def states(self) -> dict[str, str]:
        """Return where each correction stands, by name."""
        return {record.idempotency_key: str(record.state) for record in self.desk.corrections()}


def _outbox(desk: Desk, finding: Finding) -> Outbox:
    desk.take_in(finding)
    template = desk.only()
    with desk.ledger.unit_of_work() as work:
        (delivery,) = deliveries_of(work, [template.case_id]).values()
        update_deliveries(work, [replace(delivery, status=DeliveryStatus.DONE)])
        work.commit()
    return Outbox(desk, template)


@pytest.fixture
def box(desk: Desk, make_direct: Callable[..., Finding]) -> Outbox:
    """An outbox on SQLite."""
    return _outbox(desk, make_direct())


@pytest.fixture
def both_box(both_desk: Desk, make_direct: Callable[..., Finding]) -> Outbox:
    """An outbox on each database."""
    return _outbox(both_desk, make_direct())


@pytest.fixture
def desk(sqlite_ledger: Ledger, case_policy: CasePolicy, policies: Policies, noon: datetime) -> Desk:
    """A desk on SQLite."""
    return Desk(sqlite_ledger, case_policy, policies, FixedClock(noon), FixedClock(MACHINE_TIME))


@pytest.fixture
def both_desk(ledger: Ledger, case_policy: CasePolicy, policies: Policies, noon: datetime) -> Desk:
    """A desk on each database."""
    return Desk(ledger, case_policy, policies, FixedClock(noon), FixedClock(MACHINE_TIME))


@pytest.fixture
def make_direct(make_finding: Callable[..., Finding]) -> Callable[..., Finding]:
    """Return a finding whose message is sent at once, without a look first: what a draft bills, given as `qty`."""
    draft = {"message": "invoice.amend", "precondition": '{"invoiced_qty": "10", "status": "DRAFT"}'}

    def make(*, qty: str = "10", order_id: str = "SO-1001", **changes: object) -> Finding:
        payload = {"invoice_id": "INV-9", "invoice_line_no": 1, "order_id": order_id, "line_no": 2}
        return make_finding(**{**draft, "payload": json.dumps({**payload, "invoiced_qty": qty}), **changes})

    return make


def _written_by_a_test(frame: FrameType | None) -> bool:
    """Whether a test itself calls the store that writes, to prepare something or to tamper with it."""
    while frame is not None and "/fulfillment_pipelines/ledger/" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None and "_tests/" in frame.f_code.co_filename


@pytest.fixture(autouse=True)
def every_change_is_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test in which a transaction changes what was decided or done without an audit row that names it."""
    begun: dict[UnitOfWork, tuple[dict[str, Facts], int]] = {}
    write, query, commit = UnitOfWork.change, UnitOfWork.rows, UnitOfWork.commit

    def facts(work: UnitOfWork) -> dict[str, Facts]:
        return {
            name: {key(row): told(row) for row in query(work, select(METADATA.tables[name]))}
            for name, (key, told) in WATCHED.items()
        }

    def watch(work: UnitOfWork, statement: Any) -> None:
        watched = getattr(statement, "is_dml", False) and statement.table.name in WATCHED
        if watched and work not in begun and not _written_by_a_test(sys._getframe(2)):
            last = query(work, select(func.coalesce(func.max(audit_log.c.sequence), 0)))[0][0]
            begun[work] = (facts(work), last)

    def watched_change(work: UnitOfWork, statement: Any, parameters: Any = None) -> int:
        watch(work, statement)
        return write(work, statement, parameters)

    def watched_rows(work: UnitOfWork, statement: Any, parameters: Any = None) -> Any:
        watch(work, statement)
        return query(work, statement, parameters)

    def watched_commit(work: UnitOfWork) -> None:
        if work in begun:
            before, last = begun.pop(work)
            told = {row.subject for row in query(work, select(audit_log.c.subject).where(audit_log.c.sequence > last))}
            after = facts(work)
            changed = {
                (name, subject): (before[name].get(subject), after[name].get(subject))
                for name in WATCHED
                for subject in before[name].keys() | after[name].keys()
                if before[name].get(subject) != after[name].get(subject)
                and subject not in told
                # What retention erases is told by case, and summed up.
                and not ("ledger" in told and subject not in after[name])
            }
            assert not changed, f"changed without an audit row: {changed}"
        commit(work)

    monkeypatch.setattr(UnitOfWork, "change", watched_change)
    monkeypatch.setattr(UnitOfWork, "rows", watched_rows)
    monkeypatch.setattr(UnitOfWork, "commit", watched_commit)
