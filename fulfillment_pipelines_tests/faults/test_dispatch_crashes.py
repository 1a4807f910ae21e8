from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposals import propose
from fulfillment_pipelines.domain.clock import FixedClock, WallClock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.outbox import Outcome
from fulfillment_pipelines.ledger.readings import list_corrections, show_case
from fulfillment_pipelines.ledger.unit_of_work import Ledger

# Imports once, then forks for every start it is asked for: one line of JSON, a list of starts, is answered by a line
# with their exit statuses. The target counts every call as another effect, so that nothing but the dispatcher keeps
# it to one.
WORKERS = """
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from fulfillment_pipelines.corrections.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import read_policies
from fulfillment_pipelines.domain.clock import FixedClock, WallClock
from fulfillment_pipelines.domain.correction import Observed, Receipt
from fulfillment_pipelines.ledger.unit_of_work import Ledger


class Target:
    system = "finance"

    def __init__(self, effects, dies_at):
        self.effects = Path(effects)
        self.dies_at = dies_at

    def die_if(self, point):
        if point == self.dies_at:
            os._exit(9)

    def apply(self, correction):
        self.die_if("before the effect")
        with self.effects.open("a") as file:
            file.write(correction.idempotency_key + "\\n")
        self.die_if("after the effect")
        return Receipt(correction.idempotency_key, Observed.APPLIED, "INV-9", datetime.now(UTC))

    def read_back(self, correction):
        self.die_if("before the look")
        seen = self.effects.exists() and correction.idempotency_key in self.effects.read_text().split()
        if not seen:
            self.die_if("after the look")
        return Observed.APPLIED if seen else Observed.ABSENT


def work(url, effects, seeds, now, dies_at):
    target, now = Target(effects, dies_at), datetime.fromisoformat(now)
    dispatcher = Dispatcher(
        Ledger(url),
        lambda system: target,
        read_policies(Path(seeds)).delivery.limits,
        clock=FixedClock(now),
        machine_clock=WallClock(),
        jitter=lambda: 0.0,
    )
    if dies_at in ("after the claim", "after the answer"):
        claim = dispatcher._claim(now)
        if dies_at == "after the answer":
            list(dispatcher._attempts(claim))
        os._exit(9)
    dispatcher.run()


def fork(start):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*start)
            status = 0
        finally:
            os._exit(status)
    return child


for line in sys.stdin:
    children = [fork(start) for start in json.loads(line)]
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)
"""
KILLED = 9
SEEDS = Path(__file__).parents[2] / "data" / "seeds"


@pytest.fixture
def approved(
    ledger: Ledger,
    case_policy: CasePolicy,
    policies: Policies,
    make_finding: Callable[..., Finding],
    noon: datetime,
) -> Callable[[int, str], None]:
    """Approve corrections of a message."""

    def approve(count: int, message: str) -> None:
        findings = [make_finding(business_key=f"SO-{number}", message=message) for number in range(count)]
        with ledger.unit_of_work() as work:
            intake(work, findings, [], policy=case_policy, now=noon)
            propose(work, findings, policies=policies, target_of=lambda role, *_: role, now=noon)
            work.commit()

    return approve


@pytest.fixture(scope="module")
def workers() -> Iterator[subprocess.Popen[str]]:
    """The process that starts dispatchers in processes of their own."""
    command = [sys.executable, "-c", WORKERS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run_workers(
    workers: subprocess.Popen[str], ledger_url: str, tmp_path: Path, noon: datetime
) -> Callable[..., list[int]]:
    """Run dispatchers at once, each in its own process and dying at its own point; return their exit statuses."""

    def run(*dying_at: str) -> list[int]:
        starts = [[ledger_url, str(tmp_path / "effects"), str(SEEDS), noon.isoformat(), point] for point in dying_at]
        workers.stdin.write(json.dumps(starts) + "\n")
        workers.stdin.flush()
        statuses: list[int] = json.loads(workers.stdout.readline())
        return statuses

    return run


def _effects(tmp_path: Path) -> list[str]:
    path = tmp_path / "effects"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


class Target:
    """The same target, seen from the process that goes on after the crash."""

    system = "finance"

    def __init__(self, effects: Path) -> None:
        self._effects = effects

    def apply(self, correction: Correction) -> Receipt:
        with self._effects.open("a", encoding="utf-8") as file:
            file.write(f"{correction.idempotency_key}\n")
        return Receipt(correction.idempotency_key, Observed.APPLIED, "INV-9", datetime.now(UTC))

    def read_back(self, correction: Correction) -> Observed:
        seen = self._effects.exists() and correction.idempotency_key in self._effects.read_text(encoding="utf-8")
        return Observed.APPLIED if seen else Observed.ABSENT


@pytest.mark.parametrize(
    ("message", "dies_at"),
    [
        ("invoice.amend", "after the claim"),
        ("invoice.amend", "before the effect"),
        ("invoice.amend", "after the effect"),
        ("invoice.amend", "after the answer"),
        ("invoice.request", "before the look"),
        ("invoice.request", "after the look"),
        ("invoice.request", "after the effect"),
    ],
)
def test_a_worker_killed_at_any_point_leaves_one_effect_after_the_rerun(
    *,
    ledger: Ledger,
    policies: Policies,
    approved: Callable[[int, str], None],
    run_workers: Callable[..., list[int]],
    tmp_path: Path,
    noon: datetime,
    message: str,
    dies_at: str,
) -> None:
    approved(1, message)
    assert run_workers(dies_at) == [KILLED]
    rerun = Dispatcher(
        ledger,
        lambda _system: Target(tmp_path / "effects"),
        policies.delivery.limits,
        clock=FixedClock(noon),
        machine_clock=WallClock(),
        jitter=lambda: 0.0,
    )
    assert rerun.run().acked == 1
    with ledger.reading() as work:
        (record,) = list_corrections(work)
        found = show_case(work, record.case_id)
        assert audit.verify(work).intact
    assert _effects(tmp_path) == [record.idempotency_key]
    assert found.corrections[0].receipts[0].outcome is Outcome.UNKNOWN_OUTCOME


def test_two_processes_at_once_have_one_effect_each(
    ledger: Ledger,
    approved: Callable[[int, str], None],
    run_workers: Callable[..., list[int]],
    tmp_path: Path,
) -> None:
    approved(25, "invoice.amend")
    assert run_workers("never", "never") == [0, 0]
    with ledger.reading() as work:
        keys = {record.idempotency_key for record in list_corrections(work) if record.state is CorrectionState.ACKED}
        assert audit.verify(work).intact
    effects = _effects(tmp_path)
    assert (len(keys), sorted(effects)) == (25, sorted(keys))
