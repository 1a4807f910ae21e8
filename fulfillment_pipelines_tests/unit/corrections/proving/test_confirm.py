from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.errors import UnknownOutcomeError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, totals_by_code

FindingMaker = Callable[..., Finding]


@pytest.mark.parametrize("answer", [Observed.APPLIED, Observed.QUEUED, UnknownOutcomeError("timed out")])
def test_a_later_snapshot_without_the_difference_verifies_what_was_sent(
    both_desk: Any, make_direct: FindingMaker, answer: Observed | Exception
) -> None:
    both_desk.take_in(make_direct())
    both_desk.target.answers = [answer]
    both_desk.dispatcher().run()
    both_desk.wait(600)
    confirmed, _ = both_desk.take_in()
    record = both_desk.only()
    assert confirmed.verified == (record.correction_id,)
    assert (record.state, record.proving_watermark_at) == (CorrectionState.VERIFIED, both_desk.clock.now())
    both_desk.wait(600)
    both_desk.dispatcher().run()
    assert both_desk.target.calls == ["apply"]


def test_an_acknowledgement_is_not_a_cure(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.dispatcher().run()
    confirmed, _ = desk.take_in()
    assert (confirmed.verified, desk.only().state) == ((), CorrectionState.ACKED)


@pytest.mark.parametrize("judgement", ["", "price"])
def test_what_is_no_longer_needed_is_withdrawn_and_never_sent(
    both_desk: Any, make_direct: FindingMaker, judgement: str
) -> None:
    both_desk.take_in(make_direct(judgement_reason=judgement))
    both_desk.wait(600)
    confirmed, _ = both_desk.take_in()
    assert confirmed.withdrawn == (both_desk.only().correction_id,)
    assert both_desk.only().state is CorrectionState.SUPERSEDED
    both_desk.dispatcher().run()
    assert both_desk.target.calls == []


def test_acknowledged_corrections_without_effect_can_be_counted_by_later_snapshots(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct())
    both_desk.dispatcher().run()
    both_desk.take_in(make_direct())
    counts = []
    for _ in range(2):
        both_desk.wait(600)
        later = make_direct(watermark_at=both_desk.clock.now())
        confirmed, _ = both_desk.take_in(later)
        repeated, _ = both_desk.take_in(later)
        counts.append((confirmed.unproved, repeated.unproved, both_desk.only().unproved_watermarks))
    assert counts == [(1, 0, 1), (1, 0, 2)]
    with both_desk.ledger.reading() as work:
        stuck = list_corrections(work, CorrectionFilter(minimum_unproved_watermarks=2))
    assert [record.correction_id for record in stuck] == [both_desk.only().correction_id]


def test_an_unknown_verdict_proves_nothing(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.dispatcher().run()
    desk.wait(600)
    confirmed, _ = desk.take_in(make_direct(verdict=Verdict.UNKNOWN, watermark_at=desk.clock.now()))
    assert (confirmed.verified, confirmed.unproved) == ((), 0)


def _step(message: str, done: str, at: Any) -> dict[str, Any]:
    said = {"message": message, "steps_done": done, "watermark_at": at, "snapshots_seen": 2}
    said |= {"target_role": "erp", "correction_class": "G" if message == "hold.apply" else "J"}
    said |= {"payload": '{"order_id": "SO-2", "hold_type": "DUPLICATE", "reason": "same order as SO-1"}'}
    return {"code": "INT-02", "business_key": "C-1/PO-1", "precondition": '{"order_id": "SO-2"}', **said}


def test_a_step_is_proved_when_a_later_snapshot_lets_the_rule_ask_for_the_next(
    both_desk: Any, make_finding: FindingMaker
) -> None:
    both_desk.take_in(make_finding(**_step("hold.apply", "", both_desk.clock.now())))
    both_desk.dispatcher().run()
    both_desk.wait(600)
    later = both_desk.clock.now()
    confirmed, _ = both_desk.take_in(
        make_finding(**_step("order.cancel", "hold.apply", later), judgement_reason="the order desk decides")
    )
    step = next(record for record in both_desk.corrections() if record.message == "hold.apply")
    assert confirmed.verified == (step.correction_id,)
    assert (step.state, step.proving_watermark_at, step.unproved_watermarks) == (CorrectionState.VERIFIED, later, 0)


@pytest.mark.parametrize(
    ("message", "done"), [("hold.apply", ""), ("order.cancel", "")], ids=["the same step", "no step before it"]
)
def test_a_step_that_is_asked_for_again_is_not_proved(
    desk: Any, make_finding: FindingMaker, message: str, done: str
) -> None:
    desk.take_in(make_finding(**_step("hold.apply", "", desk.clock.now())))
    desk.dispatcher().run()
    desk.wait(600)
    desk.take_in(make_finding(**_step(message, done, desk.clock.now()), judgement_reason="a person decides"))
    step = next(record for record in desk.corrections() if record.message == "hold.apply")
    assert (step.state, step.unproved_watermarks) == (CorrectionState.ACKED, 1)


def test_the_snapshot_before_an_acknowledgement_does_not_prove_a_step(desk: Any, make_finding: FindingMaker) -> None:
    before = desk.clock.now()
    desk.take_in(make_finding(**_step("hold.apply", "", before)))
    desk.wait(600)
    desk.dispatcher().run()
    desk.take_in(make_finding(**_step("order.cancel", "hold.apply", before), judgement_reason="a person decides"))
    assert CorrectionState.VERIFIED not in {record.state for record in desk.corrections()}


def test_totals_tell_open_value_and_ended_cases_by_code(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct(business_key="SO-1"), make_direct(business_key="SO-2"))
    both_desk.wait(600)
    both_desk.take_in(make_direct(business_key="SO-2", watermark_at=both_desk.clock.now()))
    with both_desk.ledger.reading() as work:
        (total,) = totals_by_code(work)
    assert (total.code, total.open_cases, total.ended_cases) == ("FIN-01", 1, 1)
    assert str(total.value_at_risk_amount) == "120.50"


def _actions(desk: Any, action: str) -> list[str]:
    with desk.ledger.reading() as work:
        return [row.subject for row in audit.read_rows(work) if row.action == action]


def test_a_snapshot_from_before_an_acknowledgement_proves_nothing_of_it(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct())
    both_desk.wait(600)
    snapshot_at = both_desk.clock.now()
    both_desk.wait(60)
    both_desk.dispatcher().run()
    # What was pulled before the message was sent, and is judged only now, no longer shows the difference.
    acked_at, both_desk.clock.at = both_desk.clock.at, snapshot_at
    confirmed, _ = both_desk.take_in()
    assert (confirmed.verified, both_desk.only().state) == ((), CorrectionState.ACKED)
    both_desk.clock.at = acked_at
    confirmed, _ = both_desk.take_in()
    assert (confirmed.verified, both_desk.only().state) == ((), CorrectionState.ACKED)
    both_desk.wait(60)
    confirmed, _ = both_desk.take_in()
    record = both_desk.only()
    assert confirmed.verified == (record.correction_id,)
    assert (record.state, record.proving_watermark_at) == (CorrectionState.VERIFIED, both_desk.clock.now())


def test_a_watermark_without_proof_is_in_the_audit_log_once(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    both_desk.dispatcher().run()
    both_desk.wait(600)
    for _ in range(2):
        both_desk.take_in(make_direct(watermark_at=both_desk.clock.now()))
    assert _actions(both_desk, "correction.unproved") == [both_desk.only().correction_id]


def test_a_step_whose_effect_was_seen_and_vanished_is_unproved_again(
    both_desk: Any, make_finding: FindingMaker
) -> None:
    both_desk.take_in(make_finding(**_step("hold.apply", "", both_desk.clock.now())))
    both_desk.dispatcher().run()
    counts = []
    for done in ("hold.apply", "", "", "hold.apply"):
        both_desk.wait(600)
        asked = _step("order.cancel" if done else "hold.apply", done, both_desk.clock.now())
        confirmed, _ = both_desk.take_in(make_finding(**asked, judgement_reason="a person decides"))
        step = next(record for record in both_desk.corrections() if record.message == "hold.apply")
        counts.append((step.state.value, step.unproved_watermarks, len(confirmed.lost)))
    assert counts == [("VERIFIED", 0, 0), ("ACKED", 1, 1), ("ACKED", 2, 0), ("VERIFIED", 2, 0)]
    assert _actions(both_desk, "correction.effect_lost") == [step.correction_id]
    assert both_desk.target.calls.count("apply") == 1


def test_a_difference_that_comes_back_is_told_of_the_correction_that_had_been_proved(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct())
    both_desk.dispatcher().run()
    both_desk.wait(600)
    both_desk.take_in()
    first = both_desk.only()
    for _ in range(2):
        both_desk.wait(600)
        both_desk.take_in(make_direct(watermark_at=both_desk.clock.now()))
    assert _actions(both_desk, "correction.effect_lost") == [first.correction_id]
    kept = next(record for record in both_desk.corrections() if record.correction_id == first.correction_id)
    assert kept.state is CorrectionState.VERIFIED


def test_a_dead_letter_whose_difference_is_gone_is_withdrawn_without_saying_it_was_never_sent(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [UnknownOutcomeError("timed out")]
    desk.dispatcher().run()
    desk.target.sights = [Observed.UNKNOWN] * 99
    while desk.only().state is CorrectionState.UNKNOWN_OUTCOME:
        desk.wait(3_600)
        desk.dispatcher().run()
    assert desk.only().state is CorrectionState.DEAD_LETTER
    desk.wait(600)
    desk.take_in()
    assert (desk.only().state, desk.only().decision_reason) == (
        CorrectionState.SUPERSEDED,
        "the difference is gone, by it or not",
    )
