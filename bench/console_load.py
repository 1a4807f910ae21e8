"""How long people wait for the console: fifty of them at once, 100,000 open cases, while a reconcile writes.

    python -m bench.console_load --users 50 --cases 100000 --seconds 60

Each person asks for a page, reads it for a while and asks for the next, as people do; a few write. The console is a
process of its own, over the lake of the demonstration and a ledger filled for the purpose; another process takes in
findings all the time, as the live loop does. On SQLite and on PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx2

from bench.intake import findings_of
from bench.kept import Row, keep_only, write_page
from fulfillment_pipelines.console.access.signing_in import begin_session
from fulfillment_pipelines.corrections.policies import read_policies
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import intake, read_case_policy
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.twin.systems.postgres import PostgresServer

NAME: Final = "console_load"

_SEEDS: Final = Path(__file__).parents[1] / "data" / "seeds"
_CODES: Final = ("FIN-01", "FIN-02", "INV-01", "INT-03", "SHP-02", "SHP-04", "CRD-01", "WHS-01")
_OWNERS: Final = ("Billing", "Site", "Transport", "Order Desk")
_PEOPLE: Final = ("ada", "ben", "chiara", "dev", "emil", "farah", "grace", "jonas")
_TAKEN_IN: Final = 1_000
_BUDGET_MS: Final = 300
_READS_SECONDS: Final = 2.0
_WARM_SECONDS: Final = 10.0
_CASE: Final = re.compile(r'href="(/cases/EXC-[0-9a-f]{16})')
_PAGES: Final[Mapping[str, str]] = {
    "queue": "/queue",
    "queue, filtered": "/queue?severity=S1&owner=Billing",
    "queue, by value": "/queue?sort=value",
    "queue, found": "/queue?find=SO-000000017",
    "case": "",
}
_MEANING: Final = """\
A person asks, reads for two seconds on average, and asks again. One request in twenty comments on a case. Waits are
from the request to the last byte, by the clock, in a process beside the console's; another process takes in {taken:,}
findings that stand and one that is new, one transaction after the other. Budget: 95 of 100 requests within {budget} ms,
no error. The first {warm:.0f} seconds are not counted: the console has just started, and everybody comes at once."""


@dataclass
class Waits:
    """How long requests of one kind took, and how many were not answered well."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0

    def within(self, share: float) -> float:
        """Return the milliseconds within which so large a share was answered."""
        return statistics.quantiles(self.seconds, n=1000)[round(share * 1000) - 1] * 1000 if self.seconds else 0.0


@dataclass
class Load:
    """What all people together met, from a moment on."""

    counts_from: float
    by_kind: dict[str, Waits] = field(default_factory=dict)

    def note(self, kind: str, seconds: float, *, is_good: bool) -> None:
        """Note one request that has just been answered."""
        if time.monotonic() < self.counts_from:
            return
        waits = self.by_kind.setdefault(kind, Waits())
        waits.seconds.append(seconds)
        waits.errors += not is_good


