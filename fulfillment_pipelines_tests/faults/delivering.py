"""Deliver to the counting target: the corrections, the connection, the dispatcher, and letting everything run out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.clock import Clock, FixedClock, WallClock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.systems.declaration import HttpDeclaration, load_declaration
from fulfillment_pipelines.systems.port import CorrectionSink
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

UNFINISHED = frozenset(
    {CorrectionState.APPROVED, CorrectionState.RETRYING, CorrectionState.SENT, CorrectionState.UNKNOWN_OUTCOME}
)
"""States of a correction that is still to be delivered."""

SETTLING_SECONDS = 30
_FINANCE = Path(__file__).with_name("counting_finance.yaml")


def _do_nothing() -> None:
    pass


class CountingSink:
    """A target within this process that does whatever it is asked, every time, and counts it.

    Args:
        before_effect: Called whenever something is to be done, before it is.
        after_first_effect: Called when the first effect is there and its answer is not given yet.

    Attributes:
        effects: The idempotency key of every effect, in their order.
    """

    system = "finance"

    def __init__(
        self, *, before_effect: Callable[[], None] = _do_nothing, after_first_effect: Callable[[], None] = _do_nothing
    ) -> None:
        self.effects: list[str] = []
        self._before_effect = before_effect
        self._after_first_effect = after_first_effect

    def apply(self, correction: Correction) -> Receipt:
        """Do it once more."""
        self._before_effect()
        self.effects.append(correction.idempotency_key)
        if len(self.effects) == 1:
            self._after_first_effect()
        return Receipt(correction.idempotency_key, Observed.APPLIED, "I-1", received_at=datetime.now(UTC))

    def read_back(self, correction: Correction) -> Observed:
        """Show it, or that it is not there."""
        return Observed.APPLIED if correction.idempotency_key in self.effects else Observed.ABSENT


@contextmanager
def connected(url: str, clock: Clock) -> Iterator[CorrectionSink]:
    """Connect this process to the counting target, through the product's own transport."""
    declaration = load_declaration(_FINANCE)
    assert isinstance(declaration, HttpDeclaration)
    system = HttpSystem(declaration, References({"FINANCE_URL": f"{url}/worker/{os.getpid()}"}), clock)
    try:
        yield system.sink()
    finally:
        system.close()


def dispatcher_of(
    ledger: Ledger,
    sink: CorrectionSink,
    policies: Policies,
    clock: Clock,
    *,
    machine_clock: Clock | None = None,
    worker: str = "",
    is_gone: Callable[[str], bool] | None = None,
) -> Dispatcher:
    """Return a dispatcher all of whose targets are one sink, without jitter."""
    named = {} if is_gone is None else {"is_gone": is_gone}
    return Dispatcher(
        ledger,
        lambda _system: sink,
        policies.delivery,
        clock=clock,
        machine_clock=machine_clock or WallClock(),
        jitter=lambda: 0.0,
        worker=worker,
        **named,
    )


def with_worker_limits(policies: Policies, **changes: object) -> Policies:
    """Return the policies with other limits for workers."""
    workers = policies.delivery.workers.model_copy(update=changes)
    return replace(policies, delivery=policies.delivery.model_copy(update={"workers": workers}))


def unbilled(make_finding: Callable[..., Finding], order_id: str, line_no: int = 1, **changes: object) -> Finding:
    """Return the finding whose correction is an invoice: looked for before it is sent."""
    payload = {"order_id": order_id, "line_no": line_no, "shipment_id": f"SH-{order_id}", "uom": "EA"}
    payload |= {"invoiced_qty": "10", "unit_price": "12.05", "currency": "USD"}
    named = {"code": "FIN-01", "message": "invoice.request", "target_role": "finance", "correction_class": "P"}
    return make_finding(
        business_key=f"{order_id}/{line_no}/SH-{order_id}",
        order_id=order_id,
        payload=json.dumps(payload),
        precondition=json.dumps({"shipment_id": f"SH-{order_id}"}),
        **named | changes,
    )


def billed_too_soon(make_finding: Callable[..., Finding], order_id: str, line_no: int = 1) -> Finding:
    """Return the finding whose correction stops an invoice: sent at once, without a look."""
    payload = {"invoice_id": f"I-{order_id}", "invoice_line_no": line_no, "order_id": order_id, "line_no": line_no}
    return make_finding(
        code="FIN-03",
        business_key=f"I-{order_id}/{line_no}",
        order_id=order_id,
        message="invoice.hold",
        target_role="finance",
        correction_class="G",
        payload=json.dumps(payload | {"shipment_id": f"SH-{order_id}"}),
        precondition=json.dumps({"status": "DRAFT"}),
    )


def decide(
    ledger: Ledger, findings: Iterable[Finding], *, case_policy: CasePolicy, policies: Policies, now: datetime
) -> tuple[str, ...]:
    """Open the cases of findings and decide on their corrections; return those that were approved."""
    findings = list(findings)
    with ledger.unit_of_work() as work:
        intake(work, findings, [], policy=case_policy, now=now)
        proposed = propose(work, findings, policies=policies, target_of=lambda role, *_: role, now=now)
        work.commit()
    return proposed.approved


def is_finished(ledger: Ledger) -> bool:
    """Whether nothing is left to be delivered."""
    with ledger.reading() as work:
        return not list_corrections(work, CorrectionFilter(states=UNFINISHED, limit=1))


def run_out(ledger: Ledger, dispatcher: Dispatcher, clock: FixedClock) -> None:
    """Deliver, and let a minute pass whenever nothing more is due, until nothing is left."""
    for _ in range(300):
        dispatcher.run()
        if is_finished(ledger):
            return
        clock.at += timedelta(minutes=1)
    msg = "corrections are still to be delivered after five hours"
    raise AssertionError(msg)


def await_rollback(ledger_url: str) -> None:
    """Wait until the database has noticed that the processes which were killed are gone."""
    if not ledger_url.startswith("postgresql"):
        return
    deadline = time.monotonic() + SETTLING_SECONDS
    with psycopg.connect(ledger_url.replace("+psycopg", ""), autocommit=True) as connection:
        while connection.execute(
            "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            " and state <> 'idle' and backend_type = 'client backend'"
        ).fetchone():
            assert time.monotonic() < deadline, "a transaction of a killed process is still open"


def assert_the_audit_chain_is_whole(ledger: Ledger) -> None:
    """Verify the audit log."""
    with ledger.reading() as work:
        audit.verify(work).require_intact()
