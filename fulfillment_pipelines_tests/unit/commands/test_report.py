"""The report of a run: one row a code, whatever currencies its cases have, and no sum across currencies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_platform
from fulfillment_pipelines.commands.report import RunReport, report_of, show_report
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import intake
from fulfillment_pipelines.loop.passes import PassResult
from fulfillment_pipelines.loop.stages import Decisions
from fulfillment_pipelines.reconcile.runner import Reconciliation

MakeFinding = Callable[..., Finding]


@pytest.fixture
def report(lake: object, make_finding: MakeFinding, noon: datetime) -> RunReport:
    """The report of a pass after which one code has cases in two currencies, and one without money."""
    del lake
    findings = [
        make_finding(business_key="SO-1/1", value_at_risk_amount=Decimal("1200.50"), currency="USD"),
        make_finding(business_key="SO-2/1", value_at_risk_amount=Decimal("0.50"), currency="USD"),
        make_finding(business_key="SO-3/1", value_at_risk_amount=Decimal(70), currency="EUR"),
        make_finding(business_key="SO-4/1", value_at_risk_amount=Decimal(0), currency="XXX"),
        make_finding(code="SYS-02", business_key="erp/orders", value_at_risk_amount=Decimal(0), currency="XXX"),
    ]
    reconciled = Reconciliation(
        is_full=True, now_at=noon, verdicts={}, findings=len(findings), unexplained=0, violations=()
    )
    with opened_platform(None) as platform:
        with platform.ledger.unit_of_work() as work:
            taken = intake(work, findings, [], policy=platform.case_policy, now=noon)
            work.commit()
        undecided: Any = None
        decisions = Decisions(taken, confirmed=undecided, proposed=undecided)
        return report_of(platform, [PassResult([], [], reconciled, decisions, delivered=undecided)], seconds=1)


def test_a_code_has_one_total_with_an_amount_for_each_currency(report: RunReport) -> None:
    assert {total.code: (total.found, total.cured, total.open) for total in report.exceptions} == {
        "FIN-01": (4, 0, 4),
        "SYS-02": (1, 0, 1),
    }
    assert len(report.exceptions) == 2
    assert report.exceptions[0].open_value_amounts == {"EUR": Decimal("70.00"), "USD": Decimal("1201.00")}
    assert report.exceptions[1].open_value_amounts == {}


def test_the_printed_value_names_its_currencies(report: RunReport, capsys: pytest.CaptureFixture[str]) -> None:
    show_report(report, Path("runtime"), as_json=False, next_steps=())
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "FIN-01" in line)
    assert row.strip("│").split("│")[-1].strip() == "70.00 EUR, 1,201.00 USD"
