"""A break that another causes: its case is the other's child, is given to nobody, and ends by its own cure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.case import Case, CaseEventKind, CaseState, RuleRun, case_id_of
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.exceptions.routing import Assignment, Routing, RoutingSeed
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.ledger.readings import CaseFile, show_case
from fulfillment_pipelines.ledger.unit_of_work import Ledger

FindingMaker = Callable[..., Finding]
HOUR = timedelta(hours=1)
_SEEDS = Path(__file__).parents[3] / "data" / "seeds"
CAUSE = {"code": "SHP-02", "business_key": "SO-1001/2", "message": ""}
EFFECT = {"parent_code": "SHP-02", "parent_business_key": "SO-1001/2", "parent_node": "east"}


@pytest.fixture
def take_in(ledger: Ledger, assigning_policy: CasePolicy, noon: datetime) -> Callable[..., None]:
    def take(*findings: Finding, at: datetime = noon) -> None:
        runs = [RuleRun(code, None, at, trustworthy=True) for code in ("FIN-01", "FIN-02", "SHP-02")]
        with ledger.unit_of_work() as work:
            intake(work, findings, runs, policy=assigning_policy, now=at)
            work.commit()

    return take


@pytest.fixture
def assigning_policy(case_policy: CasePolicy) -> CasePolicy:
    """Every case of billing goes to a person at once."""
    assignments = [Assignment(assignee="ann", owner="billing")]
    seed = RoutingSeed(version=1, calendar="default", team_calendars={}, assignments=assignments)
    return CasePolicy(case_policy.sla, Routing(seed, read_calendars(_SEEDS / "calendars.yaml")))


def _file(ledger: Ledger, finding: Finding) -> CaseFile:
    with ledger.reading() as work:
        found = show_case(work, case_id_of(finding.code, finding.business_key, finding.node))
    assert found is not None
    return found


def _case(ledger: Ledger, finding: Finding) -> Case:
    return _file(ledger, finding).case


def test_a_break_with_a_cause_is_its_child_and_is_given_to_nobody(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker
) -> None:
    cause, effect = make_finding(**CAUSE), make_finding(**EFFECT)
    take_in(effect, cause)
    parent, child = _file(ledger, cause), _file(ledger, effect)
    assert (parent.case.state, parent.case.assignee) == (CaseState.ASSIGNED, "ann")
    assert (child.case.state, child.case.assignee) == (CaseState.OPEN, None)
    assert child.case.parent_case_id == parent.case.case_id
    assert [one.case_id for one in parent.children] == [child.case.case_id]


def test_a_chain_of_causes_is_written_in_any_order(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker
) -> None:
    chain = [
        make_finding(**CAUSE),
        make_finding(code="FIN-02", **EFFECT),
        make_finding(parent_code="FIN-02", parent_business_key="SO-1001/2/SH-7", parent_node="east"),
    ]
    for order in permutations(chain):
        at = order[0].watermark_at
        take_in(*order, at=at)
    ids = [_case(ledger, finding).case_id for finding in chain]
    assert [_case(ledger, finding).parent_case_id for finding in chain] == [None, ids[0], ids[1]]


def test_a_cause_that_is_seen_later_adopts_the_case(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding())
    cause, effect = make_finding(**CAUSE), make_finding(**EFFECT, watermark_at=noon + HOUR)
    take_in(cause, effect, at=noon + HOUR)
    child = _file(ledger, effect)
    assert child.case.parent_case_id == _case(ledger, cause).case_id
    assert child.history[-1].event is CaseEventKind.REFRESHED
    assert child.case.assignee == "ann"


@pytest.mark.parametrize("verdict", [Verdict.TIMING, Verdict.UNKNOWN])
def test_what_is_not_certain_is_no_cause(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker, verdict: Verdict
) -> None:
    take_in(make_finding(**CAUSE, verdict=verdict), make_finding(**EFFECT))
    assert _case(ledger, make_finding()).parent_case_id is None


def test_a_child_outlives_its_cause_and_is_then_given_to_a_person(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker, noon: datetime
) -> None:
    cause = make_finding(**CAUSE)
    take_in(cause, make_finding(**EFFECT))
    take_in(make_finding(watermark_at=noon + HOUR), at=noon + HOUR)
    child = _case(ledger, make_finding())
    assert _case(ledger, cause).state is CaseState.AUTO_CLEARED
    assert (child.state, child.assignee) == (CaseState.ASSIGNED, "ann")
    assert child.parent_case_id == _case(ledger, cause).case_id


def test_a_child_ends_by_its_own_cure(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker, noon: datetime
) -> None:
    cause = make_finding(**CAUSE)
    take_in(cause, make_finding(**EFFECT))
    take_in(make_finding(**CAUSE, watermark_at=noon + HOUR), at=noon + HOUR)
    assert _case(ledger, make_finding()).state is CaseState.AUTO_CLEARED
    assert _case(ledger, cause).closed_at is None


def test_a_difference_that_returns_without_its_old_cause_is_nobodys_child(
    ledger: Ledger, take_in: Callable[..., None], make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding(**CAUSE), make_finding(**EFFECT))
    take_in(at=noon + HOUR)
    take_in(make_finding(watermark_at=noon + 2 * HOUR), at=noon + 2 * HOUR)
    child = _case(ledger, make_finding())
    assert (child.times_opened, child.parent_case_id) == (2, None)
