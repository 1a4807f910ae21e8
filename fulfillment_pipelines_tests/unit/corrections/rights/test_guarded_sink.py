"""The last door: what is outside the decision rights or not what was approved never reaches a system."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from fulfillment_pipelines.corrections.approving.approval import approve
from fulfillment_pipelines.corrections.content import Content, content_hash_of
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.guarded_sink import GuardedSink, guarded
from fulfillment_pipelines.domain.correction import Correction, CorrectionClass, CorrectionState, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger.approved_content import ApprovedContent, approved_content
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR, CorrectionRecord
from fulfillment_pipelines.ledger.outbox import deliveries_of
from fulfillment_pipelines.ledger.tables import correction as correction_table
from fulfillment_pipelines.messages.catalogue import CATALOGUE

FindingMaker = Callable[..., Finding]


@dataclass
class Counter:
    """A system that counts what reaches it."""

    system: str = "erp"
    received: list[Correction] = field(default_factory=list)

    def apply(self, correction: Correction) -> Receipt:
        self.received.append(correction)
        return Receipt(correction.idempotency_key, Observed.APPLIED, "", datetime(2026, 3, 2, tzinfo=UTC))

    def read_back(self, correction: Correction) -> Observed:
        del correction
        return Observed.UNKNOWN


CONFIRMATION = Correction(
    correction_id="COR-1",
    target="erp",
    message="ship.confirm",
    payload={"shipment_id": "SH-7", "order_id": "SO-1", "line_no": 1, "shipped_qty": "10"},
    precondition={"shipment_id": "SH-7"},
    idempotency_key="key-1",
    correction_class=CorrectionClass.PUBLISH,
    approved_by=POLICY_ACTOR,
)


def _approved(correction: Correction) -> Correction:
    """Return it with the hash of its content, as an approval keeps it."""
    return replace(correction, content_hash=Content.of_correction(correction).sha256)


def _guard(counter: Any, policies: Policies, *witnessed: Correction, role: Role = Role.ERP) -> GuardedSink:
    """Return a guard that knows of the approval of these, as `_approved` returns them."""
    recorded = {one.correction_id: ApprovedContent(one.content_hash, one.approved_by) for one in witnessed}
    return GuardedSink(counter, role, policies.authority, approval_of=recorded.get)


def _refusal(
    correction: Correction,
    policies: Policies,
    witnessed: Correction | None = None,
    *,
    role: Role = Role.ERP,
    system: str = "erp",
) -> str:
    counter = Counter(system)
    with pytest.raises(RejectedError) as refused:
        _guard(counter, policies, witnessed or correction, role=role).apply(correction)
    assert counter.received == []
    return str(refused.value)


def test_what_was_approved_within_the_rights_is_written_as_it_is(policies: Policies) -> None:
    counter = Counter()
    approved = _approved(CONFIRMATION)
    assert _guard(counter, policies, approved).apply(approved).observed is Observed.APPLIED
    assert counter.received == [approved]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"payload": {**CONFIRMATION.payload, "shipped_qty": "100"}}, "not the content that was approved"),
        ({"precondition": {"shipment_id": "SH-8"}}, "not the content that was approved"),
        ({"correction_class": CorrectionClass.RETRY}, "not the content that was approved"),
        ({"version": 2}, "not the content that was approved"),
        ({"content_hash": ""}, "not the content that was approved"),
        ({"approved_by": ""}, "the audit log records no approval of it"),
        ({"correction_id": "COR-2"}, "the audit log records no approval of it"),
    ],
    ids=["payload", "precondition", "class", "version", "no hash", "nobody", "another"],
)
def test_what_differs_from_what_was_approved_is_not_written(
    policies: Policies, changes: dict[str, Any], words: str
) -> None:
    approved = _approved(CONFIRMATION)
    assert words in _refusal(replace(approved, **changes), policies, approved)


def test_a_content_that_was_changed_together_with_its_hash_is_not_written(policies: Policies) -> None:
    approved = _approved(CONFIRMATION)
    forged = _approved(replace(approved, payload={**CONFIRMATION.payload, "shipped_qty": "100"}))
    assert "not the content that was approved" in _refusal(forged, policies, approved)


def test_a_judgement_that_only_the_policy_approved_is_not_written(policies: Policies) -> None:
    judged = _approved(replace(CONFIRMATION, correction_class=CorrectionClass.JUDGEMENT))
    assert "a judgement is approved by a person" in _refusal(judged, policies)
    claimed = replace(judged, approved_by="ada")
    assert "a judgement is approved by a person" in _refusal(claimed, policies, judged)
    counter = Counter()
    _guard(counter, policies, claimed).apply(claimed)
    assert len(counter.received) == 1


def test_a_message_outside_the_rights_is_not_written_though_a_person_approved_it(policies: Policies) -> None:
    outside = _approved(replace(CONFIRMATION, correction_class=CorrectionClass.JUDGEMENT, approved_by="ada"))
    assert "AUTH-OUTSIDE" in _refusal(outside, policies, role=Role.WMS)


def test_a_content_that_its_row_of_the_rights_does_not_admit_is_not_written(policies: Policies) -> None:
    amended = replace(
        CONFIRMATION, target="finance", message="invoice.amend", precondition={"invoiced_qty": "9", "status": "POSTED"}
    )
    refusal = _refusal(_approved(amended), policies, role=Role.FINANCE, system="finance")
    assert "AUTH-INVOICE-DRAFT does not allow it: 'status' was POSTED" in refusal


def test_only_a_system_that_stands_in_for_the_target_takes_its_corrections(policies: Policies) -> None:
    approved = _approved(CONFIRMATION)
    assert "does not stand in for it" in _refusal(approved, policies, system="erp_drop")
    counter = Counter("erp_drop")
    sink_of = guarded(
        lambda _: counter,
        lambda _: Role.ERP,
        policies.authority,
        approval_of=lambda _: ApprovedContent(approved.content_hash, POLICY_ACTOR),
        stands_in_for=lambda _: frozenset({"erp"}),
    )
    sink_of("erp_drop").apply(approved)
    assert counter.received == [approved]


def test_looking_is_free(policies: Policies) -> None:
    outside = replace(CONFIRMATION, message="price.set")
    assert _guard(Counter(), policies).read_back(outside) is Observed.UNKNOWN


@dataclass(frozen=True)
class Trial:
    """One way in which something may be tried."""

    message: str
    role: Role
    correction_class: CorrectionClass
    approved_by: str
    status: str | None
    is_altered: bool = False


_TRIALS = st.builds(
    Trial,
    message=st.sampled_from([*sorted(CATALOGUE), "price.set", ""]),
    role=st.sampled_from(Role),
    correction_class=st.sampled_from(CorrectionClass),
    approved_by=st.sampled_from(["", POLICY_ACTOR, "ada"]),
    status=st.sampled_from(["DRAFT", "POSTED", "CREATED", None]),
    is_altered=st.booleans(),
)


def _as_approved(trial: Trial) -> Correction:
    names = CATALOGUE[trial.message].precondition.model_fields if trial.message in CATALOGUE else ()
    return _approved(
        replace(
            CONFIRMATION,
            message=trial.message,
            payload={"available_qty": "1", "line_no": 1},
            precondition={name: trial.status if name == "status" else "2" for name in names},
            correction_class=trial.correction_class,
            approved_by=trial.approved_by,
        )
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(trial=_TRIALS)
@example(Trial("ship.confirm", Role.ERP, CorrectionClass.PUBLISH, POLICY_ACTOR, "DRAFT"))
@example(Trial("hold.resolve", Role.WMS, CorrectionClass.PUBLISH, POLICY_ACTOR, "CREATED"))
@example(Trial("hold.resolve", Role.FINANCE, CorrectionClass.JUDGEMENT, "ada", "CREATED"))
@example(Trial("hold.resolve", Role.FINANCE, CorrectionClass.PUBLISH, "ada", "CREATED"))
def test_whatever_is_tried_only_what_the_rights_grant_and_somebody_approved_reaches_the_system(
    policies: Policies, trial: Trial
) -> None:
    tried, counter = _as_approved(trial), Counter()
    if trial.is_altered:
        tried = replace(tried, payload={**tried.payload, "line_no": 2})
    grant = policies.authority.grant_for(trial.message, trial.role, trial.correction_class)
    by_person = trial.approved_by == "ada"
    is_approved = by_person or (
        trial.approved_by == POLICY_ACTOR and trial.correction_class is not CorrectionClass.JUDGEMENT
    )
    is_fit = grant is not None and grant.misfit(tried.payload, tried.precondition) == ""
    try:
        _guard(counter, policies, _as_approved(trial), role=trial.role).apply(tried)
    except RejectedError:
        assert counter.received == []
        assert not (is_fit and is_approved) or trial.is_altered
    else:
        assert counter.received == [tried]
        assert is_fit
        assert is_approved
        assert not trial.is_altered


def _door(desk: Any) -> GuardedSink:
    """Return the target's door with the audit log of the desk as its witness."""

    def approval_of(correction_id: str) -> ApprovedContent | None:
        with desk.ledger.reading() as work:
            return approved_content(work, correction_id)

    return GuardedSink(desk.target, Role.FINANCE, desk.policies.authority, approval_of=approval_of)


