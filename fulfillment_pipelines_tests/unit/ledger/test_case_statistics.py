"""What is said about all cases is what is so of each, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.case_statistics import (
    CaseGroup,
    CaseSpan,
    Promptness,
    cases_of_group,
    count_due_cases,
    count_of_group,
    due_cases,
    sla_by_day,
    volume_by_code,
)
from fulfillment_pipelines.ledger.cases import update_cases
from fulfillment_pipelines.ledger.readings import list_cases
from fulfillment_pipelines.ledger.unit_of_work import Ledger

FindingMaker = Callable[..., Finding]
CLEARED, VERIFIED = CaseState.AUTO_CLEARED, CaseState.VERIFIED


@pytest.fixture
def span(noon: datetime) -> CaseSpan:
    """Sunday and Monday until noon."""
    return CaseSpan(noon - timedelta(hours=36), noon)


@pytest.fixture
def lived(ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime) -> Ledger:
    """Cases of all kinds, named by what they are."""
    hour = timedelta(hours=1)
    monday, sunday, past = noon - 2 * hour, noon - 20 * hour, noon - 60 * hour
    cured = {"state": VERIFIED, "proving_watermark_at": noon}
    kinds: dict[str, dict[str, Any]] = {
        "in time": {"fix_due_at": monday, "closed_at": monday, **cured},
        "late": {"fix_due_at": monday, "closed_at": monday + hour, **cured},
        "open": {"fix_due_at": monday},
        "waits": {"fix_due_at": monday, "state": CaseState.WAITING_EXTERNAL},
        "silenced": {"fix_due_at": monday, "state": CaseState.SUPPRESSED, "suppressed_until": noon + hour},
        "child": {"fix_due_at": monday},
        "by itself": {"fix_due_at": sunday, "closed_at": sunday - hour, **cured, "state": CLEARED, "times_opened": 2},
        "not due": {"fix_due_at": noon + hour},
        "due before": {"fix_due_at": past},
        "elsewhere": {"fix_due_at": monday, "node": "WEST", "owner": "Site"},
    }
    codes = {"open": "CRD-02"}
    findings = [
        make_finding(
            business_key=kind,
            code=codes.get(kind, "FIN-01"),
            owner=said.get("owner", "Billing"),
            node=said.get("node", "EAST"),
        )
        for kind, said in kinds.items()
    ]
    with ledger.unit_of_work() as work:
        before = [finding for finding in findings if finding.business_key == "due before"]
        intake(work, before, [], policy=case_policy, now=past)
        intake(work, findings, [], policy=case_policy, now=noon)
        cases = {case.business_key: case for case in list_cases(work)}
        lived = {kind: replace(cases[kind], **said) for kind, said in kinds.items()}
        lived["child"] = replace(lived["child"], parent_case_id=cases["late"].case_id)
        update_cases(work, list(lived.values()))
        work.commit()
    return ledger


def test_cases_that_were_due_are_counted_by_the_day_they_were_due(lived: Ledger, span: CaseSpan) -> None:
    with lived.reading() as work:
        sunday, monday = sla_by_day(work, replace(span, node="EAST"))
    assert (sunday.day.isoformat(), sunday.due_count, sunday.met_count) == ("2026-03-01", 1, 1)
    assert (monday.day.isoformat(), monday.due_count, monday.met_count) == ("2026-03-02", 4, 1)
    assert (monday.waiting_count, monday.silenced_count, monday.child_count) == (1, 1, 1)


def test_the_list_behind_each_number_has_as_many_cases(lived: Ledger, span: CaseSpan) -> None:
    with lived.reading() as work:
        days = sla_by_day(work, span)
        met = sum(day.met_count for day in days)
        missed = sum(day.due_count for day in days) - met
        left_out = sum(day.silenced_count + day.child_count for day in days)
        for wanted, count in ((Promptness.MET, met), (Promptness.MISSED, missed), (Promptness.EXCLUDED, left_out)):
            assert count_due_cases(work, span, wanted) == count
            assert len(due_cases(work, span, wanted, limit=100, offset=0)) == count
        assert {case.business_key for case in due_cases(work, span, Promptness.MISSED, limit=100, offset=0)} == {
            "late",
            "open",
            "waits",
            "elsewhere",
        }


def test_cases_are_counted_by_code_whether_found_in_the_span_or_open_now(lived: Ledger, span: CaseSpan) -> None:
    with lived.reading() as work:
        volumes = {volume.code: volume for volume in volume_by_code(work, span)}
        fin, crd = volumes["FIN-01"], volumes["CRD-02"]
        assert (fin.found_count, fin.cured_count, fin.self_healed_count, fin.returned_count) == (8, 3, 1, 1)
        assert (fin.open_count, fin.overdue_count) == (6, 5)  # the one that was found before is open as well
        assert (crd.found_count, crd.open_count, crd.overdue_count) == (1, 1, 1)
        for group in CaseGroup:
            count = getattr(fin, f"{group}_count")
            assert count_of_group(work, span, group, "FIN-01") == count
            assert len(cases_of_group(work, span, group, "FIN-01", limit=100, offset=0)) == count


def test_a_team_sees_its_own_cases(lived: Ledger, span: CaseSpan) -> None:
    with lived.reading() as work:
        (day,) = sla_by_day(work, replace(span, owner="Site"))
        assert (day.due_count, day.met_count) == (1, 0)
        assert [volume.found_count for volume in volume_by_code(work, replace(span, owner="Site"))] == [1]
