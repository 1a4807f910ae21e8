from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from fulfillment_pipelines.corrections.delivering.progress import Pace
from fulfillment_pipelines.domain.case import CaseState, case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStep, Outcome
from fulfillment_pipelines.ledger.readings import show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage

FindingMaker = Callable[..., Finding]
HOUR_SECONDS = 3600
_SECOND = timedelta(seconds=1)


def _receipts(desk: Any) -> tuple[AttemptReceipt, ...]:
    record = desk.only()
    with desk.ledger.reading() as work:
        found = show_case(work, record.case_id)
    return found.corrections[0].receipts


def _outcomes(desk: Any) -> list[tuple[DeliveryStep, Outcome]]:
    return [(receipt.step, receipt.outcome) for receipt in _receipts(desk)]


def _case_state(desk: Any) -> CaseState:
    with desk.ledger.reading() as work:
        return show_case(work, desk.only().case_id).case.state


def test_an_approved_correction_is_sent_once_and_acknowledged(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.dispatcher().run().acked == 0
    record = both_desk.only()
    assert (record.state, record.reference) == (CorrectionState.ACKED, "INV-9")
    assert (record.sent_at, record.acked_at) == (both_desk.clock.now(), both_desk.clock.now())
    assert both_desk.target.effects == [record.idempotency_key]
    assert _case_state(both_desk) is CaseState.RESOLVED


def test_the_target_receives_payload_precondition_and_key(desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct(qty="6")
    desk.take_in(finding)
    desk.dispatcher().run()
    (sent,) = desk.target.received
    assert (sent.message, sent.target) == ("invoice.amend", "finance")
    assert (sent.payload, sent.precondition) == (json.loads(finding.payload), json.loads(finding.precondition))
    assert sent.payload["invoiced_qty"] == "6"
    assert sent.idempotency_key == desk.only().idempotency_key


def test_every_attempt_leaves_a_receipt_and_an_audit_row(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    with both_desk.ledger.reading() as work:
        before = audit.verify(work).rows
    both_desk.target.answers = [RetryableError("busy"), UnknownOutcomeError("timed out")]
    for _ in range(3):
        both_desk.dispatcher().run()
        both_desk.wait(HOUR_SECONDS)
    assert _outcomes(both_desk) == [
        (DeliveryStep.SEND, Outcome.RETRYABLE),
        (DeliveryStep.SEND, Outcome.UNKNOWN_OUTCOME),
        (DeliveryStep.READ_BACK, Outcome.ABSENT),
        (DeliveryStep.SEND, Outcome.APPLIED),
    ]
    with both_desk.ledger.reading() as work:
        report = audit.verify(work)
    assert (report.rows - before, report.intact) == (4, True)


def test_a_target_that_only_took_the_message_in_is_looked_at_until_it_has_the_effect(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [Observed.QUEUED]
    desk.target.sights = [Observed.QUEUED]
    assert desk.dispatcher().run().queued == 1
    assert (desk.only().state, _case_state(desk)) == (CorrectionState.SENT, CaseState.CORRECTION_SENT)
    assert desk.dispatcher().run().queued == 0
    desk.wait(60)
    assert desk.dispatcher().run().queued == 1
    desk.wait(60)
    assert desk.dispatcher().run().acked == 1
    assert desk.target.calls == ["apply", "read_back", "read_back"]


def test_a_failure_is_tried_again_later_and_ever_later(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [RetryableError("busy"), SystemDownError("down")]
    assert desk.dispatcher().run().retrying == 1
    desk.wait(4.9)
    assert desk.dispatcher().run().retrying == 0
    desk.wait(0.1)
    assert desk.dispatcher().run().retrying == 1
    desk.wait(5)
    assert desk.dispatcher().run().acked == 0
    desk.wait(5)
    assert desk.dispatcher().run().acked == 1


def test_spent_attempts_end_in_a_dead_letter_and_reopen_the_work(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [RetryableError("busy")] * 10
    for _ in range(10):
        desk.dispatcher().run()
        desk.wait(HOUR_SECONDS)
    assert desk.target.calls == ["apply"] * desk.policies.delivery.limits.attempts
    assert (desk.only().state, _case_state(desk)) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert "busy" in desk.only().decision_reason


def test_a_refused_correction_is_not_repeated(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [RejectedError("unknown order")]
    assert desk.dispatcher().run().dead_lettered == 1
    desk.wait(HOUR_SECONDS)
    desk.dispatcher().run()
    assert desk.target.calls == ["apply"]
    assert _outcomes(desk) == [(DeliveryStep.SEND, Outcome.REJECTED)]


def test_a_target_that_has_changed_is_decided_anew_on_the_next_snapshot(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct(precondition='{"invoiced_qty": "10", "status": "DRAFT"}'))
    both_desk.target.answers = [PreconditionError("holds 8")]
    assert both_desk.dispatcher().run().superseded == 1
    assert both_desk.only().state is CorrectionState.SUPERSEDED
    both_desk.take_in(make_direct(precondition='{"invoiced_qty": "10", "status": "DRAFT"}'))
    assert both_desk.only().state is CorrectionState.SUPERSEDED
    both_desk.wait(60)
    both_desk.take_in(
        make_direct(precondition='{"invoiced_qty": "8", "status": "DRAFT"}', watermark_at=both_desk.clock.now())
    )
    assert both_desk.dispatcher().run().acked == 1
    assert [sent.precondition["invoiced_qty"] for sent in both_desk.target.received] == ["10", "8"]


@pytest.mark.parametrize("error", [UnknownOutcomeError("timed out"), BadDataError("the answer is not JSON")])
def test_an_unknown_outcome_is_looked_at_before_anything_is_sent_again(
    both_desk: Any, make_direct: FindingMaker, error: Exception
) -> None:
    both_desk.take_in(make_direct())
    both_desk.target.answers = [error]
    assert both_desk.dispatcher().run().unknown == 1
    assert _case_state(both_desk) is CaseState.CORRECTION_SENT
    both_desk.target.effects.append(both_desk.only().idempotency_key)
    both_desk.wait(60)
    assert both_desk.dispatcher().run().acked == 1
    assert both_desk.target.calls == ["apply", "read_back"]


def test_what_shows_no_effect_is_sent_again_with_the_same_key(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [UnknownOutcomeError("timed out")]
    desk.dispatcher().run()
    desk.wait(60)
    assert desk.dispatcher().run().acked == 1
    assert desk.target.calls == ["apply", "read_back", "apply"]
    assert len({sent.idempotency_key for sent in desk.target.received}) == 1


@pytest.mark.parametrize("sight", [Observed.UNKNOWN, SystemDownError("down"), ConfigurationError("no credentials")])
def test_what_cannot_be_looked_at_waits_and_is_not_sent(
    desk: Any, make_direct: FindingMaker, sight: Observed | Exception
) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [UnknownOutcomeError("timed out")]
    desk.target.sights = [sight]
    desk.dispatcher().run()
    desk.wait(60)
    assert desk.dispatcher().run().unknown == 1
    assert desk.target.calls == ["apply", "read_back"]


def test_what_can_never_be_looked_at_is_handed_to_a_person(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [UnknownOutcomeError("timed out")]
    desk.target.sights = [Observed.UNKNOWN] * 100
    for _ in range(30):
        desk.dispatcher().run()
        desk.wait(HOUR_SECONDS)
    assert desk.only().state is CorrectionState.DEAD_LETTER
    assert desk.target.calls.count("apply") == 1


def test_attempts_are_counted_across_unknown_outcomes(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    desk.target.answers = [UnknownOutcomeError("timed out")] * 100
    for _ in range(30):
        desk.dispatcher().run()
        desk.wait(HOUR_SECONDS)
    assert desk.only().state is CorrectionState.DEAD_LETTER
    assert desk.target.calls.count("apply") == desk.policies.delivery.limits.attempts


_LEG = '{"order_id": "SO-1001", "line_no": 2, "shipment_id": "SH-7", "uom": "EA", "invoiced_qty": "10"}'
_ORDER = {"code": "INT-03", "message": "order.create", "target_role": "erp", "correction_class": "R"}


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "invoice.request", "payload": _LEG, "precondition": '{"shipment_id": "SH-7"}'},
        {**_ORDER, "payload": '{"channel_order_id": "P-1"}', "precondition": '{"channel_order_id": "P-1"}'},
    ],
    ids=["listed", "of class R"],
)
def test_what_repeats_something_is_looked_at_before_it_is_sent_first(
    desk: Any, make_direct: FindingMaker, changes: dict[str, object]
) -> None:
    desk.take_in(make_direct(**changes))
    desk.target.effects.append(desk.only().idempotency_key)
    assert desk.dispatcher().run().acked == 1
    assert desk.target.calls == ["read_back"]


def test_a_misconfigured_target_does_not_stop_the_others(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct(business_key="SO-1"), make_direct(business_key="SO-2", order_id="SO-2"))
    desk.target.answers = [ConfigurationError("message is not declared")]
    result = desk.dispatcher().run()
    assert (result.retrying, result.acked) == (1, 1)


def test_nothing_is_sent_while_a_kill_switch_is_engaged(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    with both_desk.ledger.unit_of_work() as work:
        engage(work, KillSwitch(SwitchScope.RULE, "FIN-01"), actor="ada", reason="drill", now=both_desk.clock.now())
        work.commit()
    both_desk.dispatcher().run()
    assert both_desk.target.calls == []


def test_two_dispatchers_at_once_have_one_effect_each(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(*(make_direct(business_key=f"SO-{number}") for number in range(20)))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: both_desk.dispatcher(name).run(), ["one", "two"]))
    assert sum(result.acked for result in results) == 20
    assert len(both_desk.target.effects) == len(set(both_desk.target.effects)) == 20


def test_a_lease_that_ran_out_is_looked_at_before_it_is_sent(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    both_desk.dispatcher("dead")._claim(both_desk.clock.now(), 1)
    dispatcher = both_desk.dispatcher("living", is_gone=lambda _name: False)
    dispatcher.run()
    assert both_desk.target.calls == []
    both_desk.machine_clock.at += both_desk.policies.delivery.workers.lease_seconds * _SECOND
    dispatcher.run()
    assert both_desk.target.calls == [], "what the silent worker sent may still be under way"
    both_desk.wait(both_desk.policies.delivery.limits.settle_seconds)
    assert dispatcher.run().acked == 1
    assert both_desk.target.calls == ["read_back", "apply"]


def test_the_lease_of_a_process_that_ended_is_taken_over_at_once_and_looked_at_when_its_message_has_settled(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    desk.dispatcher("dead")._claim(desk.clock.now(), 1)
    living = desk.dispatcher("living", is_gone=lambda name: name == "dead")
    living.run()
    assert (desk.only().state, desk.target.calls) == (CorrectionState.UNKNOWN_OUTCOME, [])
    desk.wait(desk.policies.delivery.limits.settle_seconds)
    assert living.run().acked == 1
    assert _outcomes(desk) == [
        (DeliveryStep.SEND, Outcome.UNKNOWN_OUTCOME),
        (DeliveryStep.READ_BACK, Outcome.ABSENT),
        (DeliveryStep.SEND, Outcome.APPLIED),
    ]
    assert _receipts(desk)[0].worker == "dead"


def test_a_row_that_ends_every_worker_is_handed_to_a_person(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(make_direct())
    for number in range(20):
        dispatcher = desk.dispatcher(f"dead-{number}", is_gone=lambda _name: True)
        dispatcher._care(desk.clock.now())
        dispatcher._claim(desk.clock.now(), 1)
        desk.wait(desk.policies.delivery.limits.settle_seconds)
    assert desk.only().state is CorrectionState.DEAD_LETTER


def test_a_worker_that_lost_its_lease_records_what_it_did_and_decides_nothing(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    slow = desk.dispatcher("slow")
    other = desk.dispatcher("other", is_gone=lambda _name: True)
    desk.target.answers = [lambda: other._care(desk.clock.now())]
    slow.run(limit=1)
    assert desk.only().state is CorrectionState.UNKNOWN_OUTCOME
    assert [receipt.outcome for receipt in _receipts(desk)] == [Outcome.UNKNOWN_OUTCOME, Outcome.APPLIED]


def test_no_more_is_delivered_than_was_asked_for(desk: Any, make_direct: FindingMaker) -> None:
    desk.take_in(*(make_direct(business_key=f"SO-{number}") for number in range(5)))
    assert desk.dispatcher().run(limit=2).acked == 2


def test_a_case_that_was_cured_meanwhile_is_not_moved_by_a_late_answer(desk: Any, make_direct: FindingMaker) -> None:
    finding = make_direct()
    desk.take_in(finding)

    def cured_meanwhile() -> None:
        desk.wait(60)
        desk.take_in()

    desk.target.answers = [cured_meanwhile]
    desk.dispatcher("late").run()
    with desk.ledger.reading() as work:
        case = show_case(work, case_id_of(finding.code, finding.business_key, finding.node)).case
    assert case.state is CaseState.AUTO_CLEARED
    assert desk.only().state is CorrectionState.ACKED
    desk.wait(60)
    desk.take_in()
    assert desk.only().state is CorrectionState.VERIFIED


def test_waits_grow_with_chance_but_stay_below_the_longest(desk: Any) -> None:
    limits = desk.policies.delivery.limits
    shortest = [Pace(limits, lambda: 0.0).backoff(tries).total_seconds() for tries in (1, 2, 3, 60)]
    longest = [Pace(limits, lambda: 1.0).backoff(tries).total_seconds() for tries in (1, 2, 3, 60)]
    assert (shortest, longest) == ([2.5, 5, 10, 450], [5, 10, 20, 900])
