from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fulfillment_pipelines.corrections.delivering.circuit import answered, failed, lets_go, probing, resting
from fulfillment_pipelines.corrections.delivering.delivery_policy import CircuitLimits, DeliveryLimits
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, healthy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def limits(policies: Policies) -> DeliveryLimits:
    circuit = CircuitLimits(failures=3, open_seconds=10, longest_open_seconds=60, probe_seconds=20)
    return policies.delivery.limits.model_copy(update={"circuit": circuit, "longest_retry_after_seconds": 300})


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def after_failures(count: int, limits: DeliveryLimits) -> TargetHealth:
    health = healthy("erp", NOON)
    for _ in range(count):
        health = failed(health, limits, NOON)
    return health


def test_failures_in_a_row_open_the_circuit(limits: DeliveryLimits) -> None:
    assert [after_failures(count, limits).circuit for count in (0, 2, 3)] == [
        Circuit.CLOSED,
        Circuit.CLOSED,
        Circuit.OPEN,
    ]


def test_an_answer_in_between_begins_the_count_anew(limits: DeliveryLimits) -> None:
    health = failed(answered(after_failures(2, limits), NOON), limits, NOON)
    assert (health.circuit, health.failures) == (Circuit.CLOSED, 1)


def test_an_open_circuit_lets_nothing_go_until_its_wait_is_over(limits: DeliveryLimits) -> None:
    health = after_failures(3, limits)
    assert [lets_go(health, limits, later(seconds)) for seconds in (0, 9.9, 10)] == [False, False, True]


def test_while_one_probes_no_other_does(limits: DeliveryLimits) -> None:
    health = probing(after_failures(3, limits), limits, later(10))
    assert health.circuit is Circuit.HALF_OPEN
    assert not lets_go(health, limits, later(11))


def test_a_probe_nobody_reported_on_is_given_to_another(limits: DeliveryLimits) -> None:
    assert lets_go(probing(after_failures(3, limits), limits, later(10)), limits, later(30))


def test_the_answer_to_a_probe_closes_the_circuit(limits: DeliveryLimits) -> None:
    health = answered(probing(after_failures(3, limits), limits, later(10)), later(11))
    assert (health.circuit, health.failures, health.opened_at) == (Circuit.CLOSED, 0, None)
    assert lets_go(health, limits, later(11))


def test_each_probe_that_fails_opens_it_for_twice_as_long_up_to_the_longest(limits: DeliveryLimits) -> None:
    health, waits = after_failures(3, limits), []
    for _ in range(5):
        waits.append((health.probe_at - health.changed_at).total_seconds())
        health = failed(probing(health, limits, health.probe_at), limits, health.probe_at)
    assert waits == [10, 20, 40, 60, 60]
    assert health.opened_at == NOON


def test_a_failure_that_was_under_way_when_it_opened_changes_nothing(limits: DeliveryLimits) -> None:
    health = after_failures(3, limits)
    assert failed(health, limits, later(5)) == health


def test_a_system_that_asks_for_rest_gets_it_and_stays_closed(limits: DeliveryLimits) -> None:
    health = resting(healthy("erp", NOON), limits, 30, NOON)
    assert health.circuit is Circuit.CLOSED
    assert [lets_go(health, limits, later(seconds)) for seconds in (29, 30)] == [False, True]
    assert not lets_go(answered(replace(health, failures=1), later(1)), limits, later(1))


def test_a_rest_is_no_longer_than_the_policy_allows(limits: DeliveryLimits) -> None:
    assert lets_go(resting(healthy("erp", NOON), limits, 1_000_000, NOON), limits, later(300))


def test_a_clock_that_was_ahead_stops_nobody(limits: DeliveryLimits) -> None:
    ahead = failed(after_failures(2, limits), limits, NOON + timedelta(days=1))
    assert ahead.circuit is Circuit.OPEN
    assert lets_go(ahead, limits, NOON)
