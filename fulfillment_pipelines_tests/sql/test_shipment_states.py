"""How far a leg is: the highest rank among the events that count, however they come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row

SqlRunner = Callable[..., list[Mapping[str, Any]]]
LegRunner = Callable[..., Mapping[str, Any]]

_STATES = "30_reconcile/rec_shipment_states.sql"


def _at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def _event(number: int, milestone: str, hour: int, **changes: Any) -> Row:
    row = {
        "milestone_id": f"EV-{number}",
        "milestone": milestone,
        "occurred_at": _at(hour),
        "recorded_at": _at(hour, 5),
    }
    return {**row, **changes}


@pytest.fixture
def only_leg(run_sql: SqlRunner) -> LegRunner:
    def run(*events: Row, **tables: Sequence[Row]) -> Mapping[str, Any]:
        legs = {"canon_shipment_lines": [{"role": "wms"}]}
        (leg,) = run_sql(_STATES, {**legs, "canon_shipment_milestones": list(events), **tables})
        return leg

    return run


def test_what_has_left_a_warehouse_is_departed_without_any_event(only_leg: LegRunner) -> None:
    leg = only_leg()
    assert (leg["state"], leg["departed_at"], leg["last_event_at"]) == ("DEPARTED", _at(10), None)
    assert (leg["scope_key"], leg["node"], leg["first_order_id"], leg["departed_qty"]) == ("SH-1", "EAST", "SO-1", 10)


def test_events_give_the_same_state_in_whatever_order_they_come(only_leg: LegRunner) -> None:
    events = (_event(1, "IN_TRANSIT", 11), _event(2, "OUT_FOR_DELIVERY", 12), _event(3, "DELIVERED", 13))
    found = [only_leg(*order) for order in permutations(events)]
    assert {leg["state"] for leg in found} == {"DELIVERED"}
    assert {leg["delivered_at"] for leg in found} == {_at(13)}
    assert {leg["failed_at"] for leg in found} == {None}


def test_an_event_that_comes_late_does_not_take_a_delivery_back(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "DELIVERED", 12), _event(2, "IN_TRANSIT", 14))
    assert (leg["state"], leg["delivered_at"], leg["last_event_at"]) == ("DELIVERED", _at(12), _at(14))


def test_an_event_that_was_declared_wrong_does_not_count(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "IN_TRANSIT", 11), _event(2, "DELIVERED", 12, declared_error="DID_NOT_OCCUR"))
    assert (leg["state"], leg["delivered_at"], leg["last_event_at"]) == ("IN_TRANSIT", None, _at(11))


def test_the_event_that_stands_in_for_a_wrong_one_counts(only_leg: LegRunner) -> None:
    wrong = _event(1, "DELIVERED", 12, declared_error="INCORRECT_DATA", corrected_by_id="EV-2")
    assert only_leg(wrong, _event(2, "DELIVERED", 13))["delivered_at"] == _at(13)


def test_a_delay_is_trouble_but_no_step_back(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "OUT_FOR_DELIVERY", 11), _event(2, "DELAYED", 12), _event(3, "HELD", 13))
    assert (leg["state"], leg["delayed_at"], leg["last_event_at"]) == ("OUT_FOR_DELIVERY", _at(12), _at(13))


def test_a_delay_alone_leaves_a_leg_where_it_was(only_leg: LegRunner) -> None:
    assert only_leg(_event(1, "DELAYED", 12))["state"] == "DEPARTED"


def test_an_attempt_that_failed_ends_with_the_delivery(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "ATTEMPTED", 11), _event(2, "DELIVERY_MISSED", 12), _event(3, "DELIVERED", 13))
    assert leg["state"] == "DELIVERED"


def test_an_exception_outranks_the_delivery_it_belongs_to(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "DELIVERED_WITH_EXCEPTION", 12), _event(2, "DELIVERED", 12))
    assert (leg["state"], leg["delivered_at"]) == ("DELIVERED_WITH_EXCEPTION", _at(12))


def test_a_lost_leg_that_is_delivered_after_all_is_delivered(only_leg: LegRunner) -> None:
    assert only_leg(_event(1, "LOST", 11), _event(2, "DELIVERED", 13))["state"] == "DELIVERED"


def test_the_warehouse_knows_the_departure_better_than_the_carrier(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "DEPARTED", 11), canon_transports=[{"departed_at": _at(12), "eta_at": _at(15)}])
    assert (leg["departed_at"], leg["eta_at"], leg["carrier_id"]) == (_at(10), _at(15), "CA-1")


def test_what_only_a_carrier_knows_has_no_site(only_leg: LegRunner) -> None:
    leg = only_leg(_event(1, "LABELLED", 11), canon_shipment_lines=[], canon_transports=[{}])
    assert (leg["state"], leg["node"], leg["departed_at"]) == ("LABELLED", "", None)


def test_a_tendered_leg_without_events_is_planned(only_leg: LegRunner) -> None:
    assert only_leg(canon_shipment_lines=[], canon_transports=[{}])["state"] == "PLANNED"


def test_a_leg_that_carries_two_orders_is_one_row(only_leg: LegRunner) -> None:
    legs = [{"role": "wms", "order_id": "SO-2"}, {"role": "wms", "order_id": "SO-1", "shipped_qty": 4}]
    leg = only_leg(canon_shipment_lines=legs)
    assert (leg["first_order_id"], leg["departed_qty"]) == ("SO-1", 14)
