"""Every feed of a standing distributor: which function answers it. Nothing but the list belongs here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.twin.volume.answers import channels, edi, erp, finance, sites, transport
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.volume.feed import Answers, Feed
from fulfillment_pipelines.twin.volume.positions import Positions
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.catalogue import NODES

_OF_A_PIECE: Final[Mapping[Feed, Callable[[Facts], pa.Table]]] = {
    ("erp", "orders"): erp.orders,
    ("erp", "order_lines"): erp.order_lines,
    ("erp", "releases"): erp.releases,
    ("erp", "shipments"): erp.shipments,
    ("erp", "holds"): erp.holds,
    ("portal", "orders"): channels.orders,
    ("portal", "order_items"): channels.order_items,
    ("portal", "order_statuses"): channels.order_statuses,
    ("edi", "orders"): edi.orders,
    ("edi", "order_lines"): edi.order_lines,
    ("edi", "shipment_lines"): edi.shipment_lines,
    ("edi", "documents"): edi.documents,
    ("finance", "invoice_lines"): finance.invoice_lines,
    ("finance", "holds"): finance.holds,
    ("tms", "transports"): transport.transports,
    ("tms", "milestones"): transport.milestones,
    ("tms", "deliveries"): transport.deliveries,
    ("crm", "order_statuses"): transport.order_statuses,
    ("crm", "cases"): transport.cases,
}
_OF_A_SITE: Final[Mapping[str, Callable[[Facts, int], pa.Table]]] = {
    "releases": sites.releases,
    "shipments": sites.shipments,
    "reservations": sites.reservations,
    "packs": sites.packs,
    "returns": sites.returns,
    "holds": sites.holds,
}


def piece_answers(facts: Facts, feeds: Collection[Feed]) -> Answers:
    """Return what the systems say of a piece in some feeds."""
    said = {feed: answer(facts) for feed, answer in _OF_A_PIECE.items() if feed in feeds}
    for position, node in enumerate(NODES):
        system = f"wms_{node.value.lower()}"
        for entity, of_site in _OF_A_SITE.items():
            if (system, entity) in feeds:
                said[system, entity] = sites.in_own_words(node, of_site(facts, position))
    return said


def standing_answers(shape: Shape, positions: Positions) -> Answers:
    """Return what does not belong to a piece: master data and stock."""
    answers: dict[tuple[str, str], pa.Table] = {
        ("erp", "stock"): positions.erp_rows(),
        ("erp", "customers"): erp.customers(shape),
        ("erp", "customer_locations"): erp.customer_locations(shape),
        ("erp", "items"): erp.items(shape),
        ("erp", "cross_references"): erp.cross_references(shape),
        ("erp", "contract_prices"): erp.contract_prices(shape),
        ("erp", "inbound_supply"): erp.inbound_supply(shape),
        ("finance", "credit_accounts"): finance.credit_accounts(shape),
    }
    for position, node in enumerate(NODES):
        system = f"wms_{node.value.lower()}"
        answers[system, "stock"] = sites.in_own_words(node, positions.site_rows(position))
        answers[system, "movements"] = sites.in_own_words(node, positions.movement_rows(position))
    return answers
