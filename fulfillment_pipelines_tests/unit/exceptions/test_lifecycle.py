from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import LegalMoveError
from fulfillment_pipelines.exceptions.intake import CasePolicy, _new_case
from fulfillment_pipelines.exceptions.lifecycle import LEGAL_MOVES, cured_state, move

STATES = st.sampled_from(sorted(CaseState))


def test_every_state_has_its_moves() -> None:
    assert set(LEGAL_MOVES) == set(CaseState)


def test_no_move_leads_to_where_the_case_already_stands() -> None:
    assert not [state for state, reachable in LEGAL_MOVES.items() if state in reachable]


def test_every_open_state_has_a_way_to_a_proved_end() -> None:
    open_states = [state for state in CaseState if not state.ended and state is not CaseState.DETECTED]
    assert all(cured_state(state) in LEGAL_MOVES[state] for state in open_states)


def test_only_a_return_of_the_difference_leads_back_from_an_end() -> None:
    for state in (state for state in CaseState if state.ended):
        assert {reached for reached in LEGAL_MOVES[state] if not reached.ended} == {CaseState.REOPENED}


def test_what_was_acted_for_is_verified_and_what_went_by_itself_is_cleared() -> None:
    verified = {state for state in CaseState if not state.ended and cured_state(state) is CaseState.VERIFIED}
    assert verified == {CaseState.CORRECTION_SENT, CaseState.RESOLVED}


@given(st.lists(STATES, max_size=12))
def test_no_sequence_of_wishes_takes_an_illegal_path(
    case_policy: CasePolicy, make_finding: Callable[..., Finding], noon: datetime, wishes: list[CaseState]
) -> None:
    case = _new_case("EXC-1", make_finding(), case_policy, noon)
    for wish in wishes:
        legal = wish in LEGAL_MOVES[case.state]
        if legal:
            case = move(case, wish)
            assert case.state is wish
        else:
            with pytest.raises(LegalMoveError, match=f"cannot move to {wish}"):
                move(case, wish)
