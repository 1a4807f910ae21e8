from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.proposals import propose
from fulfillment_pipelines.domain.case import CaseState, case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.errors import BadDataError, RetryableError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage, release

FindingMaker = Callable[..., Finding]


def _case_state(desk: Any, finding: Finding) -> CaseState:
    with desk.ledger.reading() as work:
        found = show_case(work, case_id_of(finding.code, finding.business_key, finding.node))
    assert found is not None
    return found.case.state


def test_a_finding_that_proposes_a_message_becomes_an_approved_correction(
    both_desk: Any, make_finding: FindingMaker
) -> None:
    _, proposed = both_desk.take_in(make_finding())
    record = both_desk.only()
    assert proposed.approved == (record.correction_id,)
    assert (record.state, record.decided_by, record.clause_id) == (CorrectionState.APPROVED, "policy", "AUTO-FIN-01")
    assert (record.target, record.message) == ("finance", "invoice.request")
    assert record.payload == '{"invoiced_qty":"10","line_no":2,"order_id":"SO-1001","shipment_id":"SH-7","uom":"EA"}'


def test_decision_outbox_and_audit_are_one_transaction(desk: Any, make_finding: FindingMaker) -> None:
    finding = make_finding()
    desk.take_in(make_finding(message=""))
    with desk.ledger.reading() as work:
        audited = audit.verify(work).rows
    with desk.ledger.unit_of_work() as work:
        propose(work, [finding], policies=desk.policies, target_of=lambda role, *_: role, now=desk.clock.now())
    assert desk.corrections() == []
    assert desk.dispatcher().run().acked == 0
    with desk.ledger.reading() as work:
        assert audit.verify(work).rows == audited


@pytest.mark.parametrize("changes", [{"message": ""}, {"verdict": Verdict.TIMING}, {"verdict": Verdict.UNKNOWN}])
def test_nothing_is_proposed_without_a_message_or_without_certainty(
    desk: Any, make_finding: FindingMaker, changes: dict[str, object]
) -> None:
    desk.take_in(make_finding(**changes))
    assert desk.corrections() == []


def test_the_same_findings_twice_propose_once(both_desk: Any, make_finding: FindingMaker) -> None:
    both_desk.take_in(make_finding())
    before = both_desk.corrections()
    _, proposed = both_desk.take_in(make_finding())
    assert (len(proposed.unchanged), proposed.approved) == (1, ())
    assert both_desk.corrections() == before


def test_the_order_of_keys_in_a_payload_does_not_make_another_effect(desk: Any, make_finding: FindingMaker) -> None:
    desk.take_in(make_finding(payload='{"a": 1, "b": "2"}'))
    desk.take_in(make_finding(payload='{"b":"2","a":1}'))
    assert len(desk.corrections()) == 1


def test_what_a_person_must_judge_waits_in_the_queue_of_approvals(desk: Any, make_finding: FindingMaker) -> None:
    finding = make_finding(judgement_reason="the price differs")
    desk.take_in(finding)
    assert desk.only().state is CorrectionState.PENDING
    assert _case_state(desk, finding) is CaseState.PENDING_APPROVAL
    assert desk.dispatcher().run().acked == 0


def test_the_second_snapshot_approves_what_the_first_proposed(desk: Any, make_finding: FindingMaker) -> None:
    desk.take_in(make_finding(code="SHP-02"))
    assert desk.only().state is CorrectionState.PROPOSED
    desk.wait(600)
    desk.take_in(make_finding(code="SHP-02", snapshots_seen=2, watermark_at=desk.clock.now()))
    record = desk.only()
    assert (record.state, record.proposed_at) == (CorrectionState.APPROVED, desk.clock.now() - timedelta(seconds=600))


def test_a_changed_finding_supersedes_what_was_not_yet_sent(both_desk: Any, make_finding: FindingMaker) -> None:
    both_desk.take_in(make_finding(payload='{"qty": "10"}'))
    both_desk.wait(60)
    both_desk.take_in(make_finding(payload='{"qty": "6"}', watermark_at=both_desk.clock.now()))
    by_payload = {record.payload: record for record in both_desk.corrections()}
    old, new = by_payload['{"qty":"10"}'], by_payload['{"qty":"6"}']
    assert (old.state, old.superseded_by) == (CorrectionState.SUPERSEDED, new.correction_id)
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.target.effects == [new.idempotency_key]


def test_an_effect_given_up_before_it_happened_is_proposed_again_on_newer_evidence(
    desk: Any, make_finding: FindingMaker
) -> None:
    for quantity in ("10", "6", "10"):
        desk.take_in(make_finding(payload=f'{{"qty": "{quantity}"}}', watermark_at=desk.clock.now()))
        desk.wait(60)
    states = {record.payload: record.state for record in desk.corrections()}
    assert states == {'{"qty":"10"}': CorrectionState.APPROVED, '{"qty":"6"}': CorrectionState.SUPERSEDED}
    desk.dispatcher().run()
    assert [sent.payload for sent in desk.target.received] == [{"qty": "10"}]


