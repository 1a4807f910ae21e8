"""Many corrections are decided on at once: all or nothing, counted first, each with a row of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.approving.bulk import BulkOrder, BulkResult, decide_all
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.approvals import ApprovalDecision, Waiting, approvals_given
from fulfillment_pipelines.ledger.cases import cases_by_id, update_cases
from fulfillment_pipelines.ledger.corrections import update_corrections

FindingMaker = Callable[..., Finding]
ALL = Waiting(code="FIN-01")
PAYLOAD = {"invoice_id": "INV-1", "invoice_line_no": 1, "line_no": 1, "invoiced_qty": "3"}


@pytest.fixture
def make_many(make_direct: FindingMaker) -> Callable[..., list[Finding]]:
    """Return findings of so many orders, each of which a person must judge."""

    def make(count: int, **changes: object) -> list[Finding]:
        return [
            make_direct(
                **{
                    "business_key": f"SO-{number}/1/SH-1",
                    "judgement_reason": "posted",
                    "payload": json.dumps(PAYLOAD | {"order_id": f"SO-{number}"}),
                    "value_at_risk_amount": Decimal("100.25"),
                    **changes,
                }
            )
            for number in range(count)
        ]

    return make


def _order(wanted: Waiting = ALL, **changes: Any) -> BulkOrder:
    return replace(BulkOrder(wanted, ApprovalDecision.APPROVED, "ada", "one cause"), **changes)


def _decide(desk: Any, order: BulkOrder, *, commit: bool = True) -> BulkResult:
    with desk.ledger.unit_of_work() as work:
        result = decide_all(work, order, policies=desk.policies, now=desk.clock.now())
        if commit:
            work.commit()
    return result


def _states(desk: Any) -> list[CorrectionState]:
    return [record.state for record in desk.corrections()]


def _audited(desk: Any) -> int:
    with desk.ledger.reading() as work:
        report = audit.verify(work)
    assert report.intact
    return report.rows


def test_all_of_a_kind_are_approved_each_with_its_own_rows(both_desk: Any, make_many: Any) -> None:
    both_desk.take_in(*make_many(3))
    before = _audited(both_desk)
    result = _decide(both_desk, _order())
    assert (len(result.decided), result.refused, result.amounts) == (3, (), {"USD": Decimal("300.75")})
    assert _states(both_desk) == [CorrectionState.APPROVED] * 3
    assert _audited(both_desk) == before + 3
    with both_desk.ledger.reading() as work:
        given = approvals_given(work, [record.correction_id for record in result.decided])
    assert [len(approvals) for approvals in given.values()] == [1, 1, 1]
    assert both_desk.dispatcher().run().acked == 3


def test_what_is_not_committed_was_only_looked_at(desk: Any, make_many: Any) -> None:
    desk.take_in(*make_many(2))
    before = _audited(desk)
    assert len(_decide(desk, _order(), commit=False).decided) == 2
    assert _states(desk) == [CorrectionState.PENDING] * 2
    assert _audited(desk) == before


def test_all_are_rejected_at_once(desk: Any, make_many: Any) -> None:
    desk.take_in(*make_many(2))
    _decide(desk, _order(decision=ApprovalDecision.REJECTED))
    assert _states(desk) == [CorrectionState.REJECTED] * 2


def test_one_that_is_refused_stops_all_of_them(both_desk: Any, make_many: Any) -> None:
    both_desk.take_in(*make_many(3))
    own = both_desk.corrections()[0]
    with both_desk.ledger.unit_of_work() as work:
        update_corrections(work, [replace(own, proposed_by="ada")])
        work.commit()
    with pytest.raises(RejectedError, match="1 of 3 corrections are not for ada") as refused:
        _decide(both_desk, _order())
    assert refused.value.found == f"{own.correction_id}: ada proposed it"
    assert "--skip-refused" in refused.value.remedy
    assert _states(both_desk) == [CorrectionState.PENDING] * 3
    result = _decide(both_desk, _order(skip_refused=True))
    assert (len(result.decided), [record.correction_id for record, _ in result.refused]) == (2, [own.correction_id])
    assert sorted(_states(both_desk)) == ["APPROVED", "APPROVED", "PENDING"]


def test_the_cases_of_one_cause_are_decided_on_together(both_desk: Any, make_many: Any) -> None:
    findings = make_many(3)
    both_desk.take_in(*findings)
    identities = [case_id_of(one.code, one.business_key, one.node) for one in findings]
    with both_desk.ledger.unit_of_work() as work:
        child = cases_by_id(work, identities)[identities[1]]
        update_cases(work, [replace(child, parent_case_id=identities[0])])
        work.commit()
    result = _decide(both_desk, _order(Waiting(cause=identities[0])))
    assert {record.case_id for record in result.decided} == {identities[0], identities[1]}
    assert sorted(_states(both_desk)) == ["APPROVED", "APPROVED", "PENDING"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Waiting(code="FIN-01", node="east"), 2),
        (Waiting(target="finance"), 2),
        (Waiting(message="invoice.amend"), 2),
        (Waiting(message="invoice.amend", node="west"), 0),
        (Waiting(code="INT-02"), 0),
    ],
)
def test_only_those_that_are_meant_are_decided_on(desk: Any, make_many: Any, wanted: Waiting, count: int) -> None:
    desk.take_in(*make_many(2))
    if count:
        assert len(_decide(desk, _order(wanted)).decided) == count
    else:
        with pytest.raises(BadDataError, match="No correction that waits"):
            _decide(desk, _order(wanted))


def test_who_names_nothing_does_not_mean_everything(desk: Any, make_many: Any) -> None:
    desk.take_in(*make_many(2))
    with pytest.raises(BadDataError, match="not said which"):
        _decide(desk, _order(Waiting()))


def test_more_than_were_looked_at_are_not_decided_on(desk: Any, make_many: Any) -> None:
    desk.take_in(*make_many(2))
    with pytest.raises(RejectedError, match="not as many corrections as were looked at"):
        _decide(desk, _order(expected_count=1))
    assert _states(desk) == [CorrectionState.PENDING] * 2
    assert len(_decide(desk, _order(expected_count=2)).decided) == 2


def test_those_that_need_two_people_wait_for_the_second(desk: Any, make_many: Any) -> None:
    desk.take_in(*make_many(2, value_at_risk_amount=Decimal(60_000)))
    assert _decide(desk, _order()).awaiting_second == 2
    assert _states(desk) == [CorrectionState.PENDING] * 2
    assert _decide(desk, _order(by="ben")).awaiting_second == 0
    assert _states(desk) == [CorrectionState.APPROVED] * 2


def test_a_thousand_are_decided_on_in_one_transaction(both_desk: Any, make_many: Any) -> None:
    both_desk.take_in(*make_many(1000))
    assert len(_decide(both_desk, _order()).decided) == 1000
