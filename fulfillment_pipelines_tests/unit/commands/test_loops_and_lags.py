"""A person lets automation go on, and looks at how long systems take to follow each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_platform
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage, engaged_switches
from fulfillment_pipelines.loop import stages

Fulfillment = Callable[..., Any]
CASE = "EXC-0123456789abcdef"
RESUME = ("corrections", "resume", CASE, "--by", "ines", "--reason", "the job was stopped")


@pytest.fixture
def switched_off(lake: object) -> None:
    """A case that a loop has taken from the machine."""
    del lake
    with opened_platform(None) as platform, platform.ledger.unit_of_work() as work:
        switch = KillSwitch(SwitchScope.CASE, CASE)
        engage(work, switch, actor="loop guard", reason="undone", now=datetime(2026, 3, 2, tzinfo=UTC))
        work.commit()


@pytest.mark.usefixtures("switched_off")
def test_a_case_is_corrected_by_the_machine_again_when_a_person_says_so(fulfillment: Fulfillment) -> None:
    with opened_platform(None) as platform, platform.ledger.reading() as work:
        audited = audit.verify(work).rows
    (said,) = fulfillment(*RESUME, "--json").json()
    assert (said["case_id"], said["by"]) == (CASE, "ines")
    with opened_platform(None) as platform, platform.ledger.reading() as work:
        assert engaged_switches(work) == frozenset()
        assert audit.verify(work).rows == audited + 1


@pytest.mark.usefixtures("lake")
def test_a_case_that_is_not_switched_off_cannot_be_resumed(fulfillment: Fulfillment) -> None:
    said = fulfillment(*RESUME)
    assert said.exit_code == 1
    assert "not switched off" in said.stderr
    assert "--code SYS-05" in said.stderr


@pytest.mark.usefixtures("lake")
def test_lags_and_their_quality_are_told_after_a_full_run(fulfillment: Fulfillment) -> None:
    with opened_platform(None) as platform:
        stages.reconcile(platform, full=True)
    assert fulfillment("timing", "--json").json() == {"lags": [], "quality": []}
    assert "none seen yet" in fulfillment("timing").stdout
