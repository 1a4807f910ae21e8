from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from fulfillment_pipelines.twin.world.chance import between, shares
from fulfillment_pipelines.twin.world.journeys import events_of, journeys_of
from fulfillment_pipelines.twin.world.lanes import CARRIERS
from fulfillment_pipelines.twin.world.timing import epoch, instant

_DEPARTED = 1_772_800_000  # a Friday, 2026-03-06 12:26:40 UTC
_LEGS: list[Any] = [
    SimpleNamespace(
        leg_id=number,
        confirm_lag=60 + number % 7,
        qty=1 + number % 20,
        shipped_at=_DEPARTED + number * 97,
        node=("EAST", "WEST", "NORTH")[number % 3],
        customer_no=f"C-{1 + number % 40:04d}",
    )
    for number in range(2_000)
]
_HOUR = 3_600


def test_a_journey_follows_from_its_leg_alone() -> None:
    together, alone = journeys_of(_LEGS), journeys_of(_LEGS[700:701])
    for name in together.__dataclass_fields__:
        assert getattr(alone, name)[0] == getattr(together, name)[700], name


def test_chance_is_spread_over_its_whole_range() -> None:
    keys = np.arange(20_000, dtype=np.int64)
    lots = shares(keys, 3)
    assert 0 <= lots.min() < 0.01
    assert 0.99 < lots.max() < 1
    assert abs(float(lots.mean()) - 0.5) < 0.01
    assert set(between(keys, 4, 2, 5).tolist()) == {2, 3, 4}
    assert abs(float(np.corrcoef(lots, shares(keys, 4))[0, 1])) < 0.03


def test_goods_are_delivered_on_business_days_in_the_customers_hours() -> None:
    journeys = journeys_of(_LEGS)
    for moment in map(instant, journeys.delivered_at.tolist()):
        assert moment.weekday() < 5
        assert 13 <= moment.hour < 22
    assert (journeys.delivered_at > journeys.departed_at).all()
    assert (journeys.eta_at >= journeys.delivered_at).all()


def test_no_leg_is_silent_for_sixteen_hours() -> None:
    events = events_of(journeys_of(_LEGS))
    counted = events.error == ""
    heard = np.lexsort((events.recorded_at[counted], events.leg[counted]))
    leg, recorded_at = events.leg[counted][heard], events.recorded_at[counted][heard]
    same_leg = leg[1:] == leg[:-1]
    assert (recorded_at[1:] - recorded_at[:-1])[same_leg].max() < 16 * _HOUR


def test_one_carrier_is_late_out_of_order_and_repeats_itself_and_the_other_is_not() -> None:
    journeys = journeys_of(_LEGS)
    events = events_of(journeys)
    counted = (events.error == "") & (events.number >= 4)
    for position, carrier in enumerate(CARRIERS):
        of_carrier = counted & (journeys.carrier[events.leg] == position)
        leg, occurred_at = events.leg[of_carrier], events.occurred_at[of_carrier]
        late = events.recorded_at[of_carrier] - occurred_at
        order = np.lexsort((events.recorded_at[of_carrier], leg))
        goes_back = (leg[order][1:] == leg[order][:-1]) & (occurred_at[order][1:] < occurred_at[order][:-1])
        messy = carrier.carrier_id == "HARBOR"
        assert (late.max() > _HOUR) is np.bool_(messy)
        assert goes_back.any() is np.bool_(messy)
        assert (events.repeated_at[of_carrier] > 0).any() is np.bool_(messy)


def test_milestones_of_a_leg_happen_in_the_order_of_their_rank() -> None:
    events = events_of(journeys_of(_LEGS))
    ranks = ("TENDERED", "LABELLED", "DEPARTED", "IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED")
    counted = events.error == ""
    rank = np.array([ranks.index(status) for status in events.status[counted]])
    order = np.lexsort((events.occurred_at[counted], events.leg[counted]))
    leg, rank = events.leg[counted][order], rank[order]
    assert (rank[1:] >= rank[:-1])[leg[1:] == leg[:-1]].all()


def test_a_wrong_event_is_declared_wrong_as_it_is_told() -> None:
    events = events_of(journeys_of(_LEGS))
    wrong = events.error != ""
    assert set(zip(events.status[wrong], events.error[wrong], strict=True)) == {
        ("REFUSED", "DID_NOT_OCCUR"),
        ("OUT_FOR_DELIVERY", "DID_NOT_OCCUR"),
        ("DELIVERED", "INCORRECT_DATA"),
    }
    assert wrong.sum() < len(_LEGS) * 0.1
    assert events.recorded_at[wrong].min() >= epoch(instant(_DEPARTED))
