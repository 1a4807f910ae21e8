"""Notices of a target that come twice, at once, or in the wrong order: each counts once, and nothing goes back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest

from fulfillment_pipelines.corrections.delivering.notices import NoticeEffect, take_notice
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.ledger.outbox import DeliveryStep
from fulfillment_pipelines.ledger.readings import list_corrections, receipts_of
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.delivering import (
    assert_the_audit_chain_is_whole,
    billed_too_soon,
    decide,
    dispatcher_of,
    run_out,
)


class _SlowTarget:
    """A target that takes a message in, and says later what became of it."""

    system = "finance"

    def __init__(self) -> None:
        self.taken: list[str] = []

    def apply(self, correction: Correction) -> Receipt:
        self.taken.append(correction.idempotency_key)
        return Receipt(correction.idempotency_key, Observed.QUEUED, "", received_at=datetime.now(UTC))

    def read_back(self, correction: Correction) -> Observed:
        return Observed.QUEUED if correction.idempotency_key in self.taken else Observed.ABSENT


@dataclass
class Scene:
    """One correction that the target has taken in."""

    ledger: Ledger
    policies: Policies
    clock: FixedClock
    target: _SlowTarget = field(default_factory=_SlowTarget)

    @property
    def record(self) -> CorrectionRecord:
        """The correction."""
        with self.ledger.reading() as work:
            (record,) = list_corrections(work)
        return record

    def told(self, notice_id: str, observed: Observed, key: str = "") -> NoticeEffect:
        """Let the target tell something; return what it has led to."""
        key = key or self.record.idempotency_key
        notice = Notice("finance", notice_id, key, observed, "I-1", self.clock.now())
        with self.ledger.unit_of_work() as work:
            effect = take_notice(work, notice, self.policies.delivery)
            work.commit()
        return effect

    def looks_and_notices(self) -> int:
        """Return how many receipts there are beside those of sends."""
        with self.ledger.reading() as work:
            receipts = receipts_of(work, self.record.correction_id)
        return sum(receipt.step is DeliveryStep.READ_BACK for receipt in receipts)


@pytest.fixture
def scene(
    ledger: Ledger, case_policy: CasePolicy, policies: Policies, make_finding: Callable[..., Finding], noon: datetime
) -> Scene:
    scene = Scene(ledger, policies, FixedClock(noon))
    decide(ledger, [billed_too_soon(make_finding, "SO-1")], case_policy=case_policy, policies=policies, now=noon)
    dispatcher_of(ledger, scene.target, policies, scene.clock).run()
    assert scene.record.state is CorrectionState.SENT
    return scene


def test_a_notice_that_comes_twice_at_once_counts_once(scene: Scene, fault_outcome: Any) -> None:
    both = Barrier(2)

    def tell() -> NoticeEffect:
        both.wait(10)
        return scene.told("N-1", Observed.APPLIED)

    with ThreadPoolExecutor(max_workers=2) as at_once:
        effects = {told.result() for told in [at_once.submit(tell), at_once.submit(tell)]}
    assert effects == {NoticeEffect.MOVED, NoticeEffect.REPEATED}
    assert (scene.record.state, scene.looks_and_notices()) == (CorrectionState.ACKED, 1)
    run_out(scene.ledger, dispatcher_of(scene.ledger, scene.target, scene.policies, scene.clock), scene.clock)
    assert len(scene.target.taken) == 1
    assert_the_audit_chain_is_whole(scene.ledger)
    fault_outcome(
        fault="Notice of a target comes twice",
        injected="the same notice in two transactions at the same moment, after the target has queued the message",
        outcome="one acknowledges the correction, the other is known already",
        effects=1,
    )


def test_notices_in_the_wrong_order_move_nothing_back(scene: Scene, fault_outcome: Any) -> None:
    assert scene.told("N-2", Observed.APPLIED) is NoticeEffect.MOVED
    assert scene.told("N-1", Observed.QUEUED) is NoticeEffect.KEPT
    assert scene.told("N-0", Observed.ABSENT) is NoticeEffect.KEPT
    run_out(scene.ledger, dispatcher_of(scene.ledger, scene.target, scene.policies, scene.clock), scene.clock)
    assert (scene.record.state, len(scene.target.taken)) == (CorrectionState.ACKED, 1)
    assert_the_audit_chain_is_whole(scene.ledger)
    fault_outcome(
        fault="Notices of a target come in the wrong order",
        injected="applied is told first, then queued, then that nothing is there",
        outcome="it stays acknowledged; what was told later is kept, and the next snapshot decides",
        effects=1,
    )


def test_a_notice_of_a_message_nobody_sent_is_kept_and_told(scene: Scene, fault_outcome: Any) -> None:
    before = scene.record
    assert scene.told("N-1", Observed.APPLIED, key="another-key") is NoticeEffect.UNMATCHED
    assert scene.told("N-1", Observed.APPLIED, key="another-key") is NoticeEffect.REPEATED
    assert scene.record == before
    assert_the_audit_chain_is_whole(scene.ledger)
    fault_outcome(
        fault="Notice of a message that was never sent",
        injected="a notice, twice, under a key that the ledger does not know",
        outcome="it is kept, the audit log tells of it once, and no correction moves",
        effects=0,
    )
