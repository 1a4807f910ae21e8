from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment_pipelines.corrections.lifecycle import LEGAL_MOVES, move
from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import LegalMoveError
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

_S = CorrectionState
STATES = st.sampled_from(sorted(CorrectionState))


@pytest.fixture(scope="module")
def make_record(make_finding: Callable[..., Finding], noon: datetime) -> Callable[..., CorrectionRecord]:
    """Return a correction that was just proposed."""
    finding = make_finding()
    record = CorrectionRecord(
        correction_id="COR-1",
        case_id="EXC-1",
        code=finding.code,
        node=finding.node,
        target="finance",
        message=finding.message,
        correction_class=CorrectionClass.PUBLISH,
        payload=finding.payload,
        precondition="{}",
        idempotency_key="k",
        state=CorrectionState.PROPOSED,
        rule_version="rule-1",
        judgement_reason="",
        value_amount=finding.value_at_risk_amount,
        currency="USD",
        watermark_at=noon,
        proposed_at=noon,
        decided_at=None,
        decided_by="",
        clause_id="",
        decision_reason="",
    )
    return lambda **changes: replace(record, **changes)


def test_every_state_has_its_moves() -> None:
    assert set(LEGAL_MOVES) == set(CorrectionState)


def test_nothing_is_sent_that_was_not_approved() -> None:
    undecided = (_S.PROPOSED, _S.PENDING, _S.REJECTED, _S.SUPERSEDED)
    under_way = {_S.SENT, _S.ACKED, _S.UNKNOWN_OUTCOME, _S.RETRYING, _S.VERIFIED}
    assert not [state for state in undecided if LEGAL_MOVES[state] & under_way]


def test_only_what_may_have_had_its_effect_can_be_verified() -> None:
    sources = {state for state, reachable in LEGAL_MOVES.items() if _S.VERIFIED in reachable}
    assert sources == {_S.SENT, _S.ACKED, _S.UNKNOWN_OUTCOME}


def test_what_a_person_rejected_stays_so_and_what_was_verified_is_at_most_unproved_again() -> None:
    assert (LEGAL_MOVES[_S.REJECTED], LEGAL_MOVES[_S.VERIFIED]) == (frozenset(), {_S.ACKED})


@given(st.lists(STATES, max_size=12))
def test_no_sequence_of_wishes_takes_an_illegal_path(
    make_record: Callable[..., CorrectionRecord], wishes: list[CorrectionState]
) -> None:
    record = make_record()
    for wish in wishes:
        if wish is record.state:
            assert move(record, wish) is record
        elif wish in LEGAL_MOVES[record.state]:
            record = move(record, wish)
            assert record.state is wish
        else:
            with pytest.raises(LegalMoveError, match=f"cannot move to {wish}"):
                move(record, wish)
