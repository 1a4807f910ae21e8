"""Every feed of a standing distributor: which function answers it. Nothing but the list belongs here."""

from __future__ import annotations

import pyarrow as pa

from fulfillment_pipelines.twin.volume.answers import channels, edi, erp, finance, sites, transport
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.volume.feed import Answers
from fulfillment_pipelines.twin.volume.positions import Positions
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.catalogue import NODES


def piece_answers(facts: Facts) -> Answers:
    """Return what every system says of a piece."""
    answers: dict[tuple[str, str], pa.Table] = {
        ("erp", "orders"): erp.orders(facts),
        ("erp", "order_lines"): erp.order_lines(facts),
        ("erp", "releases"): erp.releases(facts),
        ("erp", "shipments"): erp.shipments(facts),
        ("erp", "holds"): erp.holds(facts),
        ("portal", "orders"): channels.orders(facts),
        ("portal", "order_items"): channels.order_items(facts),
        ("portal", "order_statuses"): channels.order_statuses(facts),
        ("edi", "orders"): edi.orders(facts),
        ("edi", "order_lines"): edi.order_lines(facts),
        ("edi", "shipment_lines"): edi.shipment_lines(facts),
        ("edi", "documents"): edi.documents(facts),
        ("finance", "invoice_lines"): finance.invoice_lines(facts),
        ("finance", "holds"): finance.holds(facts),
        ("tms", "transports"): transport.transports(facts),
        ("tms", "milestones"): transport.milestones(facts),
        ("tms", "deliveries"): transport.deliveries(facts),
        ("crm", "order_statuses"): transport.order_statuses(facts),
        ("crm", "cases"): transport.cases(facts),
    }
    for position, node in enumerate(NODES):
        system = f"wms_{node.value.lower()}"
        for entity, rows in (
            ("releases", sites.releases(facts, position)),
            ("shipments", sites.shipments(facts, position)),
            ("reservations", sites.reservations(facts, position)),
            ("packs", sites.packs(facts, position)),
            ("returns", sites.returns(facts, position)),
            ("holds", sites.holds(facts, position)),
        ):
            answers[system, entity] = sites.in_own_words(node, rows)
    return answers


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
