"""A person changes what would be sent: a new version, which somebody else must approve; nothing changes in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.approving.approval import approve, reject
from fulfillment_pipelines.corrections.approving.editing import Edit, edit, typed_changes
from fulfillment_pipelines.corrections.approving.replay import replay
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import (
    BadDataError,
    FulfillmentError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage

FindingMaker = Callable[..., Finding]
FIVE = {"invoiced_qty": "5"}


@pytest.fixture
def judged(make_direct: FindingMaker) -> FindingMaker:
    """Return a finding whose correction a person must judge."""

    def make(**changes: object) -> Finding:
        return make_direct(**{"judgement_reason": "the document is posted", **changes})

    return make


def _do(desk: Any, act: Callable[..., CorrectionRecord], *words: object, **named: object) -> CorrectionRecord:
    with desk.ledger.unit_of_work() as work:
        record = act(work, *words, **named, policies=desk.policies, now=desk.clock.now())
        work.commit()
    return record


def _edit(
    desk: Any, record: CorrectionRecord, changes: Mapping[str, Any], by: str = "ben", role: str = "finance"
) -> CorrectionRecord:
    return _do(desk, edit, record.correction_id, Edit(changes, by, "counted again", role))


def _approve(desk: Any, record: CorrectionRecord, by: str) -> CorrectionRecord:
    return _do(desk, approve, record.correction_id, by=by, reason="agreed")


def _of(desk: Any, record: CorrectionRecord) -> CorrectionRecord:
    found: CorrectionRecord = next(one for one in desk.corrections() if one.correction_id == record.correction_id)
    return found


def _dead(desk: Any, finding: Finding, *answers: FulfillmentError | Observed) -> CorrectionRecord:
    desk.take_in(finding)
    desk.target.answers = list(answers)
    desk.dispatcher().run()
    record: CorrectionRecord = desk.only()
    assert record.state is CorrectionState.DEAD_LETTER
    return record


def test_an_edit_is_a_new_version_that_waits_for_somebody_else(both_desk: Any, judged: FindingMaker) -> None:
    both_desk.take_in(judged())
    before = both_desk.only()
    after = _edit(both_desk, before, FIVE)
    assert (after.version, after.replaces, after.proposed_by) == (2, before.correction_id, "ben")
    assert (after.state, after.correction_class) == (CorrectionState.PENDING, CorrectionClass.JUDGEMENT)
    assert (after.approver_role, after.clause_id) == ("billing.lead", "APR-BILLING")
    assert json.loads(after.payload) == json.loads(before.payload) | FIVE
    assert after.idempotency_key != before.idempotency_key
    assert after.content_hash != before.content_hash
    kept = _of(both_desk, before)
    assert (kept.payload, kept.state, kept.superseded_by) == (
        before.payload,
        CorrectionState.SUPERSEDED,
        after.correction_id,
    )
    with pytest.raises(RejectedError, match="ben proposed it"):
        _approve(both_desk, after, "ben")
    _approve(both_desk, after, "ada")
    assert both_desk.dispatcher().run().acked == 1
    assert [dict(sent.payload)["invoiced_qty"] for sent in both_desk.target.received] == ["5"]


def test_the_dossier_of_an_edit_speaks_of_the_edited_content(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    after = _edit(desk, desk.only(), FIVE)
    assert {"attribute": "invoiced_qty", "before": "10", "after": "5"} in json.loads(after.diff)
    assert json.loads(after.inverse)["payload"]["invoiced_qty"] == "10"


def test_who_edited_any_version_approves_none_of_them(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    second = _edit(desk, desk.only(), FIVE, by="ben")
    third = _edit(desk, second, {"invoiced_qty": "6"}, by="chiara")
    assert third.version == 3
    with pytest.raises(RejectedError, match="ben proposed it"):
        _approve(desk, third, "ben")
    assert _approve(desk, third, "ada").state is CorrectionState.APPROVED


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"invoiced_qty": "-5"}, "invoiced_qty"),
        ({"invoiced_qty": 5}, "invoiced_qty"),
        ({"invoiced_qty": "many"}, "invoiced_qty"),
    ],
)
def test_content_that_does_not_fit_its_message_is_refused(
    desk: Any, judged: FindingMaker, changes: Mapping[str, Any], told: str
) -> None:
    desk.take_in(judged())
    before = desk.only()
    with pytest.raises(BadDataError) as refused:
        _edit(desk, before, changes)
    assert told in refused.value.found
    assert desk.only() == before


@pytest.mark.parametrize("changes", [{"order_id": "SO-9"}, {"colour": "red"}])
def test_of_what_a_message_speaks_cannot_be_edited(desk: Any, judged: FindingMaker, changes: Mapping[str, Any]) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match="cannot be edited"):
        _edit(desk, desk.only(), changes)


@pytest.mark.parametrize("changes", [{}, {"invoiced_qty": "10"}])
def test_an_edit_that_changes_nothing_is_refused(desk: Any, judged: FindingMaker, changes: Mapping[str, Any]) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match="changes nothing"):
        _edit(desk, desk.only(), changes)


def test_what_the_decision_rights_do_not_allow_is_not_edited_into_being(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match=r"invoice.amend"):
        _edit(desk, desk.only(), FIVE, role="wms")
    assert desk.only().state is CorrectionState.PENDING


@pytest.mark.parametrize("by", ["karl", "mallory", ""])
def test_only_an_active_person_edits(desk: Any, judged: FindingMaker, by: str) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match="decides nothing here"):
        _edit(desk, desk.only(), FIVE, by=by)


def test_a_snapshot_that_sees_the_same_difference_leaves_the_edit_alone(both_desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    both_desk.take_in(finding)
    after = _edit(both_desk, both_desk.only(), FIVE)
    both_desk.wait(60)
    later = replace(finding, watermark_at=both_desk.clock.now())
    both_desk.take_in(later)
    assert _of(both_desk, after).state is CorrectionState.PENDING
    _approve(both_desk, after, "ada")
    both_desk.take_in(replace(later, watermark_at=both_desk.clock.now()))
    assert both_desk.dispatcher().run().acked == 1
    assert len(both_desk.target.effects) == 1


def test_a_difference_that_has_changed_withdraws_the_edit(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    after = _edit(desk, desk.only(), FIVE)
    payload = json.dumps(json.loads(finding.payload) | {"invoiced_qty": "12"})
    desk.take_in(replace(finding, payload=payload))
    assert _of(desk, after).state is CorrectionState.SUPERSEDED
    assert sum(one.state is CorrectionState.PENDING for one in desk.corrections()) == 1


def test_a_rejected_edit_gives_way_to_what_the_rule_proposes(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    before = desk.only()
    after = _edit(desk, before, FIVE)
    _do(desk, reject, after.correction_id, by="ada", reason="ten is right")
    desk.wait(60)
    desk.take_in(replace(finding, watermark_at=desk.clock.now()))
    assert (_of(desk, before).state, _of(desk, after).state) == (CorrectionState.PENDING, CorrectionState.REJECTED)
    again = _edit(desk, before, FIVE)
    assert again.version == 3, "the number of an edit that was given up is not used again"


def test_an_edit_that_nobody_approves_lapses_like_any_other(desk: Any, judged: FindingMaker) -> None:
    finding = judged()
    desk.take_in(finding)
    before = desk.only()
    after = _edit(desk, before, FIVE)
    desk.clock.at = after.expires_at
    desk.take_in(replace(finding, watermark_at=desk.clock.now()))
    assert (_of(desk, after).state, _of(desk, before).state) == (CorrectionState.SUPERSEDED, CorrectionState.PENDING)


def test_what_was_rejected_may_be_edited_and_stays_rejected(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    before = desk.only()
    _do(desk, reject, before.correction_id, by="ada", reason="not ten")
    after = _edit(desk, before, FIVE)
    assert (_of(desk, before).state, after.state) == (CorrectionState.REJECTED, CorrectionState.PENDING)


def test_what_is_under_way_is_not_edited(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    with pytest.raises(RejectedError, match="it was approved by policy"):
        _edit(desk, desk.only(), FIVE)


def test_a_dead_letter_that_was_refused_is_edited_and_sent_as_a_new_version(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    finding = make_direct()
    before = _dead(both_desk, finding, RejectedError("too many"))
    after = _edit(both_desk, before, FIVE)
    assert (after.state, after.version) == (CorrectionState.PENDING, 2)
    assert _of(both_desk, before).state is CorrectionState.SUPERSEDED
    _approve(both_desk, after, "ada")
    both_desk.wait(60)
    both_desk.take_in(replace(finding, watermark_at=both_desk.clock.now()))
    assert both_desk.dispatcher().run().acked == 1
    assert [key for key in both_desk.target.effects if key != after.idempotency_key] == []


def test_a_dead_letter_that_may_have_had_its_effect_is_not_edited(desk: Any, make_direct: FindingMaker) -> None:
    desk.target.sights = [Observed.QUEUED] * 1000
    desk.take_in(make_direct())
    desk.target.answers = [UnknownOutcomeError("no answer")]
    for _ in range(60):
        desk.dispatcher().run()
        desk.wait(3600)
    before = desk.only()
    if before.state is not CorrectionState.DEAD_LETTER:
        pytest.fail(f"the letter is not dead but {before.state}")
    with pytest.raises(RejectedError, match="nobody knows whether it has had its effect") as refused:
        _edit(desk, before, FIVE)
    assert "fulfillment approvals replay" in refused.value.remedy


def test_a_replay_looks_before_it_sends(both_desk: Any, make_direct: FindingMaker) -> None:
    before = _dead(both_desk, make_direct(), RejectedError("period closed"))
    both_desk.target.calls.clear()
    replayed = _do(both_desk, replay, before.correction_id, by="ada", reason="the period is open again")
    assert (replayed.state, replayed.decided_by) == (CorrectionState.APPROVED, "ada")
    assert (replayed.idempotency_key, replayed.content_hash) == (before.idempotency_key, before.content_hash)
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.target.calls == ["read_back", "apply"]
    assert both_desk.target.effects == [before.idempotency_key]


def test_a_replay_of_what_had_its_effect_after_all_sends_nothing(desk: Any, make_direct: FindingMaker) -> None:
    before = _dead(desk, make_direct(), RejectedError("too many"))
    desk.target.effects.append(before.idempotency_key)
    desk.target.calls.clear()
    _do(desk, replay, before.correction_id, by="ada", reason="finance says it is there")
    assert desk.dispatcher().run().acked == 1
    assert desk.target.calls == ["read_back"]


@pytest.mark.parametrize(("by", "told"), [("chiara", "has not the role billing.lead"), ("karl", "decides nothing")])
def test_a_replay_needs_a_person_with_the_role(desk: Any, make_direct: FindingMaker, by: str, told: str) -> None:
    before = _dead(desk, make_direct(), RejectedError("too many"))
    with pytest.raises(RejectedError, match=told):
        _do(desk, replay, before.correction_id, by=by, reason="again")
    assert desk.only() == before


def test_only_a_dead_letter_is_replayed(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    with pytest.raises(RejectedError, match="it waits for people and was never sent"):
        _do(desk, replay, desk.only().correction_id, by="ada", reason="again")


def test_nothing_is_replayed_under_a_kill_switch(desk: Any, make_direct: FindingMaker) -> None:
    before = _dead(desk, make_direct(), RejectedError("too many"))
    with desk.ledger.unit_of_work() as work:
        engage(work, KillSwitch(SwitchScope.TARGET, "finance"), actor="jonas", reason="x", now=desk.clock.now())
        work.commit()
    with pytest.raises(RejectedError, match="a kill switch is engaged for target finance"):
        _do(desk, replay, before.correction_id, by="ada", reason="again")


def test_edits_and_replays_are_in_the_audit_log_and_move_the_case(desk: Any, make_direct: FindingMaker) -> None:
    before = _dead(desk, make_direct(), RejectedError("too many"))
    after = _edit(desk, before, FIVE)
    with desk.ledger.reading() as work:
        found = show_case(work, after.case_id)
        assert audit.verify(work).intact
    assert found is not None
    assert found.case.state is CaseState.PENDING_APPROVAL
    assert found.history[-1].actor == "ben"


def test_typed_words_take_the_type_their_field_has(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged())
    record = replace(desk.only(), payload='{"line_no": 2, "invoiced_qty": "10", "whole": true}')
    typed = typed_changes(record, {"line_no": "3", "invoiced_qty": "5", "whole": "false", "new": "7"})
    assert typed == {"line_no": 3, "invoiced_qty": "5", "whole": False, "new": "7"}


def test_an_edit_with_more_at_stake_needs_whoever_that_needs(desk: Any, judged: FindingMaker) -> None:
    desk.take_in(judged(value_at_risk_amount=Decimal(60_000)))
    assert _edit(desk, desk.only(), FIVE).approvals_needed == 2


def test_a_target_that_is_only_unreachable_leaves_no_doubt(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [RetryableError("busy")] * 100
    for _ in range(40):
        desk.dispatcher().run()
        desk.wait(7200)
    assert desk.only().state is CorrectionState.DEAD_LETTER
    assert _edit(desk, desk.only(), FIVE).version == 2
