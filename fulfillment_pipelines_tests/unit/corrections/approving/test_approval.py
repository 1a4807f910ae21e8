"""A person approves or rejects: four eyes, the role, one transaction, and in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest

from fulfillment_pipelines.corrections.approving import approval, decisions
from fulfillment_pipelines.domain.case import CaseState, case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger import audit, switches
from fulfillment_pipelines.ledger.approvals import approvals_given
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, update_corrections
from fulfillment_pipelines.ledger.outbox import deliveries_of
from fulfillment_pipelines.ledger.readings import show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope

FindingMaker = Callable[..., Finding]


@pytest.fixture
def judged(make_direct: FindingMaker) -> FindingMaker:
    """Return a finding whose correction a person must judge."""

    def make(**changes: object) -> Finding:
        return make_direct(**{"judgement_reason": "the document is posted", **changes})

    return make


def _case_id(finding: Finding) -> str:
    return case_id_of(finding.code, finding.business_key, finding.node)


def _act(desk: Any, act: Callable[..., CorrectionRecord], identity: str, by: str, reason: str) -> CorrectionRecord:
    with desk.ledger.unit_of_work() as work:
        record = act(work, identity, by=by, reason=reason, policies=desk.policies, now=desk.clock.now())
        work.commit()
    return record


def _approve(desk: Any, identity: str = "", by: str = "ada", reason: str = "agreed") -> CorrectionRecord:
    return _act(desk, approval.approve, identity or desk.only().correction_id, by, reason)


def _reject(desk: Any, identity: str = "", by: str = "ada", reason: str = "not so") -> CorrectionRecord:
    return _act(desk, approval.reject, identity or desk.only().correction_id, by, reason)


def _change(desk: Any, record: CorrectionRecord) -> None:
    with desk.ledger.unit_of_work() as work:
        update_corrections(work, [record])
        work.commit()


def _outbox(desk: Any) -> int:
    with desk.ledger.unit_of_work() as work:
        return len(deliveries_of(work, {record.case_id for record in desk.corrections()}))


def _given(desk: Any) -> list[str]:
    with desk.ledger.unit_of_work() as work:
        found = approvals_given(work, [record.correction_id for record in desk.corrections()])
    return [one.actor for given in found.values() for one in given]


def _case_state(desk: Any) -> CaseState:
    with desk.ledger.reading() as work:
        found = show_case(work, desk.only().case_id)
    assert found is not None
    return found.case.state


def test_what_a_person_approves_is_delivered_and_stays_approved(both_desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    both_desk.take_in(finding)
    assert both_desk.dispatcher().run().acked == 0
    _approve(both_desk)
    record = both_desk.only()
    assert (record.state, record.decided_by, record.decision_reason, record.clause_id) == (
        CorrectionState.APPROVED,
        "ada",
        "agreed",
        "APR-BILLING",
    )
    assert _case_state(both_desk) is CaseState.IN_PROGRESS
    both_desk.take_in(finding)
    assert both_desk.only().state is CorrectionState.APPROVED
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.target.effects == [record.idempotency_key]


def test_the_correction_of_a_case_may_be_named_by_the_case(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    assert _approve(desk, _case_id(finding)).state is CorrectionState.APPROVED


def test_an_approval_is_in_the_audit_log_with_role_content_and_reason(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    with desk.ledger.reading() as work:
        before = audit.verify(work)
    _approve(desk)
    with desk.ledger.reading() as work:
        after = audit.verify(work)
    assert after.intact
    assert after.rows == before.rows + 1


def test_what_was_approved_cannot_be_approved_again(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    _approve(desk)
    with pytest.raises(RejectedError, match=r"No correction of EXC-.* waits for a person"):
        _approve(desk, _case_id(finding))
    with pytest.raises(RejectedError, match=r"it was approved by ada at 2026-03-02 12:00Z and is APPROVED"):
        _approve(desk, by="ben")
    assert _outbox(desk) == 1


def test_a_correction_that_is_not_there_is_told(desk: Any) -> None:
    with pytest.raises(BadDataError, match="There is no correction COR-0"):
        _approve(desk, "COR-0")


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("", "nobody of that identity"),
        ("policy", "nobody of that identity"),
        ("mallory", "nobody of that identity"),
        ("karl", "somebody who has left"),
        ("chiara", "chiara has not the role billing.lead"),
    ],
)
@pytest.mark.parametrize("act", [_approve, _reject])
def test_only_an_active_person_with_the_role_decides(
    desk: Any, judged: FindingMaker, by: str, told: str, act: Callable[..., CorrectionRecord]
) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match=told):
        act(desk, by=by)
    assert (desk.only().state, _outbox(desk), _given(desk)) == (CorrectionState.PENDING, 0, [])


@pytest.mark.parametrize("act", [_approve, _reject])
def test_a_decision_without_a_reason_is_none(
    desk: Any, judged: FindingMaker, act: Callable[..., CorrectionRecord]
) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match="needs a reason"):
        act(desk, reason=" ")
    assert desk.only().state is CorrectionState.PENDING


def test_who_proposed_a_correction_does_not_approve_it(both_desk: Any, judged: FindingMaker) -> None:
    both_desk.take_in(judged())
    _change(both_desk, replace(both_desk.only(), proposed_by="ada"))
    with pytest.raises(RejectedError, match="ada proposed it") as refused:
        _approve(both_desk)
    assert "ben may" in refused.value.remedy
    assert _approve(both_desk, by="ben").state is CorrectionState.APPROVED


def test_much_money_needs_two_people(both_desk: Any, judged: FindingMaker) -> None:
    both_desk.take_in(judged(value_at_risk_amount=Decimal(60_000)))
    first = _approve(both_desk)
    assert (first.state, _outbox(both_desk), _given(both_desk)) == (CorrectionState.PENDING, 0, ["ada"])
    assert _case_state(both_desk) is CaseState.PENDING_APPROVAL
    with pytest.raises(RejectedError, match="ada has approved it already"):
        _approve(both_desk)
    second = _approve(both_desk, by="ben")
    assert (second.state, second.decided_by, _outbox(both_desk)) == (CorrectionState.APPROVED, "ada, ben", 1)
    assert both_desk.dispatcher().run().acked == 1


def test_a_first_approval_survives_a_snapshot_that_changes_nothing(desk: Any, judged: FindingMaker) -> None:
    finding = judged(value_at_risk_amount=Decimal(60_000))
    desk.take_in(finding)
    _approve(desk)
    desk.wait(60)
    desk.take_in(replace(finding, watermark_at=desk.clock.now()))
    assert _approve(desk, by="ben").state is CorrectionState.APPROVED


def test_a_first_approval_is_not_one_of_content_that_has_changed(desk: Any, judged: FindingMaker) -> None:
    finding = judged(value_at_risk_amount=Decimal(60_000))
    desk.take_in(finding)
    _approve(desk)
    desk.take_in(replace(finding, precondition='{"invoiced_qty": "9", "status": "DRAFT"}'))
    assert _approve(desk, by="ben").state is CorrectionState.PENDING
    assert _approve(desk, by="ada").state is CorrectionState.APPROVED


def test_a_first_approval_does_not_count_once_another_role_is_needed(desk: Any, judged: FindingMaker) -> None:
    finding = judged(value_at_risk_amount=Decimal(60_000))
    desk.take_in(finding)
    _approve(desk)
    desk.take_in(replace(finding, value_at_risk_amount=Decimal(300_000)))
    assert desk.only().approver_role == "director"
    assert _approve(desk, by="grace").state is CorrectionState.PENDING
    assert _approve(desk, by="hugo").decided_by == "grace, hugo"


def test_a_first_approval_by_somebody_who_has_left_does_not_count(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged(value_at_risk_amount=Decimal(60_000)))
    _approve(desk)
    ada_left = {one.id: one for one in desk.policies.people.everybody} | {
        "ada": desk.policies.people.get("ada").model_copy(update={"active": False})
    }
    everybody = type(desk.policies.people)(_seed(list(ada_left.values())))
    desk.policies = replace(desk.policies, people=everybody)
    assert _approve(desk, by="ben").state is CorrectionState.PENDING


def _seed(people: list[Any]) -> Any:
    from fulfillment_pipelines.corrections.approving.people import PeopleSeed  # noqa: PLC0415 - only this test makes people

    return PeopleSeed(version=1, people=people)


def test_content_that_was_changed_by_hand_is_not_approved(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    _change(desk, replace(desk.only(), payload='{"invoiced_qty":"10000"}'))
    with pytest.raises(RejectedError, match="its content is not the content that was proposed"):
        _approve(desk)
    assert _outbox(desk) == 0


def test_an_approval_is_bound_to_the_content_that_is_sent(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    approved = _approve(desk)
    with desk.ledger.reading() as work:
        (given,) = approvals_given(work, [approved.correction_id])[approved.correction_id]
    assert (given.content_hash, given.version) == (approved.content_hash, 1)
    assert approved.policy_version == desk.policies.version


def test_content_that_does_not_fit_its_message_is_not_approved(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged(payload='{"order_id": "SO-1001", "invoiced_qty": "-1"}'))
    with pytest.raises(RejectedError, match="its content does not fit its message") as refused:
        _approve(desk)
    assert "approvals edit" in refused.value.remedy
    assert _reject(desk).state is CorrectionState.REJECTED


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"precondition": '{"invoiced_qty": "10", "status": "POSTED"}'}, "AUTH-INVOICE-DRAFT"),
        ({"correction_class": "N"}, "know no invoice.amend of class N"),
    ],
)
def test_what_lies_outside_the_decision_rights_nobody_can_approve(
    desk: Any, judged: FindingMaker, changes: dict[str, str], told: str
) -> None:
    desk.take_in(judged(**changes))
    with pytest.raises(RejectedError, match=told) as refused:
        _approve(desk)
    assert "reject it" in refused.value.remedy


@pytest.mark.parametrize(
    ("switch", "named"),
    [
        (KillSwitch(SwitchScope.EVERYTHING), "everything"),
        (KillSwitch(SwitchScope.TARGET, "finance"), "target finance"),
        (KillSwitch(SwitchScope.RULE, "FIN-01"), "rule FIN-01"),
    ],
)
def test_nothing_is_approved_under_a_kill_switch(
    desk: Any, judged: FindingMaker, switch: KillSwitch, named: str
) -> None:
    desk.take_in(judged())
    with desk.ledger.unit_of_work() as work:
        switches.engage(work, switch, actor="jonas", reason="look", now=desk.clock.now())
        work.commit()
    with pytest.raises(RejectedError, match=f"a kill switch is engaged for {named}") as refused:
        _approve(desk)
    assert f"fulfillment switches release --scope {switch.scope}" in refused.value.remedy
    assert _reject(desk).state is CorrectionState.REJECTED, "what is stopped may be rejected"


def test_an_approval_after_the_cure_is_told_what_happened(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    desk.wait(60)
    desk.take_in()
    with pytest.raises(RejectedError, match="the difference was gone before it was sent"):
        _approve(desk)


def test_an_approval_of_what_was_replaced_names_what_took_its_place(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    before = desk.only()
    desk.take_in(replace(finding, payload='{"order_id": "SO-1001", "line_no": 2, "invoiced_qty": "11"}'))
    after = next(one for one in desk.corrections() if one.state is CorrectionState.PENDING)
    with pytest.raises(RejectedError, match="it was withdrawn: the finding has changed") as refused:
        _approve(desk, before.correction_id)
    assert refused.value.remedy == f"decide on {after.correction_id} instead"


def test_a_rejected_correction_goes_back_to_people_and_is_not_proposed_again(
    both_desk: Any, judged: FindingMaker
) -> None:
    finding = judged()
    both_desk.take_in(finding)
    rejected = _reject(both_desk)
    assert (rejected.decided_by, rejected.decision_reason) == ("ada", "not so")
    assert _case_state(both_desk) is CaseState.OPEN
    both_desk.wait(3600)
    _, proposed = both_desk.take_in(replace(finding, watermark_at=both_desk.clock.now(), snapshots_seen=9))
    assert (proposed.unchanged, both_desk.only().state) == ((rejected.correction_id,), CorrectionState.REJECTED)
    assert both_desk.dispatcher().run().acked == 0
    with pytest.raises(RejectedError, match="ada rejected it: not so"):
        _approve(both_desk, by="ben")


def test_other_content_is_another_effect_although_the_first_was_rejected(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    _reject(desk)
    _, proposed = desk.take_in(replace(finding, payload='{"order_id": "SO-1001", "line_no": 2, "invoiced_qty": "9"}'))
    assert len(proposed.pending) == 1


def test_an_approval_that_nobody_gives_in_time_lapses_and_is_proposed_anew(
    both_desk: Any, judged: FindingMaker
) -> None:
    finding = judged(value_at_risk_amount=Decimal(60_000))
    both_desk.take_in(finding)
    waiting = _approve(both_desk)
    assert waiting.expires_at == datetime(2026, 3, 4, 12, tzinfo=UTC)
    both_desk.clock.at = waiting.expires_at
    with pytest.raises(RejectedError, match="its approval lapsed at 2026-03-04 12:00Z"):
        _approve(both_desk, by="ben")
    both_desk.take_in(finding)
    lapsed = both_desk.only()
    assert (lapsed.state, lapsed.decided_by) == (CorrectionState.SUPERSEDED, "policy")
    assert lapsed.decision_reason.startswith("approval lapsed: nobody with the role finance.manager")
    assert _case_state(both_desk) is CaseState.OPEN
    both_desk.wait(60)
    both_desk.take_in(replace(finding, watermark_at=both_desk.clock.now()))
    anew = both_desk.only()
    assert (anew.state, anew.expires_at) == (CorrectionState.PENDING, datetime(2026, 3, 6, 12, 1, tzinfo=UTC))
    assert _approve(both_desk, by="ben").state is CorrectionState.PENDING, "the approval before the lapse is void"
    assert _approve(both_desk, by="grace").state is CorrectionState.APPROVED


def test_before_its_time_is_up_nothing_lapses(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    desk.clock.at = desk.clock.at + timedelta(hours=47)
    desk.take_in(finding)
    assert desk.only().state is CorrectionState.PENDING


class _CrashError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("broken", ["update_corrections", "insert_deliveries", "audit"])
def test_a_failure_after_the_approval_row_leaves_nothing_of_it(
    both_desk: Any, judged: FindingMaker, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_desk.take_in(judged())
    before = both_desk.only()

    def crash(*_: object) -> None:
        raise _CrashError

    monkeypatch.setattr(*((decisions.audit, "append") if broken == "audit" else (decisions, broken)), crash)
    with pytest.raises(_CrashError):
        _approve(both_desk)
    monkeypatch.undo()
    assert (both_desk.only(), _outbox(both_desk), _given(both_desk)) == (before, 0, [])
    assert _case_state(both_desk) is CaseState.PENDING_APPROVAL
    _approve(both_desk)
    assert (_outbox(both_desk), _given(both_desk)) == (1, ["ada"])


def test_two_people_who_approve_at_the_same_moment_make_one_delivery(both_desk: Any, judged: FindingMaker) -> None:
    both_desk.take_in(judged())
    identity, start = both_desk.only().correction_id, Barrier(2)
    told: list[str] = []

    def press(by: str) -> None:
        start.wait()
        try:
            _approve(both_desk, identity, by=by)
        except RejectedError as refused:
            told.append(str(refused))

    people = [Thread(target=press, args=(by,)) for by in ("ada", "ben")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(told) == 1
    assert "it was approved by" in told[0]
    assert (_outbox(both_desk), len(_given(both_desk))) == (1, 1)
    assert both_desk.dispatcher().run().acked == 1
    assert len(both_desk.target.effects) == 1
