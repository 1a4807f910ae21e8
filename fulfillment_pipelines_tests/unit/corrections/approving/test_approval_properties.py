"""Whoever presses what in which order: what goes out has been approved by others than its authors, in their roles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fulfillment_pipelines.corrections.approving.approval import approve, reject
from fulfillment_pipelines.corrections.approving.delegations import delegate
from fulfillment_pipelines.corrections.approving.editing import Edit, edit
from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.ledger.approvals import ApprovalDecision, Delegation, all_delegations
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections
from fulfillment_pipelines.ledger.tables import approval, outbox

PEOPLE = ("ada", "ben", "chiara")
ROLES = ("billing.lead", "finance.manager")
_person = st.sampled_from(PEOPLE)
_step = st.one_of(
    st.tuples(st.just("approve"), _person),
    st.tuples(st.just("approve"), _person),
    st.tuples(st.just("reject"), _person),
    st.tuples(st.just("edit"), _person, st.integers(1, 3)),
    st.tuples(st.just("delegate"), st.sampled_from(PEOPLE[:2]), _person, st.sampled_from(ROLES)),
    st.tuples(st.just("delegate"), st.sampled_from(PEOPLE[:2]), st.just(PEOPLE[2]), st.sampled_from(ROLES)),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("snapshot")),
)
_orders = count(1)


def _do(desk: Any, finding: Finding, step: Sequence[Any]) -> Finding:
    """Let one thing happen to the newest version; what is refused has not happened."""
    verb, now = step[0], desk.clock.now()
    if verb == "wait":
        desk.wait(step[1] * 3600)
        return finding
    if verb == "snapshot":
        later = replace(finding, watermark_at=now)
        desk.take_in(later)
        return later
    with suppress(RejectedError, BadDataError), desk.ledger.unit_of_work() as work:
        newest = max(_of(list_corrections(work), finding), key=lambda one: one.version).correction_id
        grounds = {"policies": desk.policies, "now": now}
        if verb == "edit":
            edit(work, newest, Edit({"invoiced_qty": str(step[2])}, step[1], "counted", "finance"), **grounds)
        elif verb == "delegate":
            lent = Delegation(*step[1:], now, now + timedelta(days=2), "leave")
            delegate(work, lent, by=lent.delegator, **grounds)
        else:
            act = approve if verb == "approve" else reject
            act(work, newest, by=step[1], reason="seen", **grounds)
        work.commit()
    return finding


def _of(records: Sequence[CorrectionRecord], finding: Finding) -> list[CorrectionRecord]:
    order = json.loads(finding.payload)["order_id"]
    return [one for one in records if json.loads(one.payload)["order_id"] == order]


def _authors(record: CorrectionRecord, by_id: Mapping[str, CorrectionRecord]) -> set[str]:
    before = by_id.get(record.replaces or "")
    return {record.proposed_by} | (_authors(before, by_id) if before else set())


def _could_act(desk: Any, row: Any, delegations: Sequence[Delegation]) -> bool:
    roles = {one.id: one.roles if one.active else frozenset() for one in desk.policies.people.everybody}
    lent = row.on_behalf_of == row.actor or any(
        (one.delegator, one.delegate, one.role) == (row.on_behalf_of, row.actor, row.role)
        and one.valid_from <= row.decided_at < one.valid_until
        for one in delegations
    )
    active = desk.policies.people.get(row.actor).active
    return active and row.role in roles[row.on_behalf_of] and lent


def _check(desk: Any, finding: Finding) -> None:
    with desk.ledger.reading() as work:
        records = _of(list_corrections(work, CorrectionFilter(limit=100_000)), finding)
        delivered = {row.correction_id for row in work.rows(select(outbox.c.correction_id))}
        rows = work.rows(select(approval).where(approval.c.decision == ApprovalDecision.APPROVED))
        delegations = all_delegations(work)
    by_id = {record.correction_id: record for record in records}
    for record in records:
        given_ = [row for row in rows if row.correction_id == record.correction_id]
        assert all(_could_act(desk, row, delegations) for row in given_)
        assert not any({row.actor, row.on_behalf_of} & _authors(record, by_id) for row in given_)
        assert (record.state is CorrectionState.APPROVED) is (record.correction_id in delivered)
        if record.state is CorrectionState.APPROVED:
            counted = [row for row in given_ if row.actor in record.decided_by.split(", ")][-record.approvals_needed :]
            people = [person for row in counted for person in {row.actor, row.on_behalf_of}]
            assert len(counted) == record.approvals_needed
            assert len(people) == len(set(people))
            assert {row.content_hash for row in counted} == {record.content_hash} == {content_hash_of(record)}
            assert {row.role for row in counted} == {record.approver_role}


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=st.sampled_from((100, 60_000)), steps=st.lists(_step, min_size=4, max_size=12))
def test_what_goes_out_was_approved_by_others_than_its_authors_in_the_role_it_needs(
    desk: Any, make_direct: Callable[..., Finding], amount: int, steps: Sequence[Sequence[Any]]
) -> None:
    # Each example is another order, long after the delegations of the last.
    desk.wait(40 * 24 * 3600)
    order = f"SO-{next(_orders)}"
    finding = make_direct(business_key=f"{order}/1/SH-1", judgement_reason="posted", watermark_at=desk.clock.now())
    payload = json.dumps(json.loads(finding.payload) | {"order_id": order})
    finding = replace(finding, payload=payload, value_at_risk_amount=Decimal(amount))
    desk.take_in(finding)
    for step in steps:
        finding = _do(desk, finding, step)
        _check(desk, finding)
