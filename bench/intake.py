"""What it costs to take findings in as cases: many new ones, the same again, a few of many, and all of them cured.

    python -m bench.intake --findings 200000

On SQLite and on PostgreSQL, each step in a process of its own that makes its findings before the clock runs. The table
is written to bench/results/intake.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import psycopg

from bench.machine import measured_on
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.finding import Finding, Severity, Verdict
from fulfillment_pipelines.exceptions.intake import IntakeResult, intake, read_case_policy
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.twin.systems.postgres import PostgresServer

_ROOT: Final = Path(__file__).parents[1]
_RESULTS: Final = Path(__file__).parent / "results" / "intake.md"
_BEGINS_AT: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
_STEPS: Final = ("open", "few", "stand", "cure")
_TOLD: Final = {
    "open": "all are new",
    "few": "{few} of the open cases are seen again, {few} keys revisited",
    "stand": "all stand at a later watermark",
    "cure": "none is seen any more",
}
_FEW: Final = 50
_BUDGET_SECONDS: Final = 10
_CODES: Final = ("FIN-01", "FIN-02", "INV-01", "ORD-03", "SHP-02", "TMS-01", "CRM-01", "INT-03")
_OWNERS: Final = ("billing", "warehouse", "transport", "order desk")
_NODES: Final = ("", "east", "north", "west")
_CLOCK_TICKS_A_SECOND: Final = 100
_MEANING: Final = """\
CPU is that of the process that takes in, and of PostgreSQL's backend beside it, both from the first statement to the
commit; the process's start and the making of its findings are not in it. Peak is the process's whole memory, findings
included. Budget for new findings: {budget} s of wall time. PostgreSQL runs on the same machine, without fsync. *A few*
must not cost more because many cases are open."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost.

    Attributes:
        database: Of the ledger.
        step: Which of the steps.
        cpu_seconds: Processor time of the process that takes in.
        server_cpu_seconds: Processor time of the database's own process; zero for SQLite, which has none.
        wall_seconds: From the first statement to the end of the commit.
        peak_bytes: The most memory the process ever held.
        outcome: What became of the findings, and how often.
    """

    database: str
    step: str
    cpu_seconds: float
    server_cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    outcome: Mapping[str, int]


def findings_of(count: int, watermark_at: datetime, seed: int) -> list[Finding]:
    """Return as many findings, of several codes, teams and sites, whose conditions began within the last month."""
    chance = random.Random(seed)  # noqa: S311 -- spreads values, keeps no secret
    return [_finding(number, watermark_at, chance) for number in range(count)]


def _finding(number: int, watermark_at: datetime, chance: random.Random) -> Finding:
    order, line_no = f"SO-{number // 3:09}", number % 3 + 1
    since = _BEGINS_AT - timedelta(seconds=chance.randrange(30 * 86_400))
    expected, actual = chance.randrange(1, 90), chance.randrange(90)
    return Finding(
        code=_CODES[number % len(_CODES)],
        business_key=f"{order}/{line_no}",
        node=_NODES[number % len(_NODES)],
        verdict=Verdict.DIFFER,
        severity=tuple(Severity)[chance.randrange(len(Severity))],
        owner=_OWNERS[number % len(_OWNERS)],
        expected_value=str(expected),
        actual_value=str(actual),
        delta_qty=Decimal(expected - actual),
        value_at_risk_amount=Decimal(chance.randrange(1, 100_000)) / 100,
        currency="USD",
        condition_since=since,
        breaks_at=since + timedelta(hours=2),
        watermark_at=watermark_at,
        snapshots_seen=1,
        order_id=order,
        message="invoice.request",
        target_role="finance",
        correction_class="P",
        payload=json.dumps({"order_id": order, "line_no": line_no, "invoiced_qty": str(expected)}),
        precondition=json.dumps({"order_id": order}),
        judgement_reason="",
        rule_version="0123456789ab",
        evidence=json.dumps({"erp": [order], "wms": [f"SH-{number:09}"], "snapshots": ["erp.orders#17"]}),
    )


def take_in(step: str, url: str, arguments: argparse.Namespace) -> Cost:
    """Take the step's findings in, in one transaction, and say what it cost."""
    at = _BEGINS_AT + _STEPS.index(step) * timedelta(hours=1)
    policy = read_case_policy(_ROOT / "data" / "seeds")
    runs = [RuleRun(code, None, at, trustworthy=True) for code in _CODES]
    seen = {"open": arguments.findings, "few": _FEW, "stand": arguments.findings, "cure": 0}[step]
    findings = findings_of(seen, at, arguments.seed)
    revisited = frozenset(finding.business_key for finding in findings) if step == "few" else None
    ledger = Ledger(url)
    with ledger.unit_of_work() as work:
        # Connecting, and the first preparation of anything, are not what grows with the findings.
        intake(work, (), (), policy=policy, now=at)
    gc.collect()
    with ledger.unit_of_work() as work:
        server = _server_seconds(url)
        wall, cpu = time.monotonic(), time.process_time()
        result = intake(work, findings, runs, policy=policy, now=at, revisited=revisited)
        work.commit()
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        server = _server_seconds(url) - server
    with ledger.reading() as work:
        audit.verify(work).require_intact()
    ledger.close()
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(_database(url), step, cpu, server, wall, peak_bytes, _outcome(result))


