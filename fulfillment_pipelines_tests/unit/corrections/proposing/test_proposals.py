from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.case import CaseState, case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.errors import BadDataError, RetryableError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage, release

FindingMaker = Callable[..., Finding]


def _case_state(desk: Any, finding: Finding) -> CaseState:
    with desk.ledger.reading() as work:
        found = show_case(work, case_id_of(finding.code, finding.business_key, finding.node))
    assert found is not None
    return found.case.state


def _quantity(record: CorrectionRecord) -> str:
    quantity: str = json.loads(record.payload)["invoiced_qty"]
    return quantity


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
    finding = make_finding()
    backwards = json.dumps(dict(reversed(json.loads(finding.payload).items())), indent=1)
    assert backwards != finding.payload
    desk.take_in(finding)
    desk.take_in(make_finding(payload=backwards))
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


def test_a_changed_finding_supersedes_what_was_not_yet_sent(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct(qty="10"))
    both_desk.wait(60)
    both_desk.take_in(make_direct(qty="6", watermark_at=both_desk.clock.now()))
    by_quantity = {_quantity(record): record for record in both_desk.corrections()}
    old, new = by_quantity["10"], by_quantity["6"]
    assert (old.state, old.superseded_by) == (CorrectionState.SUPERSEDED, new.correction_id)
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.target.effects == [new.idempotency_key]


def test_an_effect_given_up_before_it_happened_is_proposed_again_on_newer_evidence(
    desk: Any, make_direct: FindingMaker
) -> None:
    for quantity in ("10", "6", "10"):
        desk.take_in(make_direct(qty=quantity, watermark_at=desk.clock.now()))
        desk.wait(60)
    states = {_quantity(record): record.state for record in desk.corrections()}
    assert states == {"10": CorrectionState.APPROVED, "6": CorrectionState.SUPERSEDED}
    desk.dispatcher().run()
    assert [sent.payload["invoiced_qty"] for sent in desk.target.received] == ["10"]


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


def test_a_correction_keeps_its_dossier(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct(qty="6"))
    record = both_desk.only()
    assert json.loads(record.diff) == [{"attribute": "invoiced_qty", "before": "10", "after": "6"}]
    assert json.loads(record.inverse)["payload"]["invoiced_qty"] == "10"
    assert json.loads(record.impact)["qty"] == "4"
    assert record.evidence == '{"wms":["SH-7"]}'
    assert record.evidence_hash == hashlib.sha256(record.evidence.encode()).hexdigest()


def test_a_newer_snapshot_renews_what_waits_and_says_so_in_the_audit_log(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct(judgement_reason="posted"))
    first = both_desk.only()
    both_desk.wait(60)
    seen = {"watermark_at": both_desk.clock.now(), "evidence": '{"wms": ["SH-7", "SH-8"]}'}
    both_desk.take_in(make_direct(judgement_reason="posted", **seen))
    renewed = both_desk.only()
    assert renewed.evidence_hash != first.evidence_hash
    assert (renewed.content_hash, renewed.proposed_at, renewed.expires_at) == (
        first.content_hash,
        first.proposed_at,
        first.expires_at,
    )
    with both_desk.ledger.reading() as work:
        assert audit.verify(work).intact


def test_a_content_that_does_not_fit_its_message_waits_for_a_person_and_stops_no_other(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    sound = make_direct(business_key="SO-2", order_id="SO-2")
    _, proposed = both_desk.take_in(make_direct(qty="-6"), sound)
    assert (len(proposed.pending), len(proposed.approved)) == (1, 1)
    (unfit,) = [record for record in both_desk.corrections() if record.state is CorrectionState.PENDING]
    assert unfit.decision_reason.startswith("GATE-CONTENT: payload does not fit invoice.amend v1: invoiced_qty: ")
    assert unfit.decided_by == ""
    assert both_desk.dispatcher().run().acked == 1


def test_what_a_person_must_judge_and_does_not_fit_says_both(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct(qty="-6", judgement_reason="posted"))
    reason = desk.only().decision_reason
    assert "posted; payload does not fit invoice.amend v1" in reason


def test_a_message_that_is_in_no_catalogue_waits_for_a_person(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct(message="invoice.frame"))
    record = desk.only()
    assert record.state is CorrectionState.PENDING
    assert "there is no message 'invoice.frame' in the catalogue" in record.decision_reason


def test_an_inverse_that_the_target_does_not_take_is_done_by_hand(desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct()
    desk.take_in(make_direct(message=""))
    with desk.ledger.unit_of_work() as work:
        propose(
            work,
            [finding],
            policies=desk.policies,
            target_of=lambda role, *_: role,
            now=desk.clock.now(),
            messages_of=lambda _: ("invoice.request",),
        )
        work.commit()
    assert (
        json.loads(desk.only().inverse)["because"] == "the target takes no 'invoice.amend'; it is undone there by hand"
    )
