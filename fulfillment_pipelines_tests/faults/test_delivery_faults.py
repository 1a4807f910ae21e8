"""Whatever a target or the network does to a delivery: the effect is one, or the ledger says why not.

The target is a process of its own that fails as it is told and counts its effects. Both variants are spoken to through
the product's own HTTP transport. What happens to the worker itself is tested in `test_delivery_kill.py` and its
neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.corrections.proving.confirm import confirm
from fulfillment_pipelines.domain.case import Case, CaseState, RuleRun
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStep
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_cases, list_corrections, show_case
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.systems.port import CorrectionSink
from fulfillment_pipelines_tests.faults.delivering import (
    assert_the_audit_chain_is_whole,
    run_out,
    unbilled,
)
from fulfillment_pipelines_tests.faults.hostile_target import Fault, HostileTarget, Tally
from fulfillment_pipelines_tests.faults.hostile_target.faults import RETRY_AFTER_SECONDS

Record = Callable[..., None]

INVOICE = "invoice SH-SO-1/SO-1/1"
STOCK = "stock east/BRG-1001"
VARIANTS = ("keyed", "unkeyed")
SENT_AGAIN = ["look: ABSENT", "send: UNKNOWN_OUTCOME", "look: ABSENT", "send: APPLIED"]
SEEN = ["look: ABSENT", "send: UNKNOWN_OUTCOME", "look: APPLIED"]
WRITES_GONE_WRONG = [
    (Fault.FAILS_BEFORE, SENT_AGAIN, "The outcome is unknown; a look shows nothing; sent again. ACKED."),
    (Fault.FAILS_AFTER, SEEN, "The outcome is unknown; a look shows the effect. ACKED."),
    (Fault.TRUNCATED, SEEN, "Half an answer is none: the outcome is unknown; a look shows the effect. ACKED."),
    (Fault.HANGS_BEFORE, SENT_AGAIN, "Given up at the time limit; a look shows nothing; sent again. ACKED."),
    (Fault.HANGS_AFTER, SEEN, "Given up at the time limit; a look shows the effect. ACKED."),
    (Fault.CUT_BEFORE, SENT_AGAIN, "The outcome is unknown; a look shows nothing; sent again. ACKED."),
    (Fault.CUT_AFTER, SEEN, "The outcome is unknown; a look shows the effect. ACKED."),
    (Fault.DRIPS, SEEN, "Given up at the time limit, though bytes still come; a look shows the effect. ACKED."),
    (Fault.OUTAGE, SENT_AGAIN, "Left alone as long as it asks; a look shows nothing; sent again. ACKED."),
    (
        Fault.HTML,
        SENT_AGAIN,
        "A page is no answer: the outcome is unknown; a look shows nothing; sent again. ACKED.",
    ),
    (Fault.REDIRECT, SENT_AGAIN, "Not followed; the outcome is unknown; a look shows nothing; sent again. ACKED."),
]
BOTH = "A target that takes idempotency keys, and one that takes none."
KEYED = "A target that takes idempotency keys."
UNKEYED = "A target that takes none: it is looked at just before the write and directly after."


@dataclass
class Scene:
    """One correction, a target that misbehaves, and a clock that is moved by hand."""

    ledger: Ledger
    target: HostileTarget
    clock: FixedClock
    case_policy: CasePolicy
    policies: Policies
    sink: CorrectionSink

    def take_in(self, *findings: Finding) -> None:
        """Do what one reconciliation does with what the systems show at this moment."""
        now = self.clock.at
        runs = [RuleRun(code, None, now, trustworthy=True) for code in ("FIN-01", "INV-02")]
        with self.ledger.unit_of_work() as work:
            intake(work, findings, runs, policy=self.case_policy, now=now)
            confirm(work, findings, now=now)
            propose(work, findings, policies=self.policies, target_of=lambda role, *_: role, now=now)
            work.commit()

    def deliver(self) -> None:
        """Deliver, and let time pass, until nothing is left to be done."""
        dispatcher = Dispatcher(
            self.ledger,
            lambda _system: self.sink,
            self.policies.delivery,
            clock=self.clock,
            machine_clock=self.clock,
            jitter=lambda: 0.0,
        )
        run_out(self.ledger, dispatcher, self.clock)
        assert_the_audit_chain_is_whole(self.ledger)

    def only(self) -> tuple[CorrectionRecord, Sequence[AttemptReceipt], Case]:
        """Return the one correction, its receipts and its case."""
        with self.ledger.reading() as work:
            (record,) = list_corrections(work)
            found = show_case(work, record.case_id)
        return record, found.corrections[0].receipts, found.case

    def steps(self) -> list[str]:
        """Return what was done and what came of it."""
        named = {DeliveryStep.SEND: "send", DeliveryStep.READ_BACK: "look"}
        return [f"{named[receipt.step]}: {receipt.outcome}" for receipt in self.only()[1]]

    def state(self) -> CorrectionState:
        """Return where the correction stands."""
        return self.only()[0].state


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, HostileTarget]]:
    """Both variants, each in a process of its own."""
    books = tmp_path_factory.mktemp("books")
    with HostileTarget("keyed", books / "keyed") as keyed, HostileTarget("unkeyed", books / "unkeyed") as unkeyed:
        yield {"keyed": keyed, "unkeyed": unkeyed}


@pytest.fixture
def variant(request: pytest.FixtureRequest) -> str:
    """Which of the two is written to."""
    return str(request.param)


@pytest.fixture
def scene(
    *,
    ledger: Ledger,
    targets: dict[str, HostileTarget],
    variant: str,
    case_policy: CasePolicy,
    policies: Policies,
    noon: datetime,
) -> Iterator[Scene]:
    """An empty ledger and an empty target."""
    target, clock = targets[variant], FixedClock(noon)
    target.clear()
    system = target.system(clock)
    yield Scene(ledger, target, clock, case_policy, policies, system.sink())
    system.close()


@pytest.fixture
def invoice_due(make_finding: Callable[..., Finding]) -> Finding:
    """A leg that was shipped and not billed: the correction is an invoice, which must not be there twice."""
    return unbilled(make_finding, "SO-1")


@pytest.fixture
def stock_too_high(make_finding: Callable[..., Finding]) -> Finding:
    """An availability that is too high: the correction sets a value that somebody else may set too."""
    return make_finding(
        code="INV-02",
        business_key="east/BRG-1001",
        message="atp.set",
        target_role="erp",
        correction_class="G",
        snapshots_seen=2,
        order_id="",
        payload=json.dumps({"node": "east", "sku": "BRG-1001", "available_qty": "5"}),
        precondition=json.dumps({"available_qty": "9"}),
    )


def _of_a_look(fault: Fault) -> str:
    """Return what goes wrong, without what becomes of an effect: a look has none."""
    return str(fault).partition(" before")[0].partition(" after")[0]


both = pytest.mark.parametrize("variant", VARIANTS, indirect=True)
keyed = pytest.mark.parametrize("variant", ["keyed"], indirect=True)
unkeyed = pytest.mark.parametrize("variant", ["unkeyed"], indirect=True)


@both
@pytest.mark.parametrize(("fault", "steps", "outcome"), [pytest.param(*row, id=row[0]) for row in WRITES_GONE_WRONG])
def test_a_write_that_goes_wrong_has_one_effect(
    *,
    scene: Scene,
    invoice_due: Finding,
    fault: Fault,
    steps: list[str],
    outcome: str,
    fault_outcome: Record,
) -> None:
    scene.target.script(fault)
    scene.take_in(invoice_due)
    scene.deliver()
    assert (scene.state(), scene.steps()) == (CorrectionState.ACKED, steps)
    assert scene.target.tally() == {INVOICE: Tally(effects=1, standing=1, others=0, keys=1)}
    fault_outcome(fault=f"Target: {fault}", injected=BOTH, outcome=outcome, effects=1)


@both
@pytest.mark.parametrize("fault", [Fault.TOO_MANY, Fault.OUTAGE])
def test_a_target_that_asks_to_be_left_alone_is(
    *, scene: Scene, invoice_due: Finding, fault: Fault, fault_outcome: Record
) -> None:
    scene.target.script(fault)
    scene.take_in(invoice_due)
    scene.deliver()
    _, receipts, _ = scene.only()
    asked = next(at for at, receipt in enumerate(receipts) if receipt.step is DeliveryStep.SEND)
    refused_at, next_at = (receipt.received_at for receipt in receipts[asked : asked + 2])
    assert next_at - refused_at >= timedelta(seconds=RETRY_AFTER_SECONDS)
    assert scene.target.tally()[INVOICE].effects == 1
    fault_outcome(
        fault=f"Target: {fault}",
        injected=f"It asks for {RETRY_AFTER_SECONDS} seconds. {BOTH}",
        outcome="The next call comes after that time and not before. ACKED.",
        effects=1,
    )


@both
@pytest.mark.parametrize(
    "fault",
    [
        Fault.FAILS_BEFORE,
        Fault.TOO_MANY,
        Fault.TRUNCATED,
        Fault.HANGS_AFTER,
        Fault.CUT_AFTER,
        Fault.DRIPS,
        Fault.OUTAGE,
        Fault.HTML,
        Fault.REDIRECT,
    ],
)
def test_nothing_is_sent_while_the_target_cannot_be_looked_at(
    *, scene: Scene, invoice_due: Finding, fault: Fault, fault_outcome: Record
) -> None:
    scene.target.script(reads=[fault])
    scene.take_in(invoice_due)
    scene.deliver()
    first, *others = scene.steps()
    assert first in {"look: RETRYABLE", "look: UNSEEN"}
    assert (others, scene.state()) == (["look: ABSENT", "send: APPLIED"], CorrectionState.ACKED)
    assert scene.target.tally()[INVOICE].effects == 1
    fault_outcome(
        fault=f"Look before the first send: {_of_a_look(fault)}",
        injected=BOTH,
        outcome="Nothing is sent until it was seen that the effect is not there yet. ACKED.",
        effects=1,
    )


@both
@pytest.mark.parametrize("fault", [Fault.FAILS_BEFORE, Fault.TRUNCATED, Fault.CUT_AFTER, Fault.HTML])
def test_a_success_that_cannot_be_looked_at_is_looked_at_later(
    *, scene: Scene, variant: str, invoice_due: Finding, fault: Fault, fault_outcome: Record
) -> None:
    before = [None] if variant == "keyed" else [None, None]
    scene.target.script(reads=[*before, fault])
    scene.take_in(invoice_due)
    scene.deliver()
    first, sent, *others = scene.steps()
    assert first == "look: ABSENT"
    assert sent in {"send: UNKNOWN_OUTCOME", "send: QUEUED"}
    assert (others, scene.state()) == (["look: APPLIED"], CorrectionState.ACKED)
    assert scene.target.tally()[INVOICE].effects == 1
    fault_outcome(
        fault=f"Look directly after the send: {_of_a_look(fault)}",
        injected=BOTH,
        outcome="A success is believed when it shows: looked at again later, not sent again. ACKED.",
        effects=1,
    )


@both
def test_a_refusal_for_no_reason_is_decided_anew_on_the_next_snapshot(
    *, scene: Scene, invoice_due: Finding, make_finding: Callable[..., Finding], fault_outcome: Record
) -> None:
    scene.target.script(Fault.CONFLICT)
    scene.take_in(invoice_due)
    scene.deliver()
    _, _, case = scene.only()
    assert (scene.state(), case.state) == (CorrectionState.SUPERSEDED, CaseState.OPEN)
    assert scene.target.tally() == {}
    scene.clock.at += timedelta(hours=1)
    scene.take_in(unbilled(make_finding, "SO-1", watermark_at=scene.clock.at))
    scene.deliver()
    assert scene.state() is CorrectionState.ACKED
    assert scene.target.tally() == {INVOICE: Tally(effects=1, standing=1, others=0, keys=1)}
    fault_outcome(
        fault="Target: 409, and nothing there has changed",
        injected=BOTH,
        outcome="SUPERSEDED, and the case is open; the next snapshot still shows the difference, and the same effect "
        "is decided on again, under the same key. ACKED.",
        effects=1,
    )


@both
def test_a_value_that_changed_since_it_was_read_is_not_written_over(
    *, scene: Scene, stock_too_high: Finding, fault_outcome: Record
) -> None:
    scene.target.hold_stock({"east/BRG-1001": "9"})
    scene.take_in(stock_too_high)
    scene.target.hold_stock({"east/BRG-1001": "3"})
    scene.deliver()
    _, receipts, case = scene.only()
    assert (scene.state(), case.state) == (CorrectionState.SUPERSEDED, CaseState.OPEN)
    assert "3" in receipts[-1].detail
    assert scene.target.tally() == {}
    fault_outcome(
        fault="Target: the value changed between snapshot and write",
        injected=f"Somebody sets it after the correction was approved. {BOTH}",
        outcome="Refused by the compare just before the write: SUPERSEDED, and the case is open for the next snapshot.",
        effects=0,
    )


@unkeyed
def test_a_value_that_changes_between_look_and_write_is_not_written_over(
    *, scene: Scene, stock_too_high: Finding, fault_outcome: Record
) -> None:
    scene.target.hold_stock({"east/BRG-1001": "9"})
    scene.take_in(stock_too_high)
    scene.target.script(reads=[Fault.CHANGES_BETWEEN])
    scene.deliver()
    assert (scene.state(), scene.steps()) == (CorrectionState.SUPERSEDED, ["send: PRECONDITION"])
    assert scene.target.tally() == {}
    fault_outcome(
        fault=f"Target: {Fault.CHANGES_BETWEEN}",
        injected="Somebody sets it after our look and before our write, which carries the version that was looked at.",
        outcome="Refused by the target (412): SUPERSEDED, and the case is open for the next snapshot.",
        effects=0,
    )


@both
def test_a_value_that_is_already_right_is_not_out_of_date(
    *, scene: Scene, stock_too_high: Finding, fault_outcome: Record
) -> None:
    scene.target.hold_stock({"east/BRG-1001": "9"})
    scene.target.script(Fault.HANGS_AFTER)
    scene.take_in(stock_too_high)
    scene.deliver()
    assert (scene.state(), scene.steps()) == (CorrectionState.ACKED, ["send: UNKNOWN_OUTCOME", "look: APPLIED"])
    assert scene.target.tally() == {STOCK: Tally(effects=1, standing=1, others=0, keys=1)}
    fault_outcome(
        fault=f"Target: {Fault.HANGS_AFTER}, and our own effect changed the value that is compared",
        injected=BOTH,
        outcome="A look shows the value that was to be set. ACKED, not out of date.",
        effects=1,
    )


@both
def test_an_effect_that_is_there_twice_is_a_dead_letter_that_says_so(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(Fault.TWICE)
    scene.take_in(invoice_due)
    scene.deliver()
    record, _, case = scene.only()
    assert (record.state, case.state) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert "2 records" in record.decision_reason
    assert scene.steps() == ["look: ABSENT", "send: REJECTED"]
    assert scene.target.tally()[INVOICE].keys == 1
    fault_outcome(
        fault=f"Target: {Fault.TWICE}",
        injected=f"One request, two invoices, one answer. {BOTH}",
        outcome="The look after the send sees two: DEAD_LETTER that names both, and the case is open for a person.",
        effects="2, by the target's own doing",
    )


@both
def test_an_effect_that_somebody_else_has_at_the_same_moment_is_a_dead_letter(
    *, scene: Scene, variant: str, invoice_due: Finding, fault_outcome: Record
) -> None:
    before = [] if variant == "keyed" else [None]
    scene.target.script(reads=[*before, Fault.BOOKED_BETWEEN])
    scene.take_in(invoice_due)
    scene.deliver()
    record, _, case = scene.only()
    assert (record.state, case.state) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert "2 records" in record.decision_reason
    assert scene.target.tally()[INVOICE] == Tally(effects=1, standing=1, others=1, keys=2)
    fault_outcome(
        fault=f"Target: {Fault.BOOKED_BETWEEN}",
        injected=f"A clerk bills the leg after our last look and before our write. {BOTH}",
        outcome="The look after the send sees two: DEAD_LETTER that names both, and the case is open for a person.",
        effects="1, and 1 by somebody else",
    )


@keyed
def test_a_request_that_is_carried_out_much_later_has_one_effect_where_keys_are_taken(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(Fault.HANGS_PARKED, Fault.FREES_PARKED)
    scene.take_in(invoice_due)
    scene.deliver()
    assert (scene.state(), scene.steps()) == (CorrectionState.ACKED, SENT_AGAIN)
    assert scene.target.tally() == {INVOICE: Tally(effects=1, standing=1, others=0, keys=1)}
    fault_outcome(
        fault=f"Target: {Fault.HANGS_PARKED}",
        injected="The first request is carried out together with the second. It takes idempotency keys.",
        outcome="Both carry one key. ACKED.",
        effects=1,
    )


@unkeyed
def test_a_request_that_is_carried_out_much_later_is_noticed_where_no_keys_are_taken(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(Fault.HANGS_PARKED, Fault.FREES_PARKED)
    scene.take_in(invoice_due)
    scene.deliver()
    record, _, case = scene.only()
    assert (record.state, case.state) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert "2 records" in record.decision_reason
    fault_outcome(
        fault=f"Target: {Fault.HANGS_PARKED}",
        injected="The first request is carried out together with the second. It takes no keys: nothing can prevent it.",
        outcome="The look after the second send sees two: DEAD_LETTER that names both; the case is open for a person.",
        effects="2, and the case says so",
    )


@both
def test_an_effect_that_is_gone_in_the_next_snapshot_is_not_proved(
    *, scene: Scene, invoice_due: Finding, make_finding: Callable[..., Finding], fault_outcome: Record
) -> None:
    scene.target.script(Fault.ROLLS_BACK_LATER)
    scene.take_in(invoice_due)
    scene.deliver()
    assert scene.state() is CorrectionState.ACKED
    scene.target.pass_the_night()
    assert scene.target.tally()[INVOICE].standing == 0
    for _ in range(2):
        scene.clock.at += timedelta(hours=1)
        scene.take_in(unbilled(make_finding, "SO-1", watermark_at=scene.clock.at))
    with scene.ledger.reading() as work:
        (unproved,) = list_corrections(work, CorrectionFilter(minimum_unproved_watermarks=2))
        (case,) = list_cases(work)
    assert unproved.state is not CorrectionState.VERIFIED
    assert case.closed_at is None
    assert_the_audit_chain_is_whole(scene.ledger)
    fault_outcome(
        fault=f"Target: {Fault.ROLLS_BACK_LATER}",
        injected=BOTH,
        outcome="ACKED, and never VERIFIED: two later snapshots still show the difference, the case stays open, and "
        "the correction counts for SYS-03.",
        effects="1, taken back by the target",
    )


@keyed
def test_an_effect_that_is_never_kept_is_given_up_with_a_reason(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(Fault.ROLLS_BACK)
    scene.take_in(invoice_due)
    scene.deliver()
    record, _, case = scene.only()
    assert (record.state, case.state) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert record.decision_reason
    assert scene.target.tally() == {INVOICE: Tally(effects=1, standing=0, others=0, keys=1)}
    fault_outcome(
        fault=f"Target: {Fault.ROLLS_BACK}",
        injected="It takes idempotency keys, and answers each later request as it answered the first.",
        outcome="It says yes and shows nothing, until every attempt is spent: DEAD_LETTER, and the case is open.",
        effects="1, taken back by the target",
    )


@unkeyed
def test_an_effect_that_is_not_kept_is_sent_again_where_no_keys_are_taken(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(Fault.ROLLS_BACK)
    scene.take_in(invoice_due)
    scene.deliver()
    assert scene.state() is CorrectionState.ACKED
    assert scene.target.tally() == {INVOICE: Tally(effects=2, standing=1, others=0, keys=1)}
    fault_outcome(
        fault=f"Target: {Fault.ROLLS_BACK}",
        injected=UNKEYED,
        outcome="It says yes and shows nothing: looked at again later, and sent again. ACKED.",
        effects="1 that stands, and 1 taken back by the target",
    )


@both
def test_a_target_that_always_fails_ends_as_a_dead_letter_with_its_reason(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(*[Fault.FAILS_BEFORE] * 50)
    scene.take_in(invoice_due)
    scene.deliver()
    record, _, case = scene.only()
    assert (record.state, case.state) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert record.decision_reason
    assert scene.target.tally() == {}
    fault_outcome(
        fault="Target: 500 before the effect, every time",
        injected=BOTH,
        outcome="DEAD_LETTER when every attempt is spent, and the case is open for a person.",
        effects=0,
    )


@both
def test_an_outcome_that_stays_unknown_is_never_sent_again(
    *, scene: Scene, variant: str, invoice_due: Finding, fault_outcome: Record
) -> None:
    before = [None] if variant == "keyed" else [None, None]
    scene.target.script(Fault.HANGS_AFTER, reads=[*before, *[Fault.CUT_BEFORE] * 500])
    scene.take_in(invoice_due)
    scene.deliver()
    record, _, case = scene.only()
    assert (record.state, case.state) == (CorrectionState.DEAD_LETTER, CaseState.OPEN)
    assert record.decision_reason
    assert scene.steps().count("send: UNKNOWN_OUTCOME") == 1
    assert scene.target.tally()[INVOICE].effects == 1
    fault_outcome(
        fault="Target: hangs after applying, and cannot be looked at any more",
        injected=f"Every later connection is cut. {BOTH}",
        outcome="Looked at until a person must; never sent again blindly. DEAD_LETTER, and the case is open.",
        effects=1,
    )


@both
def test_an_outage_delays_a_correction_and_does_not_lose_it(
    *, scene: Scene, invoice_due: Finding, fault_outcome: Record
) -> None:
    scene.target.script(*[Fault.OUTAGE] * 2, reads=[*[Fault.OUTAGE] * 4, None, None, *[Fault.OUTAGE] * 4])
    scene.take_in(invoice_due)
    scene.deliver()
    assert scene.state() is CorrectionState.ACKED
    assert scene.target.tally() == {INVOICE: Tally(effects=1, standing=1, others=0, keys=1)}
    fault_outcome(
        fault="Target: down for a while, comes back, goes down again",
        injected=f"503 with Retry-After to looks and writes. {BOTH}",
        outcome="Waits as long as it is asked to, then goes on where it stood. ACKED.",
        effects=1,
    )
