"""`fulfillment deliver`: what is shown of the outbox, and that what is due goes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, enrol, write_health
from fulfillment_pipelines.ledger.unit_of_work import Ledger

Fulfillment = Callable[..., Any]


@pytest.fixture
def ledger_of_commands(lake: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{lake / 'twin' / 'ledger.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def approve(
    ledger_of_commands: Ledger,
    case_policy: CasePolicy,
    policies: Policies,
    make_finding: Callable[..., Finding],
    noon: datetime,
) -> Callable[[], str]:
    """Approve one correction; the finance system it is for does not run."""

    def approve_one() -> str:
        finding = make_finding()
        with ledger_of_commands.unit_of_work() as work:
            intake(work, [finding], [], policy=case_policy, now=noon)
            done = propose(work, [finding], policies=policies, target_of=lambda role, *_: role, now=noon)
            work.commit()
        (correction_id,) = done.approved
        return correction_id

    return approve_one


def test_an_empty_outbox_says_so(lake: Path, fulfillment: Fulfillment) -> None:
    del lake
    assert fulfillment("deliver").stdout.strip() == "Delivered: nothing was due"
    assert fulfillment("deliver", "status", "--json").json()["backlog"] == []
    assert "none" in fulfillment("deliver", "dead").stdout


def test_the_status_tells_what_waits_for_which_target(approve: Callable[[], str], fulfillment: Fulfillment) -> None:
    approve()
    said = fulfillment("deliver", "status", "--json").json()
    (line,) = said["backlog"]
    (target,) = said["targets"]
    assert (line["target"], line["priority"], line["state"], line["rows"]) == ("finance", "correct", "APPROVED", 1)
    assert (target["target"], target["circuit"], target["waiting"], target["dead_letters"]) == (
        "finance",
        "CLOSED",
        1,
        0,
    )
    assert "finance" in fulfillment("deliver", "status").stdout


def test_the_status_tells_when_an_open_circuit_is_tried_again(
    ledger_of_commands: Ledger, fulfillment: Fulfillment
) -> None:
    as_of = datetime.fromisoformat(fulfillment("deliver", "status", "--json").json()["as_of"])
    probe_at = as_of + timedelta(minutes=5)
    with ledger_of_commands.unit_of_work() as work:
        enrol(work, ["finance"], as_of)
        write_health(work, [TargetHealth("finance", Circuit.OPEN, 5, as_of, probe_at, None, as_of)])
        work.commit()
    (target,) = fulfillment("deliver", "status", "--json").json()["targets"]
    assert (target["circuit"], target["failures"]) == ("OPEN", 5)
    assert datetime.fromisoformat(target["next_send_at"]) == probe_at


def test_the_status_tells_which_targets_a_kill_switch_stops(
    approve: Callable[[], str], fulfillment: Fulfillment
) -> None:
    approve()
    engaged = ("--scope", "target", "--name", "finance", "--by", "ada", "--reason", "month end")
    assert fulfillment("switches", "engage", *engaged).exit_code == 0
    (target,) = fulfillment("deliver", "status", "--json").json()["targets"]
    assert target["kill_switch"] == "engaged"


def test_what_was_given_up_is_listed_with_its_reason_and_a_remedy(
    approve: Callable[[], str], fulfillment: Fulfillment
) -> None:
    correction_id = approve()
    # Approved in the past: its time is spent before it is tried.
    assert fulfillment("deliver", "--json").json()["dead_lettered"] == 1
    (letter,) = fulfillment("deliver", "dead", "--json").json()
    assert letter["correction_id"] == correction_id
    assert "not delivered within its time" in letter["reason"]
    assert f"approvals replay {correction_id}" in letter["remedy"]
    assert fulfillment("deliver", "dead", "--target", "erp", "--json").json() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watching_worker_ends_when_it_is_told_to(
    lake: Path, fulfillment: Fulfillment, number: signal.Signals
) -> None:
    del lake
    before = signal.getsignal(number)

    def end_it() -> None:
        deadline = time.monotonic() + 60
        while signal.getsignal(number) is before and time.monotonic() < deadline:
            time.sleep(0.01)
        if signal.getsignal(number) is not before:
            os.kill(os.getpid(), number)

    ending = threading.Thread(target=end_it)
    ending.start()
    said = fulfillment("deliver", "--watch", "--workers", "2", "--json")
    ending.join()
    assert (said.exit_code, said.json()["total"]) == (0, 0)
    assert signal.getsignal(number) is before
