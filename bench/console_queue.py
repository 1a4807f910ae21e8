"""What a page of the queue costs while 100,000 cases are open: every order and filter, first page and deep ones.

    python -m bench.console_queue --cases 100000

Each page is asked of the ledger alone, and of the whole application by a person who is signed in. On SQLite and on
PostgreSQL; how long fifty people wait at once is measured by bench.console_load.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from fastapi.testclient import TestClient

from bench.intake import findings_of
from bench.kept import Row, keep_only, write_page
from fulfillment_pipelines.console.access.signing_in import begin_session
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console, build_console
from fulfillment_pipelines.console.reading.queue_asked import QueueAsked, Seeker, asked_of
from fulfillment_pipelines.console.reading.queue_rows import beside, page_of, wanted_of, zone_of
from fulfillment_pipelines.exceptions.intake import intake, read_case_policy
from fulfillment_pipelines.ledger.case_queue import count_groups, read_page
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.twin.systems.postgres import PostgresServer

NAME: Final = "console_queue"

_SEEDS: Final = Path(__file__).parents[1] / "data" / "seeds"
_BUDGET_MS: Final = 200
_REPEATS: Final = 20
_PERSON: Final = "ada"
_CODES: Final = ("FIN-01", "FIN-02", "INV-01", "INT-03", "SHP-02", "SHP-04", "CRD-01", "WHS-01")
_OWNERS: Final = ("Billing", "Site", "Transport", "Order Desk")
_ASKED: Final = {
    "as it opens": "",
    "by value": "sort=value",
    "by age": "sort=age",
    "by severity": "sort=severity",
    "by severity, last first": "sort=-severity",
    "one team, one severity": "owner=Billing&severity=S1",
    "one site, by value": "node=north&sort=value",
    "due today, by value": "due=today&sort=value",
    "blocked on credit": "code=CRD-01&code=CRD-02&code=CRD-03",
    "mine": "assignee=me",
    "waits for my approval": "waits=me",
    "nothing is like that": "node=nowhere",
    "an order": "find=SO-000000017",
    "what nobody knows": "find=nothing-of-the-kind",
}
_DEEP: Final = ("sort=due", "sort=value", "sort=severity")
_MEANING: Final = """\
*Ledger* is the rows of one page, sorted and filtered; *page* is the whole answer of the application to a person who is
signed in, with counts, views and filters, made by one process, without a lake (which adds the customers of fifty
orders, asked once a minute). Counts are some seconds old: the first page after that counts again, and its cost is in
the row *all kinds counted*. CPU is this process's alone, and tells what the clock does not where the machine does
much else. Each was asked {repeats} times; budget: {budget} ms for 95 of 100."""


def main() -> int:
    """Measure on both databases and write the page; exits 1 where the budget is overrun."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="fulfillment-bench-") as folder, PostgresServer(("ledger",)) as server:
        for database, url in (("SQLite", f"sqlite:///{folder}/full.sqlite"), ("PostgreSQL", server.url("ledger"))):
            _fill(url, arguments.cases)
            settings = Settings(runtime_dir=Path(folder) / "runtime", ledger_url=url)
            settings = settings.model_copy(update={"config": settings.project_root / settings.config})
            with build_console(settings) as console:
                # A lake that is not there would be looked for once a second, to learn what time it is.
                console.platform = replace(console.platform, clock=console.platform.machine_clock)
                for row in _measured(console, database, arguments.cases):
                    rows.append(row)
                    sys.stdout.write(f"{_line(row)}\n")
                    sys.stdout.flush()
    write_page(NAME, page(keep_only(NAME, rows)))
    return int(any(max(row["ledger_p95_ms"], row["page_p95_ms"] or 0) > _BUDGET_MS for row in rows))