def main() -> int:
    """Measure on both databases and write the page; exits 1 where the budget is overrun."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--write-to", help="take findings into this ledger until killed; what the bench starts")
    arguments = parser.parse_args()
    if arguments.write_to:
        _write(arguments.write_to, arguments.cases)
        return 0
    rows: list[Row] = []
    for database, load in _measured(arguments):
        rows += [_row(database, kind, waits, arguments) for kind, waits in sorted(load.by_kind.items())]
    write_page(NAME, page(keep_only(NAME, rows)))
    sys.stdout.write(page(rows) if all("measured_on" in row for row in rows) else "written\n")
    return int(any(row["p95_ms"] > _BUDGET_MS or row["errors"] for row in rows))


def page(rows: Sequence[Row]) -> str:
    """Return the page of what was measured."""
    lines = [
        "# Waiting for the console",
        "",
        f"`python -m bench.console_load --users {rows[0]['users']} --cases {rows[0]['cases']}`",
        "",
        f"{rows[0]['users']} people, {rows[0]['cases']:,} open cases; {rows[0].get('measured_on', '')}.",
        "",
        "| ledger | asked for | requests | errors | median ms | p95 ms | p99 ms |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {row['database']} | {row['kind']} | {row['requests']:,} | {row['errors']} | {row['median_ms']:.0f} "
            f"| **{row['p95_ms']:.0f}** | {row['p99_ms']:.0f} |"
            for row in rows
        ),
        "",
        _MEANING.format(taken=_TAKEN_IN, budget=_BUDGET_MS, warm=_WARM_SECONDS),
    ]
    return "\n".join(lines) + "\n"


def _row(database: str, kind: str, waits: Waits, arguments: argparse.Namespace) -> Row:
    return {
        "database": database,
        "kind": kind,
        "users": arguments.users,
        "cases": arguments.cases,
        "requests": len(waits.seconds),
        "errors": waits.errors,
        "median_ms": waits.within(0.5),
        "p95_ms": waits.within(0.95),
        "p99_ms": waits.within(0.99),
    }


def _measured(arguments: argparse.Namespace) -> Iterator[tuple[str, Load]]:
    with tempfile.TemporaryDirectory(prefix="fulfillment-bench-") as folder, PostgresServer(("ledger",)) as server:
        runtime = {**os.environ, "FULFILLMENT_RUNTIME_DIR": folder}
        demo = [sys.executable, "-m", "fulfillment_pipelines.cli", "run", "--demo", "--no-expectations", "--json"]
        subprocess.run(demo, env=runtime, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        for name, url in (("SQLite", f"sqlite:///{folder}/full.sqlite"), ("PostgreSQL", server.url("ledger"))):
            _fill(url, arguments.cases)
            writer = [sys.executable, "-m", "bench.console_load", "--write-to", url, "--cases", str(arguments.cases)]
            with _running(writer, runtime), _serving(runtime, url) as address:
                yield name, asyncio.run(_visited(address, _sessions(url, arguments.users), arguments.seconds))


def _fill(url: str, cases: int) -> None:
    ledger = Ledger(url)
    ledger.migrate()
    _take_in(ledger, _findings(cases, datetime.now(UTC)), None)
    ledger.close()


def _findings(count: int, at: datetime) -> list[Finding]:
    made = findings_of(count, at, seed=7)
    return [
        replace(one, code=_CODES[number % len(_CODES)], owner=_OWNERS[number % len(_OWNERS)])
        for number, one in enumerate(made)
    ]


def _take_in(ledger: Ledger, findings: Sequence[Finding], revisited: frozenset[str] | None) -> None:
    at = max(finding.watermark_at for finding in findings)
    runs = [RuleRun(code, None, at, trustworthy=True) for code in _CODES]
    with ledger.unit_of_work() as work:
        intake(work, findings, runs, policy=read_case_policy(_SEEDS), now=at, revisited=revisited)
        work.commit()


def _write(url: str, cases: int) -> None:
    """Take in what a pass of the live loop brings, again and again."""
    ledger, chance, number = Ledger(url), random.Random(3), cases  # noqa: S311 - spreads values, keeps no secret
    standing = _findings(cases, datetime.now(UTC))
    while True:
        at = datetime.now(UTC) + timedelta(days=1)
        seen = [replace(one, watermark_at=at) for one in chance.sample(standing, _TAKEN_IN)]
        new = replace(seen[0], business_key=f"SO-{number:09}/1", order_id=f"SO-{number:09}")
        number += 1
        _take_in(ledger, [*seen, new], frozenset(one.business_key for one in (*seen, new)))
        time.sleep(0.5)


def _sessions(url: str, users: int) -> list[tuple[str, str]]:
    """Sign people in; more users than people share them, each with a session of its own."""
    ledger, policies, sessions = Ledger(url), read_policies(_SEEDS), []
    with ledger.unit_of_work() as work:
        for number in range(users):
            person = _PEOPLE[number % len(_PEOPLE)]
            begun = begin_session(work, person, "password", policies=policies, now=datetime.now(UTC))
            sessions.append((begun.secret, begun.session.csrf_token))
        work.commit()
    ledger.close()
    return sessions


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own program
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _serving(environment: Mapping[str, str], url: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {**environment, "FULFILLMENT_LEDGER_URL": url, "FULFILLMENT_CONSOLE_PORT": str(port)}
    address = f"http://127.0.0.1:{port}"
    with _running([sys.executable, "-m", "fulfillment_pipelines.cli", "console", "serve"], own):
        deadline = time.monotonic() + 60
        while not _answers(address):
            if time.monotonic() > deadline:
                raise TimeoutError("the console did not serve within a minute")
            time.sleep(0.1)
        yield address


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/healthz").status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False


async def _visited(address: str, sessions: Sequence[tuple[str, str]], seconds: float) -> Load:
    load = Load(time.monotonic() + _WARM_SECONDS)
    until = load.counts_from + seconds
    chances = [random.Random(number) for number in range(len(sessions))]  # noqa: S311 - spreads values, keeps no secret
    pairs = zip(sessions, chances, strict=True)
    await asyncio.gather(*(_visit(address, session, chance, until, load) for session, chance in pairs))
    return load


async def _visit(address: str, session: tuple[str, str], chance: random.Random, until: float, load: Load) -> None:
    known: list[str] = []
    cookies, headers = {"fulfillment": session[0]}, {"X-CSRF-Token": session[1], "Origin": address}
    async with httpx2.AsyncClient(base_url=address, cookies=cookies, headers=headers, timeout=60) as client:
        await asyncio.sleep(chance.random() * _READS_SECONDS)
        while time.monotonic() < until:
            kind = chance.choice(tuple(_PAGES)) if known else "queue"
            path, writes = _PAGES[kind] or chance.choice(known or ["/queue"]), chance.random() < 1 / 20 and known
            began = time.monotonic()
            if writes:
                kind = "comment"
                answer = await client.post(f"{chance.choice(known)}/comment", data={"text": "seen", "reason": "seen"})
            else:
                answer = await client.get(path)
            load.note(kind, time.monotonic() - began, is_good=answer.status_code < httpx2.codes.BAD_REQUEST)
            known = _CASE.findall(answer.text) or known
            await asyncio.sleep(chance.expovariate(1 / _READS_SECONDS))


if __name__ == "__main__":
    sys.exit(main())
