"""One row for each thing that happens to a correction, from its proposal to its proof.

That no transaction changes anything without a row is held by `every_change_is_audited`, for every test of this folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fulfillment_pipelines.corrections.approving import approval
from fulfillment_pipelines.domain.correction import CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RetryableError, UnknownOutcomeError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_chain import ChainRow
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, update_corrections
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage, release
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

FindingMaker = Callable[..., Finding]


def _rows(desk: Any, subject: str) -> list[ChainRow]:
    with desk.ledger.reading() as work:
        assert audit.verify(work).intact
        return [row for row in audit.read_rows(work) if row.subject == subject]


def _do(desk: Any, act: Callable[[UnitOfWork], object]) -> None:
    with desk.ledger.unit_of_work() as work:
        act(work)
        work.commit()


def _approve(desk: Any, record: CorrectionRecord) -> None:
    _do(
        desk,
        lambda work: approval.approve(
            work, record.correction_id, by="ada", reason="agreed", policies=desk.policies, now=desk.clock.now()
        ),
    )


def _deliver_and_wait(desk: Any) -> None:
    desk.dispatcher().run()
    desk.wait(timedelta(hours=1).total_seconds())


def test_the_whole_life_of_a_correction_is_one_row_a_step(both_desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct(judgement_reason="the document is posted")
    both_desk.take_in(finding)
    record = both_desk.only()
    _approve(both_desk, record)
    both_desk.target.answers = [RetryableError("busy"), UnknownOutcomeError("timed out")]
    both_desk.target.sights = [Observed.QUEUED]
    while both_desk.only().state is not CorrectionState.ACKED:
        both_desk.target.effects = [record.idempotency_key] * both_desk.target.calls.count("read_back")
        _deliver_and_wait(both_desk)
    both_desk.take_in(make_direct(watermark_at=both_desk.clock.now(), judgement_reason="the document is posted"))
    both_desk.wait(600)
    both_desk.take_in()
    rows = _rows(both_desk, record.correction_id)
    told = [(row.actor, row.action, json.loads(row.detail)["state"]) for row in rows]
    assert told == [
        ("corrections", "correction.pending", "PENDING"),
        ("ada", "correction.approved", "APPROVED"),
        ("dispatch", "correction.sent", "RETRYING"),
        ("dispatch", "correction.sent", "UNKNOWN_OUTCOME"),
        ("dispatch", "correction.read_back", "SENT"),
        ("dispatch", "correction.read_back", "ACKED"),
        ("confirmation", "correction.unproved", "ACKED"),
        ("confirmation", "correction.verified", "VERIFIED"),
    ]


def test_every_row_of_a_correction_says_why_under_which_policy_and_on_which_evidence(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    desk.dispatcher().run()
    desk.wait(600)
    desk.take_in()
    record = desk.only()
    rows = _rows(desk, record.correction_id)
    assert len(rows) == 3
    grounds = {(row.policy_version, row.evidence_hash, json.loads(row.detail)["content_hash"]) for row in rows}
    assert grounds == {(desk.policies.version, record.evidence_hash, record.content_hash)}
    assert all((record.evidence_hash, record.content_hash))
    assert all(row.reason for row in rows)
    assert {json.loads(row.detail)["clause_id"] for row in rows} == {record.clause_id}


def test_a_switch_is_told_with_who_moved_it_and_why(both_desk: Any) -> None:
    erp, now = KillSwitch(SwitchScope.TARGET, "erp"), both_desk.clock.now()
    for move, why in ((engage, "drill"), (release, "over")):
        for _ in range(2):
            _do(both_desk, lambda work, move=move, why=why: move(work, erp, actor="ada", reason=why, now=now))
    assert [(row.actor, row.action, row.reason) for row in _rows(both_desk, "target:erp")] == [
        ("ada", "kill_switch.engaged", "drill"),
        ("ada", "kill_switch.released", "over"),
    ]


def test_the_guard_of_this_folder_sees_a_change_without_a_row(
    desk: Any, make_direct: FindingMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fulfillment_pipelines.ledger.audit.append", lambda *_: None)
    with pytest.raises(AssertionError, match="changed without an audit row"):
        desk.take_in(make_direct())


def test_the_guard_lets_a_test_prepare_what_it_likes(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    changed = replace(desk.only(), decision_reason="edited by hand")
    _do(desk, lambda work: update_corrections(work, [changed]))
    assert desk.only() == changed
