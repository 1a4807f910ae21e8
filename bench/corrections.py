"""Ten thousand corrections through a target that fails one call in five: how many effects, how many twice or lost.

    python -m bench.corrections --count 10000 --failing 0.2 [--ledger URL]

The target is a process of its own that counts its effects; it is written to as a system that takes idempotency keys and
as one that does not, with the ledger on SQLite and on PostgreSQL. Back-off is waited for on a simulated clock, time
limits of calls are waited for in full. The table is written to bench/results/corrections.md.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from bench.machine import measured_on
from fulfillment_pipelines.corrections.approving.replay import replay
from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.corrections.proving.confirm import confirm
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.clock import FixedClock, WallClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Severity, Verdict
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake, read_case_policy
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CaseFilter, CorrectionFilter, list_cases, list_corrections
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.twin.systems.postgres import PostgresServer
from fulfillment_pipelines_tests.faults.hostile_target import HostileTarget, Tally

_ROOT: Final = Path(__file__).parents[1]
_RESULTS: Final = Path(__file__).parent / "results" / "corrections.md"
_BEGINS_AT: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
_VARIANTS: Final = ("keyed", "unkeyed")
_PERSON: Final = "ada"
_MOST_ROUNDS: Final = 20
_COLUMNS: Final = (
    "ledger",
    "target",
    "effects",
    "twice",
    "lost",
    "verified",
    "dead letters",
    "calls",
    "went wrong",
    "wall s",
    "of it time limits s",
    "CPU s",
    "a second, wall",
    "a CPU second",
    "audit rows",
)
_MEANING: Final = """\
Effects are what the target has counted. *Twice* counts effects beyond the first on one object, *lost* the corrections
without an effect of which the ledger does not say why. *Verified* means that the snapshot after the delivery showed the
effect and closed the case. *Went wrong* counts the calls in which the target failed. Back-off runs on a simulated
clock; a call that hangs is waited for, {timeout_seconds:g} s each. A dead letter is replayed by a person in the next
round. CPU is that of the process that delivers, with {workers} dispatchers at once. PostgreSQL runs on the same
machine, without fsync. Faults in which the target's own books go wrong, or somebody else writes in them, are not among
these: docs/faults.md has them."""
_WAITED_FOR: Final = ("hangs", "answers byte by byte")
_UNFINISHED: Final = frozenset(
    {CorrectionState.APPROVED, CorrectionState.RETRYING, CorrectionState.SENT, CorrectionState.UNKNOWN_OUTCOME}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run.

    Attributes:
        database: Of the ledger.
        variant: Of the target.
        corrections: How many were to be delivered.
        effects: How many effects the target has counted.
        duplicates: Effects beyond the first on one object.
        lost: Corrections without an effect of which the ledger does not say why.
        verified: Cases that a snapshot after the delivery has closed, because it shows the effect.
        dead_letters: Reasons for which a person had to look, and how often. Each was replayed, as a person would.
        calls: Calls that the target has had.
        injected: Faults that it has carried out.
        wall_seconds: From the first delivery to the last.
        cpu_seconds: Processor time of this process meanwhile.
        waited_seconds: How much of the wall time was spent on time limits of calls.
        audit_rows: Rows of the audit log, whose chain was verified.
    """

    database: str
    variant: str
    corrections: int
    effects: int
    duplicates: int
    lost: int
    verified: int
    dead_letters: Mapping[str, int]
    calls: int
    injected: Mapping[str, int]
    wall_seconds: float
    cpu_seconds: float
    waited_seconds: float
    audit_rows: int

    @property
    def is_exact(self) -> bool:
        """Whether each correction had its one effect, and a snapshot has proved it."""
        return self.effects == self.verified == self.corrections and not self.duplicates and not self.lost