def page(rows: Sequence[Row]) -> str:
    """Return the page of what was measured."""
    lines = [
        "# A page of the queue",
        "",
        f"`python -m bench.console_queue --cases {rows[0]['cases']}`",
        "",
        f"{rows[0]['cases']:,} open cases; {rows[0]['measured_on']}.",
        "",
        "| ledger | shown | ledger median ms | ledger p95 ms | page median ms | page p95 ms | page CPU ms |",
        "|---|---|---:|---:|---:|---:|---:|",
        *map(_line, rows),
        "",
        _MEANING.format(repeats=_REPEATS, budget=_BUDGET_MS),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    figures = ("ledger_median_ms", "ledger_p95_ms", "page_median_ms", "page_p95_ms", "page_cpu_ms")
    cells = ["" if row[name] is None else f"{row[name]:.1f}" for name in figures]
    return f"| {row['database']} | {row['shown']} | {' | '.join(cells)} |"


def _fill(url: str, cases: int) -> None:
    ledger = Ledger(url)
    ledger.migrate()
    at = datetime.now(UTC)
    findings = [
        replace(one, code=_CODES[number % len(_CODES)], owner=_OWNERS[number % len(_OWNERS)])
        for number, one in enumerate(findings_of(cases, at, seed=7))
    ]
    with ledger.unit_of_work() as work:
        intake(work, findings, [], policy=read_case_policy(_SEEDS), now=at)
        work.commit()
    ledger.close()


def _measured(console: Console, database: str, cases: int) -> Iterator[Row]:
    with TestClient(create_app(console), base_url="http://127.0.0.1") as client:
        client.cookies.set(console.cookie_name, _signed_in(console))
        for name, asked in _pages(console):
            ledger = _timed(partial(_alone, console, asked))
            cpu = time.process_time()
            whole = _timed(partial(_whole, client, f"/queue?{asked.query()}"))
            spent = {"page_cpu_ms": (time.process_time() - cpu) * 1000 / _REPEATS}
            yield {**_figures("ledger", ledger), **_figures("page", whole), **spent, **_named(database, name, cases)}
    counted = _timed(partial(_counted, console))
    nothing = dict.fromkeys(("page_median_ms", "page_p95_ms", "page_cpu_ms"))
    yield {**_figures("ledger", counted), **nothing, **_named(database, "all kinds counted", cases)}


def _named(database: str, shown: str, cases: int) -> Row:
    return {"database": database, "shown": shown, "cases": cases}


def _figures(what: str, milliseconds: Sequence[float]) -> Row:
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    return {f"{what}_median_ms": statistics.median(milliseconds), f"{what}_p95_ms": p95}


def _pages(console: Console) -> Iterator[tuple[str, QueueAsked]]:
    for name, query in _ASKED.items():
        yield name, asked_of(parse_qsl(query))
    for query in _DEEP:
        asked = asked_of(parse_qsl(query))
        yield f"the middle, {asked.by}", _middle(console, asked)


def _middle(console: Console, asked: QueueAsked) -> QueueAsked:
    """Return what asks for the page that begins in the middle of the queue."""
    with console.reading() as work:
        open_cases = sum(group.cases for group in count_groups(work))
        half = read_page(work, asked.wanted(_seeker(console)), asked.by, limit=open_cases // 2)
    return asked_of(parse_qsl(beside(asked, half.cases[-1], "after")))


def _alone(console: Console, asked: QueueAsked) -> None:
    with console.reading() as work:
        wanted, _ = wanted_of(console, work, asked, _seeker(console))
        page_of(work, asked, wanted)


def _whole(client: TestClient, path: str) -> None:
    answer = client.get(path)
    if not answer.is_success:
        raise RuntimeError(f"{path} was answered by {answer.status_code}")


def _counted(console: Console) -> None:
    with console.reading() as work:
        count_groups(work)


def _seeker(console: Console) -> Seeker:
    person = console.policies.people.require_active(_PERSON)
    return Seeker(person, person.roles, console.now(), zone_of(console))


def _signed_in(console: Console) -> str:
    with console.deciding("bench") as work:
        begun = begin_session(work, _PERSON, "password", policies=console.policies, now=console.machine_now())
        work.commit()
    return begun.secret


def _timed(asks: Callable[[], None]) -> list[float]:
    milliseconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        asks()
        milliseconds.append((time.perf_counter() - began) * 1000)
    return milliseconds


if __name__ == "__main__":
    sys.exit(main())
