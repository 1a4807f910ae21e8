from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.corrections.approval import approve
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger import audit

FindingMaker = Callable[..., Finding]


def _approve(desk: Any, finding: Finding, by: str = "billing.lead") -> None:
    case_id = case_id_of(finding.code, finding.business_key, finding.node)
    with desk.ledger.unit_of_work() as work:
        approve(work, case_id, by=by, reason="agreed", policies=desk.policies, now=desk.clock.now())
        work.commit()


def test_what_a_person_approves_is_delivered_and_stays_approved(both_desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct(judgement_reason="the document is posted")
    both_desk.take_in(finding)
    assert both_desk.only().state is CorrectionState.PENDING
    assert both_desk.dispatcher().run().acked == 0
    _approve(both_desk, finding)
    record = both_desk.only()
    assert (record.state, record.decided_by, record.decision_reason) == (
        CorrectionState.APPROVED,
        "billing.lead",
        "agreed",
    )
    both_desk.take_in(finding)
    assert both_desk.only().state is CorrectionState.APPROVED
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.target.effects == [record.idempotency_key]


def test_an_approval_is_in_the_audit_log(desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct(judgement_reason="the document is posted")
    desk.take_in(finding)
    with desk.ledger.reading() as work:
        before = audit.verify(work)
    _approve(desk, finding)
    with desk.ledger.reading() as work:
        after = audit.verify(work)
    assert after.intact
    assert after.rows == before.rows + 1


def test_what_needs_no_person_cannot_be_approved_by_one(desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct()
    desk.take_in(finding)
    with pytest.raises(RejectedError, match=r"No correction of EXC-.* waits for a person"):
        _approve(desk, finding)


@pytest.mark.parametrize("by", ["", "policy"])
def test_only_a_person_approves(desk: Any, make_direct: FindingMaker, by: str) -> None:
    finding = make_direct(judgement_reason="the document is posted")
    desk.take_in(finding)
    with pytest.raises(RejectedError, match="approved by one"):
        _approve(desk, finding, by=by)
    assert desk.only().state is CorrectionState.PENDING
