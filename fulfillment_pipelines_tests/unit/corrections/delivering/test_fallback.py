from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy, Fallback, TargetLimits
from fulfillment_pipelines.corrections.delivering.fallback import require_ways_round
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.errors import ConfigurationError


@pytest.fixture
def policy(policies: Policies) -> DeliveryPolicy:
    limits = TargetLimits(fallback=Fallback(to="drop", after_seconds=60))
    return policies.delivery.model_copy(update={"targets": {"tms": limits}})


@pytest.mark.parametrize(
    "messages",
    [{}, {"erp": ["order.create"]}, {"tms": []}, {"tms": ["claim.create"], "drop": ["claim.create", "other"]}],
)
def test_a_way_round_that_takes_what_its_target_takes_is_accepted(
    policy: DeliveryPolicy, messages: Mapping[str, Any]
) -> None:
    require_ways_round(policy, messages)


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ({"tms": ["claim.create"]}, "no such system"),
        ({"tms": ["claim.create", "load.tender"], "drop": ["claim.create"]}, "does not take load.tender"),
    ],
)
def test_a_way_round_that_leads_nowhere_is_refused_at_the_start(
    policy: DeliveryPolicy, messages: Mapping[str, Any], found: str
) -> None:
    with pytest.raises(ConfigurationError, match=found):
        require_ways_round(policy, messages)
