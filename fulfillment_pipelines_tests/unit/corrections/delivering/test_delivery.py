from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from fulfillment_pipelines.corrections.delivering.delivery import first_delivery, ordering_key_of
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy, Fallback, TargetLimits
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import DeliveryStep


@pytest.fixture
def policy(policies: Policies) -> DeliveryPolicy:
    return policies.delivery


@pytest.fixture
def record(desk: Any, make_direct: Callable[..., Finding]) -> CorrectionRecord:
    desk.take_in(make_direct())
    found: CorrectionRecord = desk.only()
    return found


def test_what_protects_goes_before_what_corrects_before_what_informs(policy: DeliveryPolicy) -> None:
    priorities = [policy.priority_of(CorrectionClass(letter), "any") for letter in "GPRJN"]
    assert priorities == [0, 1, 1, 1, 2]


def test_a_message_may_be_more_urgent_than_its_class(policy: DeliveryPolicy) -> None:
    first, *others = policy.urgencies
    raised = policy.model_copy(
        update={"urgencies": [first.model_copy(update={"messages": frozenset({"case.create"})}), *others]}
    )
    assert raised.priority_of(CorrectionClass.NOTIFY, "case.create") == 0
    assert raised.priority_of(CorrectionClass.NOTIFY, "eta.update") == 2


def test_its_time_runs_from_the_approval_by_its_urgency(
    record: CorrectionRecord, policy: DeliveryPolicy, noon: datetime
) -> None:
    protective = replace(record, correction_class=CorrectionClass.GUARD)
    budgets = [first_delivery(one, policy, noon).deadline_at - noon for one in (protective, record)]
    assert budgets == [timedelta(hours=4), timedelta(days=2)]


def test_what_repeats_something_is_looked_at_first(
    record: CorrectionRecord, policy: DeliveryPolicy, noon: datetime
) -> None:
    repeating = replace(record, correction_class=CorrectionClass.RETRY)
    steps = [first_delivery(one, policy, noon).next_step for one in (record, repeating)]
    assert steps == [DeliveryStep.SEND, DeliveryStep.READ_BACK]


def test_a_target_with_another_way_is_looked_at_first_so_that_its_outage_leaves_nothing_open(
    record: CorrectionRecord, policy: DeliveryPolicy, noon: datetime
) -> None:
    own = TargetLimits(fallback=Fallback(to="drop", after_seconds=60))
    changed = policy.model_copy(update={"targets": {record.target: own}})
    assert first_delivery(record, changed, noon).next_step is DeliveryStep.READ_BACK


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ({"order_id": "SO-1", "shipment_id": "SH-1"}, "order_id=SO-1"),
        ({"shipment_id": "SH-1", "order_id": ""}, "shipment_id=SH-1"),
        ({"sku": "A", "node": "east"}, "sku=A/node=east"),
        ({"sku": "A", "node": None}, "sku=A"),
    ],
)
def test_messages_about_the_same_thing_have_the_same_key(
    record: CorrectionRecord, policy: DeliveryPolicy, payload: dict[str, Any], key: str
) -> None:
    assert ordering_key_of(replace(record, payload=json.dumps(payload)), policy) == key


def test_a_message_about_nothing_the_policy_names_stays_behind_its_own_case(
    record: CorrectionRecord, policy: DeliveryPolicy
) -> None:
    assert ordering_key_of(replace(record, payload="{}"), policy) == record.case_id


def test_a_target_changes_what_it_names_and_keeps_the_rest(policy: DeliveryPolicy) -> None:
    own = TargetLimits(attempts=2, fallback=Fallback(to="tms_drop", after_seconds=60))
    changed = policy.model_copy(update={"targets": {"tms": own}})
    assert changed.limits_for("erp") == policy.limits
    assert changed.limits_for("tms") == policy.limits.model_copy(update={"attempts": 2, "fallback": own.fallback})
    assert (changed.stands_in_for("tms_drop"), changed.stands_in_for("erp")) == ({"tms"}, set())


@pytest.mark.parametrize("classes", [["G"], ["G", "P", "R", "N", "J", "G"]])
def test_a_policy_that_leaves_a_class_out_or_names_it_twice_is_refused(
    policy: DeliveryPolicy, classes: list[str]
) -> None:
    content = policy.model_dump()
    content["urgencies"] = [{"name": letter, "classes": [letter], "budget_seconds": 1} for letter in classes]
    with pytest.raises(ValidationError, match="must name each class once"):
        DeliveryPolicy.model_validate(content)