def _database(url: str) -> str:
    return "PostgreSQL" if url.startswith("postgresql") else "SQLite"


def _server_seconds(url: str) -> float:
    """Return the processor time of the one backend of the ledger that is in a transaction; zero without a server."""
    if not url.startswith("postgresql"):
        return 0.0
    busy = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        pids = [int(row[0]) for row in connection.execute(busy).fetchall()]
    return sum(_ticks(pid) for pid in pids) / _CLOCK_TICKS_A_SECOND


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _outcome(result: IntakeResult) -> dict[str, int]:
    names = ("opened", "reopened", "updated", "unchanged", "cleared", "verified")
    return {name: len(getattr(result, name)) for name in names if getattr(result, name)}


def _measured(arguments: argparse.Namespace) -> Iterator[Cost]:
    """Run every step on both databases, each as a process of its own."""
    with tempfile.TemporaryDirectory(prefix="fulfillment-bench-") as folder, PostgresServer(("ledger",)) as server:
        for url in (f"sqlite:///{Path(folder) / 'ledger.sqlite'}", server.url("ledger")):
            ledger = Ledger(url)
            ledger.migrate()
            ledger.close()
            for step in _STEPS:
                command = [sys.executable, "-m", "bench.intake", "--step", step, "--ledger", url]
                command += ["--findings", str(arguments.findings), "--seed", str(arguments.seed)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- this module
                yield Cost(**json.loads(done.stdout))


def _report(costs: Sequence[Cost], arguments: argparse.Namespace) -> str:
    lines = [
        "# Findings taken in as cases",
        "",
        f"`python -m bench.intake --findings {arguments.findings} --seed {arguments.seed}`",
        "",
        f"{arguments.findings:,} findings; {measured_on()}.",
        "",
        "| ledger | step | outcome | CPU s | server's CPU s | wall s | a second | peak MB |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(cost) for cost in costs),
        "",
        _MEANING.format(budget=_BUDGET_SECONDS),
    ]
    return "\n".join(lines) + "\n"


def _row(cost: Cost) -> str:
    cells = (
        cost.database,
        _TOLD[cost.step].format(few=_FEW),
        ", ".join(f"{count:,} {name}" for name, count in cost.outcome.items()),
        f"{cost.cpu_seconds:.2f}",
        f"{cost.server_cpu_seconds:.2f}",
        f"{cost.wall_seconds:.2f}",
        f"{sum(cost.outcome.values()) / cost.wall_seconds:,.0f}",
        f"{cost.peak_bytes / 1e6:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run every step on both databases and write the table; exits 1 when new findings overrun the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--step", choices=_STEPS, help="run this step alone, in this process")
    parser.add_argument("--ledger", help="address of the step's ledger, which is migrated")
    parser.add_argument("--into", type=Path, default=_RESULTS, help="where the table is written")
    arguments = parser.parse_args()
    if arguments.step:
        sys.stdout.write(json.dumps(asdict(take_in(arguments.step, arguments.ledger, arguments))))
        return 0
    costs = []
    for cost in _measured(arguments):
        costs.append(cost)
        sys.stdout.write(f"{_row(cost)}\n")
        sys.stdout.flush()
    report = _report(costs, arguments)
    arguments.into.write_text(report, encoding="utf-8")
    sys.stdout.write(f"\n{report}")
    return 0 if all(cost.wall_seconds <= _BUDGET_SECONDS for cost in costs if cost.step == "open") else 1


if __name__ == "__main__":
    sys.exit(main())
