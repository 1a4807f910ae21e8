"""Pages of corrections hold each once, newest first, on both databases, also where many were proposed at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.correction_pages import CorrectionPlace, CorrectionWish, correction_page
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, insert_corrections
from fulfillment_pipelines.ledger.readings import list_cases
from fulfillment_pipelines.ledger.unit_of_work import Ledger


def _record(number: int, case_id: str, noon: datetime) -> CorrectionRecord:
    return CorrectionRecord(
        correction_id=f"COR-{number:016x}",
        case_id=case_id,
        code="FIN-01",
        node="EAST" if number % 2 else "WEST",
        target="finance",
        message="invoice.request",
        correction_class=CorrectionClass.PUBLISH,
        payload="{}",
        precondition="{}",
        idempotency_key=f"{number:064x}",
        state=CorrectionState.PENDING if number % 3 else CorrectionState.SENT,
        rule_version="1",
        judgement_reason="",
        value_amount=Decimal("1.00"),
        currency="USD",
        watermark_at=noon,
        proposed_at=noon + timedelta(hours=number // 5),
        decided_at=None,
        decided_by="",
        clause_id="",
        decision_reason="",
    )


@pytest.fixture
def records(
    ledger: Ledger, case_policy: CasePolicy, make_finding: Callable[..., Finding], noon: datetime
) -> list[CorrectionRecord]:
    """Twenty corrections, five at a time; in the order in which they are listed."""
    with ledger.unit_of_work() as work:
        intake(work, [make_finding()], [], policy=case_policy, now=noon)
        (case,) = list_cases(work)
        made = [_record(number, case.case_id, noon) for number in range(20)]
        insert_corrections(work, made)
        work.commit()
    by_identity = sorted(made, key=lambda record: record.correction_id)
    return sorted(by_identity, key=lambda record: record.proposed_at, reverse=True)


def test_pages_together_are_the_list(ledger: Ledger, records: list[CorrectionRecord]) -> None:
    walked: list[CorrectionRecord] = []
    with ledger.reading() as work:
        while True:
            after = CorrectionPlace(walked[-1].proposed_at, walked[-1].correction_id) if walked else None
            page = correction_page(work, CorrectionWish(), after=after, most=7)
            walked += page
            if len(page) < 7:
                break
    assert walked == records


def test_only_what_was_asked_for_is_in_a_page(ledger: Ledger, records: list[CorrectionRecord]) -> None:
    wanted = CorrectionWish(state=CorrectionState.SENT, node="EAST", case_id=records[0].case_id)
    with ledger.reading() as work:
        found = correction_page(work, wanted, after=None, most=50)
    assert found == [one for one in records if one.state is CorrectionState.SENT and one.node == "EAST"]
    assert found


def test_nothing_is_left_behind_a_place_before_all(ledger: Ledger, records: list[CorrectionRecord]) -> None:
    place = CorrectionPlace(records[-1].proposed_at, records[-1].correction_id)
    with ledger.reading() as work:
        assert correction_page(work, CorrectionWish(), after=place, most=50) == []
        earlier = replace(place, correction_id="COR-")
        assert len(correction_page(work, CorrectionWish(), after=earlier, most=50)) == 5