@dataclass
class Run:
    """A ledger, a target, and the loop between them on a simulated clock."""

    url: str
    target: HostileTarget
    clock: FixedClock
    policies: Policies
    case_policy: CasePolicy
    orders: Sequence[str]
    workers: int
    timeout_seconds: float
    dead_letters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.url)
        self.ledger.migrate()

    def reconcile(self) -> int:
        """Do what a reconciliation does with the target's present books; return how many invoices are missing."""
        now, billed = self.clock.at, self.target.tally()
        missing = [_unbilled(order, now) for order in self.orders if not _standing(billed, order)]
        runs = [RuleRun("FIN-01", None, now, trustworthy=True)]
        with self.ledger.unit_of_work() as work:
            intake(work, missing, runs, policy=self.case_policy, now=now)
            confirm(work, missing, now=now)
            propose(work, missing, policies=self.policies, target_of=lambda role, *_: role, now=now)
            work.commit()
        return len(missing)

    def deliver(self) -> None:
        """Deliver everything, letting a minute pass whenever nothing is due."""
        with ThreadPoolExecutor(self.workers) as pool, ExitStack() as opened:
            dispatchers = [self._dispatcher(opened, number) for number in range(self.workers)]
            while self.corrections(_UNFINISHED, limit=1):
                for running in [pool.submit(dispatcher.run) for dispatcher in dispatchers]:
                    running.result()
                self.clock.at += timedelta(minutes=1)

    def replay_dead_letters(self) -> None:
        """Do what a person does with a dead letter whose reason has passed."""
        dead = self.corrections(frozenset({CorrectionState.DEAD_LETTER}), limit=len(self.orders))
        with self.ledger.unit_of_work() as work:
            for record in dead:
                self.dead_letters[record.decision_reason.replace(record.idempotency_key, "(key)")] += 1
                replay(
                    work,
                    record.correction_id,
                    by=_PERSON,
                    reason="the target answers again",
                    policies=self.policies,
                    now=self.clock.at,
                )
            work.commit()

    def corrections(self, states: frozenset[CorrectionState], limit: int) -> list[CorrectionRecord]:
        """Return corrections in these states."""
        with self.ledger.reading() as work:
            return list_corrections(work, CorrectionFilter(states=states, limit=limit))

    def _dispatcher(self, opened: ExitStack, number: int) -> Dispatcher:
        """Return a dispatcher with connections of its own, as each of several processes has."""
        ledger, system = Ledger(self.url), self.target.system(self.clock, timeout_seconds=self.timeout_seconds)
        opened.callback(ledger.close)
        opened.callback(system.close)
        sink = system.sink()
        return Dispatcher(
            ledger,
            lambda _system: sink,
            self.policies.delivery,
            clock=self.clock,
            machine_clock=WallClock(),
            jitter=random.Random(number).random,  # noqa: S311 -- spreads waits, keeps no secret
        )


def measure(database: str, url: str, target: HostileTarget, arguments: argparse.Namespace) -> Outcome:
    """Deliver the corrections and count."""
    seeds = _ROOT / "data" / "seeds"
    run = Run(
        url=url,
        target=target,
        clock=FixedClock(_BEGINS_AT),
        policies=_ample(read_policies(seeds)),
        case_policy=read_case_policy(seeds),
        orders=[f"SO-{number}" for number in range(1, arguments.count + 1)],
        workers=arguments.workers,
        timeout_seconds=arguments.timeout,
    )
    target.clear()
    run.reconcile()
    target.fail(arguments.failing, seed=arguments.seed)
    wall, cpu = time.monotonic(), time.process_time()
    for _ in range(_MOST_ROUNDS):
        run.deliver()
        run.clock.at += timedelta(hours=1)
        if not run.reconcile():
            break
        run.replay_dead_letters()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    outcome = _counted(run, database, wall_seconds=wall, cpu_seconds=cpu)
    run.ledger.close()
    return outcome


def _counted(run: Run, database: str, *, wall_seconds: float, cpu_seconds: float) -> Outcome:
    billed, injected = run.target.tally(), run.target.injected()
    with run.ledger.reading() as work:
        report = audit.verify(work)
        cases = list_cases(work, CaseFilter(limit=len(run.orders)))
    report.require_intact()
    unfinished = {case.order_id for case in cases if case.closed_at is None}
    hung = sum(count for fault, count in injected.items() if fault.startswith(_WAITED_FOR))
    return Outcome(
        database=database,
        variant=run.target.variant,
        corrections=len(run.orders),
        effects=sum(tally.effects for tally in billed.values()),
        duplicates=sum(tally.effects - 1 for tally in billed.values() if tally.effects > 1),
        lost=sum(not _standing(billed, order) and order not in unfinished for order in run.orders),
        verified=sum(case.closed_at is not None for case in cases),
        dead_letters=run.dead_letters,
        calls=sum(run.target.calls().values()),
        injected=injected,
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        waited_seconds=hung * run.timeout_seconds,
        audit_rows=report.rows,
    )


def _standing(billed: Mapping[str, Tally], order: str) -> bool:
    tally = billed.get(f"invoice SH-{order}/{order}/1")
    return tally is not None and tally.standing > 0


def _ample(policies: Policies) -> Policies:
    """Return the policies as shipped, but for the caps on what is approved in an hour: here all is, at once."""
    limits = policies.gate.limits
    ample = limits.platform.model_copy(update={"corrections": 10**6, "amounts": {"USD": Decimal(10**9)}})
    raised = limits.model_copy(update={"platform": ample, "each_target": ample, "each_rule": ample})
    return replace(policies, gate=policies.gate.model_copy(update={"limits": raised}))


