"""Journeys of shipment legs: who moves them, how long it takes, what the carrier tells and when, as arrays.

A journey follows from its leg alone. Writing it down belongs to the transport flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row

from fulfillment_pipelines.twin.world.chance import between, shares
from fulfillment_pipelines.twin.world.lanes import CARRIERS, SLOWER_HOURS, TRANSIT_HOURS, region_index, site_index
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, Seconds, weekend_to_monday

_HOUR = 3_600
_HARBOR_SHARE = 0.5
_EXPEDITED_SHARE = 0.04
_WINDOW_OPENS_SECONDS = 13 * _HOUR  # customers take deliveries in, in UTC
_WINDOW_CLOSES_SECONDS = 22 * _HOUR
_ETA_SPARE_SECONDS = 4 * _HOUR  # an arrival that is told late must not look late
_SCAN_EVERY_SECONDS = 10 * _HOUR
_ERROR_SHARE = 0.015  # of each kind of event that a carrier declares wrong as it tells it

_SALTS = {
    name: number for number, name in enumerate(("carrier", "slower", "window", "service", "first", "out", "wrong"))
}
_EVENT_SALT = 100
_REPEAT_SALT = 200


@dataclass(frozen=True, slots=True)
class Journeys:
    """The journeys of legs; every array has one entry for each leg.

    Attributes:
        keys: What chance follows from.
        carrier: Position in `CARRIERS`.
        is_expedited: Whether the faster service was bought.
        transit_hours: Hours on the road.
        departed_at: When the leg left its site.
        out_at: When it is out for delivery.
        delivered_at: When the customer has it.
        known_at: When the carrier tells of it.
        eta_at: When the carrier expects to deliver, told at the departure.
    """

    keys: Seconds
    carrier: Seconds
    is_expedited: npt.NDArray[np.bool_]
    transit_hours: Seconds
    departed_at: Seconds
    out_at: Seconds
    delivered_at: Seconds
    known_at: Seconds
    eta_at: Seconds


@dataclass(frozen=True, slots=True)
class Events:
    """Events of journeys; every array has one entry for each event.

    Attributes:
        leg: Position of the leg.
        number: Number of the event within its leg.
        status: What happened.
        occurred_at: When it happened.
        recorded_at: When the TMS heard of it.
        error: Why it does not count; empty where it does.
        repeated_at: When the carrier sends it again; 0 where it does not.
    """

    leg: Seconds
    number: Seconds
    status: npt.NDArray[np.str_]
    occurred_at: Seconds
    recorded_at: Seconds
    error: npt.NDArray[np.str_]
    repeated_at: Seconds


DELIVERED_NUMBER = 5
"""Number of the event of the delivery within its leg."""

_FIRST_SCAN_NUMBER = 10


def journeys_of(legs: Sequence[Row[Any]]) -> Journeys:
    """Return the journeys of legs with leg_id, confirm_lag, qty, shipped_at, node and customer_no."""
    keys = np.array([leg.leg_id * 1_000_003 + leg.confirm_lag * 1_009 + leg.qty for leg in legs], dtype=np.int64)
    departed_at = np.array([leg.shipped_at for leg in legs], dtype=np.int64)
    sites = [site_index(leg.node) for leg in legs]
    regions = [region_index(leg.customer_no) for leg in legs]
    carrier = (shares(keys, _SALTS["carrier"]) >= _HARBOR_SHARE).astype(np.int64)
    is_expedited = shares(keys, _SALTS["service"]) < _EXPEDITED_SHARE
    hours = TRANSIT_HOURS[sites, regions] + between(keys, _SALTS["slower"], 0, SLOWER_HOURS + 1)
    hours = np.where(is_expedited, hours // 2, hours)
    delivered_at = _in_window(departed_at + hours * _HOUR, between(keys, _SALTS["window"], 0, 2 * _HOUR))
    delay = _told_after(keys, carrier, _EVENT_SALT + DELIVERED_NUMBER)
    return Journeys(
        keys=keys,
        carrier=carrier,
        is_expedited=is_expedited,
        transit_hours=hours,
        departed_at=departed_at,
        out_at=delivered_at - between(keys, _SALTS["out"], _HOUR, 3 * _HOUR),
        delivered_at=delivered_at,
        known_at=delivered_at + delay,
        eta_at=-(-(delivered_at + _ETA_SPARE_SECONDS) // _HOUR) * _HOUR,
    )


def events_of(journeys: Journeys) -> Events:
    """Return everything that is told of journeys, in the order in which the TMS hears of it."""
    parts = [*_milestones(journeys), *_scans(journeys), *_wrong_events(journeys)]
    events = Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in Events.__dataclass_fields__))
    heard = np.lexsort((events.number, events.leg, events.recorded_at))
    return Events(*(getattr(events, name)[heard] for name in Events.__dataclass_fields__))


def _milestones(journeys: Journeys) -> list[Events]:
    departed = journeys.departed_at
    everything = np.ones(len(departed), dtype=bool)
    site_told = (("TENDERED", departed - 600), ("LABELLED", departed - 300), ("DEPARTED", departed))
    told = [
        _events(journeys, everything, number, status, at, recorded_at=departed)
        for number, (status, at) in enumerate(site_told, start=1)
    ]
    told.append(_events(journeys, everything, 4, "OUT_FOR_DELIVERY", journeys.out_at))
    told.append(
        _events(
            journeys,
            everything,
            DELIVERED_NUMBER,
            "DELIVERED",
            journeys.delivered_at,
            recorded_at=journeys.known_at,
        )
    )
    return told


def _scans(journeys: Journeys) -> list[Events]:
    """Scans on the road: one soon after the departure, then one after the other until it is out for delivery."""
    found = []
    at = journeys.departed_at + between(journeys.keys, _SALTS["first"], _HOUR // 2, 2 * _HOUR)
    number = _FIRST_SCAN_NUMBER
    while (on_the_road := at < journeys.out_at).any():
        found.append(_events(journeys, on_the_road, number, "IN_TRANSIT", at))
        at, number = at + _SCAN_EVERY_SECONDS, number + 1
    return found


def _wrong_events(journeys: Journeys) -> list[Events]:
    """Events that the carrier tells together with the declaration that they are wrong."""
    lot = shares(journeys.keys, _SALTS["wrong"])
    known = journeys.known_at
    refused = _events(
        journeys,
        lot < _ERROR_SHARE,
        6,
        "REFUSED",
        journeys.delivered_at - 600,
        recorded_at=known,
        error="DID_NOT_OCCUR",
    )
    out = _events(
        journeys,
        (lot >= _ERROR_SHARE) & (lot < 2 * _ERROR_SHARE),
        7,
        "OUT_FOR_DELIVERY",
        journeys.departed_at + _HOUR,
        error="DID_NOT_OCCUR",
    )
    delivered = _events(
        journeys,
        (lot >= 2 * _ERROR_SHARE) & (lot < 3 * _ERROR_SHARE),
        8,
        "DELIVERED",
        journeys.delivered_at - _HOUR,
        recorded_at=known,
        error="INCORRECT_DATA",
    )
    return [refused, out, delivered]


def _events(
    journeys: Journeys,
    chosen: npt.NDArray[np.bool_],
    number: int,
    status: str,
    occurred_at: Seconds,
    *,
    recorded_at: Seconds | None = None,
    error: str = "",
) -> Events:
    if recorded_at is None:
        recorded_at = occurred_at + _told_after(journeys.keys, journeys.carrier, _EVENT_SALT + number)
    repeated_share = np.array([carrier.repeated_share for carrier in CARRIERS])[journeys.carrier]
    repeats = shares(journeys.keys, _REPEAT_SALT + number) < repeated_share
    repeated_at = np.where(repeats, recorded_at + between(journeys.keys, _REPEAT_SALT - number, 600, 6 * _HOUR), 0)
    count = int(chosen.sum())
    return Events(
        leg=np.flatnonzero(chosen),
        number=np.full(count, number, dtype=np.int64),
        status=np.full(count, status),
        occurred_at=occurred_at[chosen],
        recorded_at=recorded_at[chosen],
        error=np.full(count, error),
        repeated_at=repeated_at[chosen],
    )


def _told_after(keys: Seconds, carrier: Seconds, salt: int) -> Seconds:
    soonest = np.array([carrier.soonest_seconds for carrier in CARRIERS], dtype=np.int64)[carrier]
    latest = np.array([carrier.latest_seconds for carrier in CARRIERS], dtype=np.int64)[carrier]
    return (soonest + shares(keys, salt) * (latest - soonest)).astype(np.int64)


def _in_window(at: Seconds, spread: Seconds) -> Seconds:
    """Return when arrivals at these moments are taken in: at once within the customers' hours, else in the next."""
    late = at % DAY_SECONDS >= _WINDOW_CLOSES_SECONDS
    day = at // DAY_SECONDS + late
    opens = day * DAY_SECONDS + _WINDOW_OPENS_SECONDS
    return weekend_to_monday(np.where(late | (at < opens), opens + spread, at))
