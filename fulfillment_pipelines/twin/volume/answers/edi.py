"""What passed through the EDI gateway of a piece: purchase orders in, ship notices out, and their acknowledgements.

The columns are the elements that the gateway's declaration names; every document stands in a group of its own.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.answers.erp import ship_to_names
from fulfillment_pipelines.twin.volume.demand import EDI, Whole
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY

_OURSELVES: Final = "DISTRIB"
_ACKED_AFTER_SECONDS: Final = 600


def orders(facts: Facts) -> pa.Table:
    """Return one row for each purchase order (850)."""
    placed, at = facts.piece.orders, _orders_at(facts)
    none = names.said(None, at.size)
    return pa.table(
        {
            **_envelope("850", names.PARTNER, placed.ordered_at[at]),
            "po_number": names.purchase_orders(placed, at),
            "order_type": names.chosen(("NE", "RO"), (placed.no[at] % 20 == 0).astype(np.int64)),
            "change_purpose": none,
            "revision_no": none,
            "currency": names.said(CURRENCY, at.size),
            "payment_terms": names.said("NET30", at.size),
            **_moment("ordered", placed.ordered_at[at]),
            **_moment("requested", placed.promised_at[at]),
            "buyer_id": names.customer_names(placed.customer[at]),
            "ship_to_id": ship_to_names(placed.customer[at]),
        }
    )


def order_lines(facts: Facts) -> pa.Table:
    """Return one row for each line of a purchase order."""
    lines, placed = facts.piece.lines, facts.piece.orders
    at = np.flatnonzero(placed.channel[facts.line_order] == EDI)
    order = facts.line_order[at]
    return pa.table(
        {
            **_envelope("850", names.PARTNER, placed.ordered_at[order]),
            "po_number": names.purchase_orders(placed, order),
            "currency": names.said(CURRENCY, at.size),
            "line_no": _text(lines.line_no[at]),
            "qty": _text(lines.qty[at]),
            "uom": names.said(BASE_UNIT, at.size),
            "price": names.amounts(lines.price_cents[at]).cast(pa.string()),
            "vendor_item": names.sku_names(lines.item[at]),
            "buyer_item": names.said(None, at.size),
        }
    )


def shipment_lines(facts: Facts) -> pa.Table:
    """Return one row for each line of a ship notice (856) for an EDI order."""
    legs, lines, placed = facts.piece.legs, facts.piece.lines, facts.piece.orders
    at = np.flatnonzero(facts.confirmed & (placed.channel[facts.leg_order] == EDI))
    order, line = facts.leg_order[at], legs.line[at]
    sent = _envelope("856", _OURSELVES, legs.confirmed_at[at])
    return pa.table(
        {
            "sent_date": sent["sent_date"],
            "sent_time": sent["sent_time"],
            "purpose": names.said("00", at.size),
            "shipment_no": names.shipment_names(legs.shipment_no[at]),
            "order_no": names.order_names(placed, order),
            "line_no": _text(lines.line_no[line]),
            "vendor_item": names.sku_names(lines.item[line]),
            "qty": _text(facts.confirmed_qty[at]),
            "uom": names.said(BASE_UNIT, at.size),
            "ship_from": names.node_names(placed.node[order]),
            **_moment("shipped", legs.shipped_at[at]),
        }
    )


def documents(facts: Facts) -> pa.Table:
    """Return one row for each purchase order that came in, and one for the acknowledgement that went back."""
    placed, at = facts.piece.orders, _orders_at(facts)
    answered = at[placed.ordered_at[at] + _ACKED_AFTER_SECONDS <= facts.shape.read_at]
    number = placed.no[answered].astype(str)
    answers: dict[str, pa.Array | npt.NDArray[np.str_]] = {
        "answered_group": number,
        "answered_type": names.said("850", answered.size),
        "answered_set": names.said("0001", answered.size),
        "set_answer": names.said("A", answered.size),
        "group_answer": names.said("A", answered.size),
    }
    received = {
        **_document(facts, at, "850", names.PARTNER, placed.ordered_at[at]),
        "po_number": names.purchase_orders(placed, at),
        **{name: names.said(None, at.size) for name in answers},
    }
    sent_at = placed.ordered_at[answered] + _ACKED_AFTER_SECONDS
    acknowledged = {
        **_document(facts, answered, "997", _OURSELVES, sent_at),
        "po_number": names.said(None, answered.size),
        **answers,
    }
    return pa.concat_tables([pa.table(received), pa.table(acknowledged)])


def _orders_at(facts: Facts) -> Whole:
    return np.flatnonzero(facts.piece.orders.channel == EDI)


def _document(facts: Facts, at: Whole, kind: str, sender: str, sent_at: Whole) -> dict[str, pa.Array]:
    none = names.said(None, at.size)
    return {
        **_envelope(kind, sender, sent_at),
        "receiver_id": names.said(_OURSELVES if sender == names.PARTNER else names.PARTNER, at.size),
        "group_no": _text(facts.piece.orders.no[at]),
        "set_no": names.said("0001", at.size),
        "order_no": none,
        "shipment_no": none,
        "invoice_no": none,
    }


def _envelope(kind: str, sender: str, sent_at: Whole) -> dict[str, pa.Array]:
    return {
        "document_type": names.said(kind, sent_at.size),
        "sender_id": names.said(sender, sent_at.size),
        **_moment("sent", sent_at),
    }


def _text(number: Whole) -> pa.Array:
    """Return numbers as the elements of a document, which are all text."""
    return pa.array(number).cast(pa.string())


def _moment(name: str, at: Whole) -> dict[str, pa.Array]:
    moments = names.instants(at)
    return {f"{name}_date": pc.strftime(moments, "%Y%m%d"), f"{name}_time": pc.strftime(moments, "%H%M%S")}