def test_nothing_new_is_proposed_while_an_earlier_correction_may_still_have_its_effect(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [Observed.QUEUED]
    desk.dispatcher().run()
    desk.wait(30)
    _, proposed = desk.take_in(make_direct(qty="6", watermark_at=desk.clock.now()))
    assert (len(proposed.held), len(desk.corrections())) == (1, 1)


def test_a_snapshot_older_than_the_acknowledgement_proposes_nothing_new(desk: Any, make_direct: FindingMaker) -> None:
    seen_at = desk.clock.now() + timedelta(seconds=10)
    desk.take_in(make_direct())
    desk.wait(60)
    desk.dispatcher().run()
    _, proposed = desk.take_in(make_direct(qty="6", watermark_at=seen_at))
    assert len(proposed.held) == 1
    desk.wait(60)
    _, proposed = desk.take_in(make_direct(qty="6", watermark_at=desk.clock.now()))
    assert len(proposed.approved) == 1


def test_a_failed_attempt_that_sent_nothing_can_still_be_superseded(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [RetryableError("busy")]
    desk.dispatcher().run()
    desk.wait(1)
    _, proposed = desk.take_in(make_direct(qty="6", watermark_at=desk.clock.now()))
    assert (len(proposed.superseded), len(proposed.approved)) == (1, 1)


def test_a_difference_that_returns_after_its_cure_is_another_effect(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.dispatcher().run()
    desk.wait(600)
    desk.take_in()
    desk.wait(600)
    desk.take_in(make_direct(watermark_at=desk.clock.now()))
    desk.dispatcher().run()
    assert len(set(desk.target.effects)) == 2


def test_three_corrections_of_one_case_in_a_day_leave_the_fourth_to_a_person(
    desk: Any, make_direct: FindingMaker
) -> None:
    for quantity in range(4):
        desk.take_in(make_direct(qty=str(quantity), watermark_at=desk.clock.now()))
        desk.dispatcher().run()
        desk.wait(600)
    assert len(desk.target.effects) == 3
    assert desk.corrections()[0].state is CorrectionState.PENDING


def test_no_more_is_approved_for_a_target_than_its_share_of_the_hour(desk: Any, make_finding: FindingMaker) -> None:
    two = desk.policies.gate.limits.each_target.model_copy(update={"corrections": 2})
    limits = desk.policies.gate.limits.model_copy(update={"each_target": two})
    desk.policies = replace(desk.policies, gate=desk.policies.gate.model_copy(update={"limits": limits}))
    findings = [make_finding(business_key=f"SO-{number}") for number in range(5)]
    _, proposed = desk.take_in(*findings)
    assert (len(proposed.approved), len(proposed.proposed)) == (2, 3)
    desk.wait(3601)
    _, proposed = desk.take_in(*findings)
    assert len(proposed.approved) == 2


def test_automation_resumes_when_the_switch_is_released(desk: Any, make_finding: FindingMaker) -> None:
    switch = KillSwitch(SwitchScope.TARGET, "finance")
    with desk.ledger.unit_of_work() as work:
        engage(work, switch, actor="ada", reason="audit", now=desk.clock.now())
        work.commit()
    desk.take_in(make_finding())
    assert desk.only().state is CorrectionState.PENDING
    with desk.ledger.unit_of_work() as work:
        release(work, switch, actor="ada", reason="done", now=desk.clock.now())
        work.commit()
    desk.take_in(make_finding())
    assert desk.only().state is CorrectionState.APPROVED


def test_money_at_risk_is_kept_to_the_hundredth(desk: Any, make_finding: FindingMaker) -> None:
    desk.take_in(make_finding(value_at_risk_amount=Decimal("10.005")))
    assert desk.only().value_amount == Decimal("10.00")


@pytest.mark.parametrize("payload", ["[1]", "{", "7"])
def test_a_payload_that_is_no_object_is_an_error_of_the_rule(
    desk: Any, make_finding: FindingMaker, payload: str
) -> None:
    with pytest.raises(BadDataError, match="not a JSON object"):
        desk.take_in(make_finding(payload=payload))


def test_corrections_are_listed_by_what_they_are_filtered_by(desk: Any, make_finding: FindingMaker) -> None:
    desk.take_in(make_finding(), make_finding(business_key="SO-2", judgement_reason="price"))
    with desk.ledger.reading() as work:
        pending = list_corrections(work, CorrectionFilter(states=frozenset({CorrectionState.PENDING})))
        elsewhere = list_corrections(work, CorrectionFilter(target="erp"))
    assert ([record.judgement_reason for record in pending], elsewhere) == (["price"], [])
