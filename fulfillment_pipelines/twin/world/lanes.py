"""Carriers, the regions they deliver to, and how long each lane takes: the same for every seed.

Master data only; what is moved on a lane belongs to the transport flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fulfillment_pipelines.twin.world.catalogue import CUSTOMERS, NODES

_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a carrier tells what it does.

    Attributes:
        carrier_id: Its name in the TMS.
        latest_seconds: An event is told at most this long after it happened.
        soonest_seconds: And at least this long after it.
        repeated_share: Share of its events that it sends a second time.
        is_local: Whether its moments are local times with an offset, instead of UTC.
    """

    carrier_id: str
    soonest_seconds: int
    latest_seconds: int
    repeated_share: float
    is_local: bool


CARRIERS = (
    Carrier("HARBOR", 10 * 60, 3 * _HOUR, repeated_share=0.15, is_local=False),
    Carrier("MERIDIAN", 60, 5 * 60, repeated_share=0.0, is_local=True),
)
"""One that is late, out of order and repeats itself, and one that is clean but speaks local time."""

REGIONS = ("NORTHEAST", "SOUTH", "MIDWEST", "PACIFIC")
ZONES = {
    "NORTHEAST": "America/New_York",
    "SOUTH": "America/Chicago",
    "MIDWEST": "America/Chicago",
    "PACIFIC": "America/Los_Angeles",
}
"""Time zone of each region; daylight saving begins in them on different days of the year than in Europe."""

TRANSIT_HOURS = np.array(
    [
        [8, 20, 24, 38],  # EAST
        [38, 24, 20, 8],  # WEST
        [14, 24, 8, 30],  # NORTH
    ],
    dtype=np.int64,
)
"""Fastest transit by site (in the order of `NODES`) and region (in the order of `REGIONS`)."""

SLOWER_HOURS = 6
"""A leg takes at most this much longer than the fastest of its lane, before it waits for the next delivery window."""

_REGION_OF = {customer: index % len(REGIONS) for index, customer in enumerate(CUSTOMERS)}
_SITE_OF = {node.value: index for index, node in enumerate(NODES)}


def region_index(customer_no: str) -> int:
    """Return the position in `REGIONS` of the region a customer is in; unknown customers are in the first."""
    return _REGION_OF.get(customer_no, 0)


def site_index(node: str) -> int:
    """Return the position of a site in `NODES`."""
    return _SITE_OF[node]


def lane(node: str, customer_no: str) -> str:
    """Return the name of the lane from a site to a customer, for example `EAST-SOUTH`."""
    return f"{node}-{REGIONS[region_index(customer_no)]}"
