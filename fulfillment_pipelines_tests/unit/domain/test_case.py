from __future__ import annotations

import pytest

from fulfillment_pipelines.domain.case import CaseState, case_id_of


def test_the_identity_of_a_case_does_not_change_between_releases() -> None:
    assert case_id_of("FIN-01", "SO-1001/2", "east") == "EXC-04134656f7fce7aa"


@pytest.mark.parametrize("other", [("FIN-02", "SO-1/2", "e"), ("FIN-01", "SO-1/3", "e"), ("FIN-01", "SO-1/2", "w")])
def test_code_key_and_node_each_make_another_case(other: tuple[str, str, str]) -> None:
    assert case_id_of(*other) != case_id_of("FIN-01", "SO-1/2", "e")


def test_a_case_has_ended_only_when_a_snapshot_has_proved_it() -> None:
    ended = {state for state in CaseState if state.ended}
    assert ended == {CaseState.VERIFIED, CaseState.AUTO_CLEARED, CaseState.CLOSED}
