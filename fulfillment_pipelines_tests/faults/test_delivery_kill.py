"""Workers that are killed with SIGKILL, and several at once: one effect for each correction, and none is lost.

Every line that a worker executes from its claim to the recorded receipt is counted in an undisturbed run. Then a
worker is killed before each of them, and a second one goes on. A test run takes every few lines, others on another
day; with `KILL_LINES_APART=1`, all of them.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.readings import list_corrections, show_case
from fulfillment_pipelines.ledger.tables import correction, outbox
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.counting_target import CountingTarget, counting_target
from fulfillment_pipelines_tests.faults.delivering import (
    assert_the_audit_chain_is_whole,
    await_rollback,
    billed_too_soon,
    connected,
    decide,
    dispatcher_of,
    run_out,
    unbilled,
)
from fulfillment_pipelines_tests.faults.killable_worker import Start, Workers, killable_workers

FINDINGS = {"invoice.hold": billed_too_soon, "invoice.request": unbilled}
KILLED = -signal.SIGKILL
ORDERS, LINES = 100, 2
LINES_APART = int(os.environ.get("KILL_LINES_APART", "61"))


@dataclass
class Scene:
    """A ledger, a target that counts, and workers between them; every correction is another order."""

    ledger: Ledger
    ledger_url: str
    target: CountingTarget
    workers: Workers
    second: Dispatcher
    clock: FixedClock
    lines_file: Path
    approve: Callable[[Sequence[Finding]], tuple[str, ...]]
    make_finding: Callable[..., Finding]
    approved: int = 0

    def approve_one(self, message: str) -> Finding:
        """Approve a correction of one more order; return its finding."""
        self.clock.at += timedelta(minutes=1)
        self.approved += 1
        finding = FINDINGS[message](self.make_finding, f"SO-{self.approved}")
        assert len(self.approve([finding])) == 1
        return finding

    def run(self, workers: int = 1, *, dies_at_line: int = 0, lines_into: str = "") -> list[int]:
        """Run workers at once, each in a process of its own; return their exit statuses."""
        now = self.clock.at.isoformat()
        start = Start(self.ledger_url, self.target.url, now, dies_at_line, lines_into)
        statuses = self.workers.run(*[start] * workers)
        await_rollback(self.ledger_url)
        return statuses

    def lines(self) -> list[str]:
        """Run a worker to its end; return the lines that it has executed, in their order."""
        assert self.run(lines_into=str(self.lines_file)) == [0]
        return self.lines_file.read_text(encoding="utf-8").splitlines()

    def go_on(self) -> None:
        """Let the second worker deliver what is left."""
        run_out(self.ledger, self.second, self.clock)

    def approved_lines(self) -> list[tuple[str, int]]:
        """Return order and line of every correction, in the order in which they came into the outbox."""
        with self.ledger.reading() as work:
            rows = work.rows(select(correction.c.payload).join(outbox).order_by(outbox.c.outbox_id))
        payloads = [json.loads(row.payload) for row in rows]
        return [(payload["order_id"], payload["line_no"]) for payload in payloads]

    def amiss(self, finding: Finding) -> str:
        """Return what is wrong in the end; empty where there is one effect, known to the ledger with its receipt."""
        effects = self.target.effects.count((finding.order_id, 1))
        with self.ledger.reading() as work:
            found = show_case(work, case_id_of(finding.code, finding.business_key, finding.node))
        (delivered,) = found.corrections
        state, receipts = delivered.correction.state, len(delivered.receipts)
        as_it_should = effects == 1 and state is CorrectionState.ACKED and receipts > 0
        return "" if as_it_should else f"{effects} effects, {state}, {receipts} receipts"


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with killable_workers() as started:
        yield started


@pytest.fixture
def scene(
    *,
    ledger: Ledger,
    ledger_url: str,
    workers: Workers,
    case_policy: CasePolicy,
    policies: Policies,
    make_finding: Callable[..., Finding],
    noon: datetime,
    tmp_path: Path,
) -> Iterator[Scene]:
    clock = FixedClock(noon)
    with counting_target() as target, connected(target.url, clock) as sink:
        yield Scene(
            ledger,
            ledger_url,
            target,
            workers,
            dispatcher_of(ledger, sink, policies, clock),
            clock,
            tmp_path / "lines",
            lambda findings: decide(ledger, findings, case_policy=case_policy, policies=policies, now=clock.at),
            make_finding,
        )
    assert_the_audit_chain_is_whole(ledger)


def _lines_of_today(lines: list[str]) -> list[tuple[int, str]]:
    """Return numbers and places of the lines at which a worker is killed today; a line that repeats itself is one."""
    first = datetime.now(UTC).date().toordinal() % LINES_APART
    places = [(number, place) for number, place in enumerate(lines, start=1) if place != lines[number - 2]]
    return places[first::LINES_APART]


@pytest.mark.parametrize("message", FINDINGS)
def test_a_worker_killed_at_any_line_leaves_one_effect(scene: Scene, message: str, fault_outcome: Any) -> None:
    scene.approve_one(message)
    scene.go_on()  # the first message to a target does more than the others
    scene.approve_one(message)
    amiss = {}
    for number, place in _lines_of_today(scene.lines()):
        finding = scene.approve_one(message)
        assert scene.run(dies_at_line=number) == [KILLED], place
        scene.go_on()
        if wrong := scene.amiss(finding):
            amiss[f"killed before line {number}, {place}"] = wrong
    assert amiss == {}
    fault_outcome(
        fault=f"Worker killed while it delivers `{message}`",
        injected="SIGKILL to itself before each line from the claim to the recorded receipt, one worker for each line",
        outcome="the next worker takes the row over, looks before it sends, and has it acknowledged",
        effects=1,
    )


@pytest.mark.parametrize(
    ("message", "point"),
    [
        ("invoice.hold", "before the effect"),
        ("invoice.hold", "after the effect"),
        ("invoice.request", "before the look"),
        ("invoice.request", "after the look"),
        ("invoice.request", "before the effect"),
        ("invoice.request", "after the effect"),
    ],
)
def test_a_worker_killed_while_the_target_answers_leaves_one_effect(
    scene: Scene, message: str, point: str, fault_outcome: Any
) -> None:
    finding = scene.approve_one(message)
    scene.target.kills.add(point)
    assert scene.run() == [KILLED]
    scene.go_on()
    assert scene.amiss(finding) == ""
    fault_outcome(
        fault=f"Worker killed while the target answers `{message}`",
        injected=f"SIGKILL from within the target, {point}",
        outcome="the next worker takes the row over, looks before it sends, and has it acknowledged",
        effects=1,
    )


def test_a_worker_killed_at_any_line_of_taking_over_leaves_one_effect(scene: Scene, fault_outcome: Any) -> None:
    def abandon() -> Finding:
        finding = scene.approve_one("invoice.hold")
        scene.target.kills.add("after the effect")
        assert scene.run() == [KILLED]
        return finding

    abandon()
    scene.go_on()  # the first message to a target does more than the others
    abandon()
    amiss = {}
    for number, place in _lines_of_today(scene.lines()):
        finding = abandon()
        assert scene.run(dies_at_line=number) == [KILLED], place
        scene.go_on()
        if wrong := scene.amiss(finding):
            amiss[f"killed before line {number}, {place}"] = wrong
    assert amiss == {}
    fault_outcome(
        fault="Worker killed while it takes over from a killed worker",
        injected="SIGKILL after the effect, then SIGKILL to the next worker before each line of its run",
        outcome="the third worker finds the effect by looking, and sends nothing",
        effects=1,
    )


@pytest.mark.parametrize("workers_at_once", [2, 4])
def test_dispatchers_at_once_have_one_effect_each_in_the_order_of_approval(
    scene: Scene, workers_at_once: int, fault_outcome: Any
) -> None:
    lines = [(f"SO-{number}", line_no) for number in range(1, ORDERS + 1) for line_no in range(1, LINES + 1)]
    assert len(scene.approve([unbilled(scene.make_finding, *line) for line in lines])) == ORDERS * LINES
    in_order = scene.approved_lines()
    assert scene.run(workers_at_once) == [0] * workers_at_once
    scene.go_on()
    assert _by_order(scene.target.effects) == _by_order(in_order)
    with scene.ledger.reading() as work:
        delivered = list_corrections(work)
        receipts = [show_case(work, record.case_id).corrections[0].receipts for record in delivered]
    assert [record.state for record in delivered] == [CorrectionState.ACKED] * ORDERS * LINES
    assert len({receipt.worker for of_one in receipts for receipt in of_one}) > 1
    fault_outcome(
        fault=f"{workers_at_once} dispatchers at once",
        injected=f"{workers_at_once} processes on one outbox of {ORDERS * LINES} corrections of {ORDERS} orders",
        outcome="each correction is acknowledged once; those of one order go out in the order of their approval",
        effects=ORDERS * LINES,
    )


def _by_order(lines: list[tuple[str, int]]) -> dict[str, list[int]]:
    return {order_id: [line for order, line in lines if order == order_id] for order_id, _ in sorted(lines)}
