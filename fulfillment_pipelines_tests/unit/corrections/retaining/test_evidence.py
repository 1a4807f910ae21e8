"""Open cases, and cases that a legal hold keeps, name the snapshots that must stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.retaining.evidence import snapshots_named
from fulfillment_pipelines.corrections.retaining.retention_policy import Covers, LegalHold, RetentionPolicy
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.unit_of_work import Ledger

FIRST, SECOND = "20260302T110000000000Z-0123456789ab", "20260302T120000000000Z-ba9876543210"


@pytest.fixture
def seen(ledger: Ledger, case_policy: CasePolicy, make_finding: Callable[..., Finding], noon: datetime) -> Any:
    """Return what lets intake see the findings at orders, each resting on a snapshot."""

    def see(findings: dict[str, str], hours: int = 0) -> None:
        now = noon + timedelta(hours=hours)
        found = [
            make_finding(business_key=f"{order}/1/SH-1", order_id=order, watermark_at=now, evidence=evidence)
            for order, evidence in findings.items()
        ]
        runs = [RuleRun("FIN-01", "east", now, trustworthy=True)]
        with ledger.unit_of_work() as work:
            intake(work, found, runs, policy=case_policy, now=now)
            work.commit()

    return see


def _named(ledger: Ledger, policy: RetentionPolicy, now: datetime) -> frozenset[str]:
    with ledger.unit_of_work() as work:
        return snapshots_named(work, policy, now=now)


def test_what_an_open_case_rests_on_is_named_and_what_an_ended_one_did_is_not(
    ledger: Ledger, seen: Any, policies: Policies, noon: datetime
) -> None:
    seen({"SO-1": f'{{"wms": "{FIRST}"}}', "SO-2": f'{{"lines": ["{SECOND}"]}}'})
    assert _named(ledger, policies.retention, noon) == {FIRST, SECOND}

    seen({"SO-1": f'{{"wms": "{FIRST}"}}'}, hours=1)
    seen({"SO-1": f'{{"wms": "{FIRST}"}}'}, hours=2)
    assert _named(ledger, policies.retention, noon + timedelta(hours=3)) == {FIRST}


def test_what_an_ended_case_rested_on_stays_named_while_a_legal_hold_keeps_the_case(
    ledger: Ledger, seen: Any, policies: Policies, noon: datetime
) -> None:
    seen({"SO-2": f'{{"wms": "{SECOND}"}}'})
    seen({}, hours=1)
    seen({}, hours=2)
    covers = Covers(order_ids=frozenset({"SO-2"}))
    hold = LegalHold(hold_id="LH-1", reason="a claim", by="counsel", since=date(2026, 3, 2), covers=covers)
    held = policies.retention.model_copy(update={"legal_holds": [hold]})

    after = noon + timedelta(hours=3)
    assert _named(ledger, policies.retention, after) == frozenset()
    assert _named(ledger, held, after) == {SECOND}


def test_evidence_beyond_the_first_page_is_read_too(
    ledger: Ledger, seen: Any, policies: Policies, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fulfillment_pipelines.ledger.retention._PAGE_ROWS", 2)
    snapshots = {f"SO-{number}": f"20260302T110000000000Z-{number:012x}" for number in range(5)}
    seen({order: f'{{"wms": "{snapshot}"}}' for order, snapshot in snapshots.items()})

    assert _named(ledger, policies.retention, noon) == set(snapshots.values())
