"""Legs that have left a site are tendered to a carrier, and their whole journey is written down at once.

The TMS shows each event and delivery from the moment it hears of it; see `transport_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY
from fulfillment_pipelines.twin.world.customer_service_flow import open_cases
from fulfillment_pipelines.twin.world.journeys import DELIVERED_NUMBER, Journeys, events_of, journeys_of
from fulfillment_pipelines.twin.world.lanes import CARRIERS, REGIONS, ZONES, lane, region_index
from fulfillment_pipelines.twin.world.transport_tables import deliveries, events, transports, true_transports
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_FREIGHT_CENTS = 1_500
_FREIGHT_CENTS_A_PIECE = 12
_FREIGHT_CENTS_AN_HOUR = 35
_EXPEDITED_TIMES = 3


def tender_legs(books: Books, until: int) -> None:
    """Give the legs that have left their sites to the carriers."""
    legs = books.truth.execute(
        select(
            true_legs,
            *(true_lines.c.line_no, true_lines.c.sku, true_lines.c.node),
            *(true_orders.c.order_id, true_orders.c.order_no, true_orders.c.customer_no),
        )
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .outerjoin(true_transports, true_transports.c.leg_id == true_legs.c.leg_id)
        .where(true_legs.c.shipped_at <= until, true_transports.c.leg_id.is_(None))
        .order_by(true_legs.c.leg_id)
    ).all()
    if not legs:
        return
    journeys = journeys_of(legs)
    _write_transports(books, legs, journeys)
    _write_events(books, legs, journeys)
    _write_deliveries(books, legs, journeys)
    open_cases(books, legs, journeys.known_at.tolist())


def event_no(shipment_no: str, number: int) -> str:
    """Return the number of an event of a shipment."""
    return f"{shipment_no}-{number:02d}"


def _write_transports(books: Books, legs: Sequence[Row[Any]], journeys: Journeys) -> None:
    rows, truth = [], []
    for leg, carrier, expedited, hours, departed_at, delivered_at, known_at, eta_at in zip(
        legs,
        journeys.carrier.tolist(),
        journeys.is_expedited.tolist(),
        journeys.transit_hours.tolist(),
        journeys.departed_at.tolist(),
        journeys.delivered_at.tolist(),
        journeys.known_at.tolist(),
        journeys.eta_at.tolist(),
        strict=True,
    ):
        freight = _FREIGHT_CENTS + _FREIGHT_CENTS_A_PIECE * leg.qty + _FREIGHT_CENTS_AN_HOUR * hours
        rows.append(
            {
                "shipment_no": leg.shipment_no,
                "carrier": CARRIERS[carrier].carrier_id,
                "tracking_no": f"{CARRIERS[carrier].carrier_id[:2]}{leg.leg_id:010d}",
                "service": "EXPEDITED" if expedited else "STANDARD",
                "lane": lane(leg.node, leg.customer_no),
                "zone": _zone(leg, carrier),
                "pieces": leg.qty,
                "freight": freight * (_EXPEDITED_TIMES if expedited else 1),
                "currency": CURRENCY,
                "departed_at": departed_at,
                "eta_at": eta_at,
            }
        )
        truth.append(
            {
                "leg_id": leg.leg_id,
                "shipment_no": leg.shipment_no,
                "departed_at": departed_at,
                "delivered_at": delivered_at,
                "known_at": known_at,
            }
        )
    books.tms.execute(insert(transports), rows)
    books.truth.execute(insert(true_transports), truth)


def _write_events(books: Books, legs: Sequence[Row[Any]], journeys: Journeys) -> None:
    told = events_of(journeys)
    zones = [_zone(leg, carrier) for leg, carrier in zip(legs, journeys.carrier.tolist(), strict=True)]
    rows, again = [], []
    for leg, number, status, occurred_at, recorded_at, error, repeated_at in zip(
        *(getattr(told, name).tolist() for name in told.__dataclass_fields__), strict=True
    ):
        shipment_no = legs[leg].shipment_no
        row = {
            "event_no": event_no(shipment_no, number),
            "shipment_no": shipment_no,
            "status": status,
            "occurred_at": occurred_at,
            "recorded_at": recorded_at,
            "sent_at": recorded_at,
            "error": error or None,
            "corrected_by": event_no(shipment_no, DELIVERED_NUMBER) if error == "INCORRECT_DATA" else None,
            "zone": zones[leg],
        }
        rows.append(row)
        if repeated_at:
            again.append({**row, "sent_at": repeated_at})
    books.tms.execute(insert(events), rows + again)


def _write_deliveries(books: Books, legs: Sequence[Row[Any]], journeys: Journeys) -> None:
    books.tms.execute(
        insert(deliveries),
        [
            {
                "shipment_no": leg.shipment_no,
                "order_no": leg.order_no,
                "line_no": leg.line_no,
                "sku": leg.sku,
                "unit": BASE_UNIT,
                "qty": leg.qty,
                "damaged_qty": 0,
                "signed_at": delivered_at,
                "sent_at": known_at,
            }
            for leg, delivered_at, known_at in zip(
                legs, journeys.delivered_at.tolist(), journeys.known_at.tolist(), strict=True
            )
        ],
    )


def _zone(leg: Row[Any], carrier: int) -> str | None:
    return ZONES[REGIONS[region_index(leg.customer_no)]] if CARRIERS[carrier].is_local else None
