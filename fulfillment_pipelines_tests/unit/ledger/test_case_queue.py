"""The queue's pages hold each case once, in order, on both databases; counts and searches agree with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from fulfillment_pipelines.domain.case import Case, CaseState, RuleRun
from fulfillment_pipelines.domain.finding import Finding, Severity
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.case_queue import (
    NOBODY,
    QueueFilter,
    QueueSort,
    count_cases,
    count_groups,
    effects_of,
    find_cases,
    last_event,
    last_events_of,
    position_from,
    position_of,
    read_page,
)
from fulfillment_pipelines.ledger.cases import cases_by_id, update_cases
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines.ledger.unit_of_work import Ledger

FindingMaker = Callable[..., Finding]
OWNERS, NODES = ("Billing", "Credit", "Site"), ("", "EAST", "WEST")


@pytest.fixture
def cases(ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime) -> list[Case]:
    """Some cases of many kinds, with values and deadlines that are often equal; one is cured, two are put off."""
    chance = random.Random(3)
    findings = [
        make_finding(
            code=("FIN-01", "CRD-02")[number % 2],
            business_key=f"SO-{number:03}/1",
            order_id=f"SO-{number:03}",
            owner=OWNERS[number % 3],
            node=NODES[number % 3],
            severity=tuple(Severity)[number % 4],
            value_at_risk_amount=Decimal(chance.choice((0, 5, 5, 20))),
            condition_since=noon - timedelta(days=chance.randrange(4)),
        )
        for number in range(60)
    ]
    with ledger.unit_of_work() as work:
        intake(work, findings, [], policy=case_policy, now=noon)
        intake(
            work,
            [finding for finding in findings if finding.business_key != "SO-003/1"],
            [RuleRun("CRD-02", None, noon + timedelta(hours=1), trustworthy=True)],
            policy=case_policy,
            now=noon + timedelta(hours=1),
            revisited=frozenset({"SO-003/1"}),
        )
        every = sorted(list_cases(work, CaseFilter(only_open=True)), key=lambda case: case.business_key)
        assert len(every) == 59
        put_off = [replace(case, state=CaseState.SUPPRESSED, suppressed_until=noon) for case in every[:2]]
        taken = [replace(case, state=CaseState.IN_PROGRESS, assignee="ada") for case in every[5:9]]
        caused = [replace(case, parent_case_id=every[20].case_id) for case in every[21:24]]
        update_cases(work, [*put_off, *taken, *caused])
        work.commit()
        return list(cases_by_id(work, [case.case_id for case in every]).values())


def _walk(
    ledger: Ledger, wanted: QueueFilter, sort: QueueSort, *, reverse: bool, limit: int = 7
) -> tuple[list[str], list[str]]:
    forward: list[str] = []
    backward: list[str] = []
    with ledger.reading() as work:
        page = read_page(work, wanted, sort, reverse=reverse, limit=limit)
        assert page.is_first
        while True:
            forward += [case.case_id for case in page.cases]
            if page.is_last:
                break
            page = read_page(work, wanted, sort, reverse=reverse, limit=limit, after=position_of(page.cases[-1], sort))
            assert not page.is_first
        backward = [case.case_id for case in page.cases]
        while not page.is_first:
            edge = position_of(page.cases[0], sort)
            page = read_page(work, wanted, sort, reverse=reverse, limit=limit, before=edge)
            backward = [case.case_id for case in page.cases] + backward
    return forward, backward


def test_pages_forward_and_backward_hold_each_case_once_in_order(ledger: Ledger, cases: Sequence[Case]) -> None:
    keys: dict[QueueSort, Callable[[Case], object]] = {
        QueueSort.DUE: lambda case: case.fix_due_at,
        QueueSort.VALUE: lambda case: -case.value_at_risk_amount,
        QueueSort.AGE: lambda case: case.condition_since,
        QueueSort.SEVERITY: lambda case: (case.severity, case.fix_due_at),
    }
    by_id = {case.case_id: case for case in cases if case.state is not CaseState.SUPPRESSED}
    for sort, reverse in product(QueueSort, (False, True)):
        forward, backward = _walk(ledger, QueueFilter(), sort, reverse=reverse)
        assert forward == backward
        assert sorted(forward) == sorted(by_id)
        values = [keys[sort](by_id[case_id]) for case_id in forward]
        assert values == sorted(values, reverse=reverse)  # type: ignore[type-var]


def test_a_page_begins_behind_a_row_that_is_gone_meanwhile(ledger: Ledger, cases: Sequence[Case]) -> None:
    assert cases
    with ledger.unit_of_work() as work:
        first = read_page(work, QueueFilter(), limit=5)
        edge = first.cases[-1]
        update_cases(work, [replace(edge, closed_at=edge.detected_at, state=CaseState.VERIFIED)])
        following = read_page(work, QueueFilter(), limit=100, after=position_of(edge, QueueSort.DUE))
    assert len(following.cases) == 57 - 5
    assert not {case.case_id for case in first.cases} & {case.case_id for case in following.cases}


def test_a_case_that_was_put_off_is_shown_only_to_who_asks_for_it(ledger: Ledger, cases: Sequence[Case]) -> None:
    assert cases
    asleep = frozenset({CaseState.SUPPRESSED})
    with ledger.reading() as work:
        assert count_cases(work, QueueFilter())[0] == 57
        assert {case.state for case in read_page(work, QueueFilter(states=asleep)).cases} == asleep


FILTERS: list[tuple[QueueFilter, Callable[[Case], bool]]] = [
    (QueueFilter(severities=frozenset({Severity.S1})), lambda case: case.severity is Severity.S1),
    (QueueFilter(codes=frozenset({"CRD-02"})), lambda case: case.code == "CRD-02"),
    (QueueFilter(owners=frozenset({"Site", "Credit"})), lambda case: case.owner != "Billing"),
    (QueueFilter(nodes=frozenset({""})), lambda case: case.node == ""),
    (QueueFilter(states=frozenset({CaseState.IN_PROGRESS})), lambda case: case.state is CaseState.IN_PROGRESS),
    (QueueFilter(assignee="ada"), lambda case: case.assignee == "ada"),
    (QueueFilter(assignee=NOBODY), lambda case: case.assignee is None),
    (QueueFilter(only_causes=True), lambda case: case.parent_case_id is None),
    (QueueFilter(order_id="SO-010"), lambda case: case.order_id == "SO-010"),
    (
        QueueFilter(due_before=datetime(2026, 3, 2, tzinfo=UTC)),
        lambda case: case.fix_due_at < datetime(2026, 3, 2, tzinfo=UTC),
    ),
]


def test_a_filter_shows_and_counts_what_it_says(ledger: Ledger, cases: Sequence[Case]) -> None:
    for wanted, holds in FILTERS:
        expected = {case.case_id for case in cases if holds(case) and case.state is not CaseState.SUPPRESSED}
        assert expected
        with ledger.reading() as work:
            found = read_page(work, wanted, limit=100).cases
            count, amounts = count_cases(work, wanted)
        assert {case.case_id for case in found} == expected
        worth = sum((case.value_at_risk_amount for case in found), Decimal(0))
        assert (count, amounts) == (len(expected), {"USD": worth})


def test_a_cause_is_shown_with_what_it_causes_and_counts_it(ledger: Ledger, cases: Sequence[Case]) -> None:
    (cause,) = {case.parent_case_id for case in cases if case.parent_case_id}
    with ledger.reading() as work:
        assert len(read_page(work, QueueFilter(cause=cause)).cases) == 4
        assert effects_of(work, [cause, "EXC-none"]) == {cause: 3}


def test_groups_add_up_to_every_open_case(ledger: Ledger, cases: Sequence[Case]) -> None:
    with ledger.reading() as work:
        groups = count_groups(work)
    assert sum(group.cases for group in groups) == 59
    assert sum(group.value_at_risk_amount for group in groups) == sum(case.value_at_risk_amount for case in cases)
    assert sum(group.cases for group in groups if group.assignee == "ada") == 4


SEARCHES: list[tuple[str, Sequence[str], set[str]]] = [
    ("so-010", (), {"SO-010/1"}),
    ("SO-01", (), {f"SO-{number:03}/1" for number in range(10, 20)}),
    ("tracking", ("SO-010", "SO-011"), {"SO-010/1", "SO-011/1"}),
    ("SO-003", (), set()),
    ("%", (), set()),
    ("' or 1=1 --", (), set()),
]


def test_a_search_finds_open_cases_by_order_and_by_the_beginning_of_their_key(
    ledger: Ledger, cases: Sequence[Case]
) -> None:
    put_off = {case.business_key for case in cases if case.state is CaseState.SUPPRESSED}
    for text, orders, found in SEARCHES:
        with ledger.reading() as work:
            identities = find_cases(work, text, orders)
            shown = read_page(work, QueueFilter(case_ids=identities), limit=100).cases
        assert {case.business_key for case in shown} == found - put_off


def test_what_happens_to_a_case_is_seen_by_its_last_event(ledger: Ledger, cases: Sequence[Case]) -> None:
    with ledger.reading() as work:
        latest = last_events_of(work, [case.case_id for case in cases[:3]])
        assert len(latest) == 3
        assert last_event(work) >= max(latest.values())


def test_a_position_is_the_same_after_it_was_written(cases: Sequence[Case]) -> None:
    for sort in QueueSort:
        place = position_of(cases[3], sort)
        texts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in place]
        assert position_from(texts, sort) == place


@pytest.mark.parametrize("parts", [[], ["x", "y"], ["NaN", "EXC"], ["1e999", "EXC"], ["1.234", "EXC"], ["5.00", "\0"]])
def test_what_is_no_position_is_refused(parts: list[str]) -> None:
    with pytest.raises(BadDataError):
        position_from(parts, QueueSort.VALUE)
