"""Running workers, as processes of their own: what stops them, and how fast."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.backlog import read_backlog
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, receipts_of
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage, release
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.counting_target import CountingTarget, counting_target
from fulfillment_pipelines_tests.faults.delivering import assert_the_audit_chain_is_whole, billed_too_soon, decide

HERE = Path(__file__).parent
DEADLINE_SECONDS = 60
COUNT = 400


@pytest.fixture
def target() -> Iterator[CountingTarget]:
    with counting_target() as listening:
        yield listening


@pytest.fixture
def approved(
    ledger: Ledger, case_policy: CasePolicy, policies: Policies, make_finding: Callable[..., Finding]
) -> tuple[str, ...]:
    """Approved corrections, all due now."""
    findings = [billed_too_soon(make_finding, f"SO-{number}") for number in range(COUNT)]
    done = decide(ledger, findings, case_policy=case_policy, policies=policies, now=datetime.now(UTC))
    assert len(done) == COUNT
    return done


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A distributor whose one system is the counting target; it is sent what the decision rights want compared."""
    declared = yaml.safe_load((HERE / "counting_finance.yaml").read_text(encoding="utf-8"))
    declared["messages"]["invoice.request"]["precondition"] = {"shipment_before": "shipment_id"}
    declared["messages"]["invoice.hold"]["precondition"] = {"status": "status"}
    system = tmp_path / "finance.yaml"
    system.write_text(yaml.safe_dump(declared), encoding="utf-8")
    distributor = {
        "distributor": "counting",
        "title": "Counting",
        "clock": "wall",
        "systems": [str(system)],
        "seeds": str(HERE.parents[1] / "data" / "seeds"),
    }
    path = tmp_path / "distributor.yaml"
    path.write_text(json.dumps(distributor), encoding="utf-8")
    return path


@contextmanager
def _workers(config: Path, ledger_url: str, target: CountingTarget, count: int) -> Iterator[subprocess.Popen[str]]:
    """Run `fulfillment deliver --watch` as an operator would."""
    environment = {
        **os.environ,
        "FULFILLMENT_RUNTIME_DIR": str(config.parent / "runtime"),
        "FULFILLMENT_LEDGER_URL": ledger_url,
        "FINANCE_URL": f"{target.url}/worker/0",
    }
    command = [sys.executable, "-m", "fulfillment_pipelines.cli", "deliver", "--watch", "--workers", str(count)]
    command += ["--config", str(config), "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def _await(what: str, condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"the workers have ended: {process.communicate()[1][-2000:]}")
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def _stopped(process: subprocess.Popen[str]) -> dict[str, int]:
    process.send_signal(signal.SIGTERM)
    said, complained = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, complained) == (0, "")
    brought: dict[str, int] = json.loads(said)
    return brought


def _in_hand(ledger: Ledger) -> int:
    with ledger.reading() as work:
        return sum(line.in_hand for line in read_backlog(work))


def _states(ledger: Ledger) -> Counter[CorrectionState]:
    with ledger.reading() as work:
        return Counter(record.state for record in list_corrections(work, CorrectionFilter(limit=2 * COUNT)))


@pytest.mark.usefixtures("approved")
def test_running_workers_hear_a_kill_switch_within_a_second(
    ledger: Ledger, ledger_url: str, target: CountingTarget, config: Path
) -> None:
    switch = KillSwitch(SwitchScope.TARGET, "finance")
    with _workers(config, ledger_url, target, 2) as process:
        _await("the first effects", lambda: len(target.effects) >= 20, process)
        with ledger.unit_of_work() as work:
            engage(work, switch, actor="ines", reason="drill", now=datetime.now(UTC))
            work.commit()
        engaged_at = datetime.now(UTC)
        _await("every row given back", lambda: not _in_hand(ledger), process)
        with ledger.reading() as work:
            records = list_corrections(work, CorrectionFilter(limit=COUNT))
            answered_at = [one.received_at for record in records for one in receipts_of(work, record.correction_id)]
        sent = len(target.effects)
        assert sent < COUNT, "nothing was left to be stopped"
        assert (max(answered_at) - engaged_at).total_seconds() < 1
        assert set(_states(ledger)) == {CorrectionState.ACKED, CorrectionState.APPROVED}
        with ledger.unit_of_work() as work:
            release(work, switch, actor="ines", reason="drill over", now=datetime.now(UTC))
            work.commit()
        _await("all effects", lambda: len(target.effects) >= COUNT, process)
        assert _stopped(process)["acked"] == COUNT
    assert len(set(target.effects)) == len(target.effects) == COUNT
    assert_the_audit_chain_is_whole(ledger)


@pytest.mark.usefixtures("approved")
def test_a_worker_that_is_told_to_end_finishes_what_it_has_begun_and_gives_the_rest_back(
    ledger: Ledger, ledger_url: str, target: CountingTarget, config: Path
) -> None:
    with _workers(config, ledger_url, target, 3) as process:
        _await("the first effects", lambda: len(target.effects) >= 20, process)
        brought = _stopped(process)
    assert brought["acked"] == brought["total"] == len(target.effects) < COUNT
    assert _in_hand(ledger) == 0
    assert _states(ledger) == {
        CorrectionState.ACKED: len(target.effects),
        CorrectionState.APPROVED: COUNT - len(target.effects),
    }
    assert_the_audit_chain_is_whole(ledger)