def test_what_policy_approved_passes_the_door(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    target, both_desk.target = both_desk.target, _door(both_desk)
    both_desk.dispatcher().run()
    assert (both_desk.only().state, len(target.effects)) == (CorrectionState.ACKED, 1)


def test_what_a_person_approved_passes_the_door_and_says_its_class_and_clause(
    both_desk: Any, make_direct: FindingMaker, policies: Policies
) -> None:
    both_desk.take_in(make_direct(judgement_reason="several documents bill the line", correction_class="J"))
    waiting = both_desk.only()
    with both_desk.ledger.unit_of_work() as work:
        approve(work, waiting.correction_id, by="ada", reason="agreed", policies=policies, now=both_desk.clock.now())
        work.commit()
    target, both_desk.target = both_desk.target, _door(both_desk)
    both_desk.dispatcher().run()
    record = both_desk.only()
    assert (record.state, len(target.effects)) == (CorrectionState.ACKED, 1)
    assert (record.correction_class, record.decided_by) == (CorrectionClass.JUDGEMENT, "ada")
    assert record.clause_id in policies.approvals.clause_ids
    assert record.policy_version == policies.version


def _forge(record: CorrectionRecord, changes: dict[str, str]) -> dict[str, str]:
    """Return the changes of somebody who knows that the content has a hash."""
    return {**changes, "content_hash": content_hash_of(replace(record, **changes))}  # type: ignore[arg-type]


@pytest.mark.parametrize("is_forged", [False, True], ids=["careless", "with its hash"])
@pytest.mark.parametrize(
    "changes",
    [{"payload": '{"invoiced_qty":"1000"}'}, {"message": "credit.propose"}, {"precondition": "{}"}, {"version": 2}],
    ids=str,
)
def test_a_row_of_the_ledger_that_was_changed_by_hand_ends_as_a_dead_letter(
    both_desk: Any, make_direct: FindingMaker, changes: dict[str, Any], is_forged: bool
) -> None:
    both_desk.take_in(make_direct())
    record = both_desk.only()
    with both_desk.ledger.unit_of_work() as work:
        work.change(update(correction_table).values(_forge(record, changes) if is_forged else changes), [{}])
        work.commit()
    target, both_desk.target = both_desk.target, _door(both_desk)
    both_desk.dispatcher().run()
    assert (both_desk.only().state, target.effects) == (CorrectionState.DEAD_LETTER, [])
    with both_desk.ledger.unit_of_work() as work:
        told = deliveries_of(work, [record.case_id])[record.correction_id].last_error
    assert re.search("not (the content that|what) was approved", told)
