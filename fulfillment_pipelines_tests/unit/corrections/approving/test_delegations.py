"""A role is lent for a time, by who has it, to one other person; a delegate and the delegator are never two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.approving.approval import approve
from fulfillment_pipelines.corrections.approving.delegations import delegate, revoke
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.approvals import Delegation, all_delegations, standing_delegations
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, update_corrections

FindingMaker = Callable[..., Finding]


@pytest.fixture
def waiting(make_direct: FindingMaker) -> Callable[..., CorrectionRecord]:
    """Let one correction wait for billing, or for two managers of finance where it is worth much."""

    def make(desk: Any, amount: int = 100) -> CorrectionRecord:
        desk.take_in(make_direct(judgement_reason="posted", value_at_risk_amount=Decimal(amount)))
        record: CorrectionRecord = desk.only()
        return record

    return make


def _lent(noon: datetime, delegator: str, delegate_: str, role: str = "billing.lead", days: int = 3) -> Delegation:
    return Delegation(delegator, delegate_, role, noon, noon + timedelta(days=days), "on leave")


def _delegate(desk: Any, wanted: Delegation, by: str = "") -> Delegation:
    with desk.ledger.unit_of_work() as work:
        granted = delegate(work, wanted, by=by or wanted.delegator, policies=desk.policies, now=desk.clock.now())
        work.commit()
    return granted


def _revoke(desk: Any, granted: Delegation, by: str) -> Delegation:
    with desk.ledger.unit_of_work() as work:
        revoked = revoke(
            work, granted.delegation_id, by=by, reason="back", policies=desk.policies, now=desk.clock.now()
        )
        work.commit()
    return revoked


def _approve(desk: Any, by: str) -> CorrectionRecord:
    with desk.ledger.unit_of_work() as work:
        record = approve(
            work, desk.only().correction_id, by=by, reason="agreed", policies=desk.policies, now=desk.clock.now()
        )
        work.commit()
    return record


def test_a_delegate_approves_in_the_name_of_the_delegator(both_desk: Any, waiting: Any, noon: datetime) -> None:
    waiting(both_desk)
    with pytest.raises(RejectedError, match=r"chiara has not the role billing\.lead"):
        _approve(both_desk, "chiara")
    granted = _delegate(both_desk, _lent(noon, "ada", "chiara"))
    assert granted.delegation_id > 0
    assert _approve(both_desk, "chiara").decided_by == "chiara"
    with both_desk.ledger.reading() as work:
        assert standing_delegations(work, noon) == [granted]
        assert audit.verify(work).intact


def test_a_delegation_holds_from_its_beginning_to_its_end(desk: Any, waiting: Any, noon: datetime) -> None:
    waiting(desk)
    _delegate(desk, replace(_lent(noon, "ada", "chiara", days=1), valid_from=noon + timedelta(hours=1)))
    with pytest.raises(RejectedError, match="has not the role"):
        _approve(desk, "chiara")
    desk.clock.at = noon + timedelta(days=1)
    with pytest.raises(RejectedError, match="has not the role"):
        _approve(desk, "chiara")
    desk.clock.at = noon + timedelta(hours=1)
    assert _approve(desk, "chiara").state is CorrectionState.APPROVED


@pytest.mark.parametrize("by", ["ada", "chiara", "ines"])
def test_a_revoked_delegation_holds_no_more(both_desk: Any, waiting: Any, noon: datetime, by: str) -> None:
    waiting(both_desk)
    granted = _delegate(both_desk, _lent(noon, "ada", "chiara"))
    assert _revoke(both_desk, granted, by).revoked_at == noon
    with pytest.raises(RejectedError, match="has not the role"):
        _approve(both_desk, "chiara")
    with pytest.raises(RejectedError, match="is over already"):
        _revoke(both_desk, granted, by)
    with both_desk.ledger.reading() as work:
        assert [one.revoked_at for one in all_delegations(work)] == [noon]


def test_what_was_lent_is_not_lent_on(desk: Any, noon: datetime) -> None:
    _delegate(desk, _lent(noon, "ada", "chiara"))
    with pytest.raises(RejectedError, match="what is lent is not lent on"):
        _delegate(desk, _lent(noon, "chiara", "dev"))


def test_a_delegation_in_the_ledger_by_somebody_without_the_role_gives_nothing(
    desk: Any, waiting: Any, noon: datetime
) -> None:
    waiting(desk)
    _delegate(desk, _lent(noon, "ada", "chiara"))
    without_ada = type(desk.policies.people)(_without(desk.policies.people, "ada"))
    desk.policies = replace(desk.policies, people=without_ada)
    with pytest.raises(RejectedError, match="has not the role"):
        _approve(desk, "chiara")


def _without(people: Any, identity: str) -> Any:
    from fulfillment_pipelines.corrections.approving.people import PeopleSeed  # noqa: PLC0415 - only this test makes people

    left = [one.model_copy(update={"active": one.active and one.id != identity}) for one in people.everybody]
    return PeopleSeed(version=1, people=left)


def test_nobody_approves_their_own_proposal_through_a_delegate(desk: Any, waiting: Any, noon: datetime) -> None:
    record = waiting(desk)
    with desk.ledger.unit_of_work() as work:
        update_corrections(work, [replace(record, proposed_by="ada")])
        work.commit()
    _delegate(desk, _lent(noon, "ada", "chiara"))
    with pytest.raises(RejectedError, match="chiara would act for ada, who proposed it"):
        _approve(desk, "chiara")
    _delegate(desk, _lent(noon, "ben", "chiara"))
    assert _approve(desk, "chiara").state is CorrectionState.APPROVED, "in the name of ben it is another's judgement"


def test_a_proposer_does_not_approve_with_a_lent_role_either(desk: Any, waiting: Any, noon: datetime) -> None:
    record = waiting(desk)
    with desk.ledger.unit_of_work() as work:
        update_corrections(work, [replace(record, proposed_by="chiara")])
        work.commit()
    _delegate(desk, _lent(noon, "ada", "chiara"))
    with pytest.raises(RejectedError, match="chiara proposed it"):
        _approve(desk, "chiara")


def test_a_delegate_and_the_delegator_are_not_two(both_desk: Any, waiting: Any, noon: datetime) -> None:
    waiting(both_desk, 60_000)
    _delegate(both_desk, _lent(noon, "ada", "chiara", "finance.manager"))
    assert _approve(both_desk, "ada").state is CorrectionState.PENDING
    with pytest.raises(RejectedError, match="ada and chiara count as one person here"):
        _approve(both_desk, "chiara")
    _delegate(both_desk, _lent(noon, "ben", "chiara", "finance.manager"))
    assert _approve(both_desk, "chiara").state is CorrectionState.APPROVED, "for ben she is a second person"


def test_two_delegates_of_one_person_are_not_two(desk: Any, waiting: Any, noon: datetime) -> None:
    waiting(desk, 60_000)
    for name in ("chiara", "dev"):
        _delegate(desk, _lent(noon, "ada", name, "finance.manager"))
    assert _approve(desk, "chiara").state is CorrectionState.PENDING
    with pytest.raises(RejectedError, match="ada and dev count as one person here"):
        _approve(desk, "dev")


@pytest.mark.parametrize(
    ("wanted", "by", "told"),
    [
        (("ada", "ada"), "", "cannot lend a role to themselves"),
        (("ada", "karl"), "", "decides nothing here"),
        (("chiara", "dev"), "", "has not the role billing.lead"),
        (("karl", "chiara"), "ines", "has not the role billing.lead"),
        (("ada", "chiara"), "dev", "dev cannot arrange"),
        (("ada", "chiara"), "chiara", "chiara cannot arrange"),
    ],
    ids=["to oneself", "to who has left", "without the role", "by who has left", "by a stranger", "by the delegate"],
)
def test_a_role_is_lent_only_by_its_holder_or_governance_to_another_active_person(
    desk: Any, noon: datetime, wanted: tuple[str, str], by: str, told: str
) -> None:
    with pytest.raises(RejectedError, match=told):
        _delegate(desk, _lent(noon, *wanted), by)
    with desk.ledger.reading() as work:
        assert all_delegations(work) == []


def test_governance_lends_for_somebody_who_is_ill(desk: Any, noon: datetime) -> None:
    assert _delegate(desk, _lent(noon, "ada", "chiara"), by="jonas").delegator == "ada"


@pytest.mark.parametrize(
    ("begins", "ends"),
    [(0, 0), (2, 1), (-3, -1), (0, 31)],
    ids=["no time", "backwards", "in the past", "too long"],
)
def test_the_time_of_a_delegation_must_be_possible(desk: Any, noon: datetime, begins: int, ends: int) -> None:
    wanted = replace(
        _lent(noon, "ada", "chiara"),
        valid_from=noon + timedelta(days=begins),
        valid_until=noon + timedelta(days=ends),
    )
    with pytest.raises(RejectedError, match="time of the delegation cannot be"):
        _delegate(desk, wanted)


def test_a_delegation_needs_a_reason(desk: Any, noon: datetime) -> None:
    with pytest.raises(RejectedError, match="needs a reason"):
        _delegate(desk, replace(_lent(noon, "ada", "chiara"), reason=""))


def test_a_delegation_that_is_not_there_is_told(desk: Any, noon: datetime) -> None:
    with pytest.raises(BadDataError, match="There is no delegation 7"):
        _revoke(desk, replace(_lent(noon, "ada", "chiara"), delegation_id=7), "ada")


def test_a_stranger_revokes_nothing(desk: Any, noon: datetime) -> None:
    granted = _delegate(desk, _lent(noon, "ada", "chiara"))
    with pytest.raises(RejectedError, match="dev cannot arrange"):
        _revoke(desk, granted, "dev")