def _unbilled(order: str, now: datetime) -> Finding:
    """Return the finding of a leg that was shipped and not billed."""
    payload = {"order_id": order, "line_no": 1, "shipment_id": f"SH-{order}", "uom": "EA"}
    payload |= {"invoiced_qty": "10", "unit_price": "12.05", "currency": "USD"}
    return Finding(
        code="FIN-01",
        business_key=f"{order}/1/SH-{order}",
        node="east",
        verdict=Verdict.DIFFER,
        severity=Severity.S2,
        owner="billing",
        expected_value="10",
        actual_value="0",
        delta_qty=Decimal(10),
        value_at_risk_amount=Decimal("120.50"),
        currency="USD",
        condition_since=_BEGINS_AT - timedelta(hours=3),
        breaks_at=_BEGINS_AT - timedelta(hours=1),
        watermark_at=now,
        snapshots_seen=1,
        order_id=order,
        message="invoice.request",
        target_role="finance",
        correction_class="P",
        payload=json.dumps(payload),
        precondition=json.dumps({"shipment_id": f"SH-{order}"}),
        judgement_reason="",
        rule_version="rule-1",
        evidence=json.dumps({"wms": [f"SH-{order}"]}),
    )


def _measured(arguments: argparse.Namespace, folder: Path) -> Iterator[Outcome]:
    """Yield what became of each run: on the ledger that was given, or on an empty one of each kind."""
    variants = [arguments.variant] if arguments.variant else list(_VARIANTS)
    with ExitStack() as stack:
        if arguments.ledger:
            ledgers = [(arguments.ledger.partition(":")[0].partition("+")[0], variants[0], arguments.ledger)]
        else:
            server = stack.enter_context(PostgresServer(_VARIANTS))
            ledgers = [("SQLite", variant, f"sqlite:///{folder / variant}.ledger") for variant in variants]
            ledgers += [("PostgreSQL", variant, server.url(variant)) for variant in variants]
        for database, variant, url in ledgers:
            with HostileTarget(variant, folder / f"{database}-{variant}.books") as target:
                yield measure(database, url, target, arguments)


def _report(outcomes: Sequence[Outcome], arguments: argparse.Namespace) -> str:
    command = f"--count {arguments.count} --failing {arguments.failing:g} --seed {arguments.seed}"
    share = f"{arguments.failing:.0%} of all calls go wrong, looks as well as sends"
    lines = [
        "# Corrections through a target that fails",
        "",
        f"`python -m bench.corrections {command}`",
        "",
        f"{arguments.count:,} corrections; {share}; {measured_on()}.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
        *(_row(outcome) for outcome in outcomes),
        "",
        _MEANING.format(timeout_seconds=arguments.timeout, workers=arguments.workers),
        "",
        "Dead letters, by reason:",
        "",
        *(_reasons(outcomes) or ["- none"]),
        "",
        f"How the calls went wrong ({outcomes[-1].database}, {outcomes[-1].variant}): {_faults(outcomes[-1])}.",
    ]
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome) -> str:
    cells = (
        outcome.database,
        "takes keys" if outcome.variant == "keyed" else "takes no keys",
        f"{outcome.effects:,}",
        f"{outcome.duplicates:,}",
        f"{outcome.lost:,}",
        f"{outcome.verified:,}",
        f"{sum(outcome.dead_letters.values()):,}",
        f"{outcome.calls:,}",
        f"{sum(outcome.injected.values()):,}",
        f"{outcome.wall_seconds:.1f}",
        f"{outcome.waited_seconds:.1f}",
        f"{outcome.cpu_seconds:.1f}",
        f"{outcome.corrections / outcome.wall_seconds:.0f}",
        f"{outcome.corrections / outcome.cpu_seconds:.0f}",
        f"{outcome.audit_rows:,}",
    )
    return f"| {' | '.join(cells)} |"


def _reasons(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"- {outcome.database}, {outcome.variant}: {count} times: {reason}"
        for outcome in outcomes
        for reason, count in outcome.dead_letters.items()
    ]


def _faults(outcome: Outcome) -> str:
    ordered = sorted(outcome.injected.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{count:,} times {fault}" for fault, count in ordered) or "not at all"


def main() -> int:
    """Run on each database and target, and write the table; exits 1 when an effect is missing or there twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="corrections")
    parser.add_argument("--failing", type=float, default=0.2, help="share of the calls that go wrong")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--ledger", help="address of an empty ledger; without it, one on SQLite and one on PostgreSQL")
    parser.add_argument("--variant", choices=_VARIANTS, help="one kind of target; without it, both")
    parser.add_argument("--workers", type=int, default=4, help="dispatchers at once")
    parser.add_argument("--timeout", type=float, default=0.1, help="time limit of a call, in seconds")
    parser.add_argument("--into", type=Path, default=_RESULTS, help="where the table is written")
    arguments = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="fulfillment-bench-") as folder:
        for outcome in _measured(arguments, Path(folder)):
            outcomes.append(outcome)
            sys.stdout.write(f"{_row(outcome)}\n")
            sys.stdout.flush()
    report = _report(outcomes, arguments)
    arguments.into.write_text(report, encoding="utf-8")
    sys.stdout.write(f"\n{report}")
    return 0 if all(outcome.is_exact for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
