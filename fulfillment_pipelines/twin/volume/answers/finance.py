"""What finance says of a piece: invoices and credit memos, holds, and what customers may owe."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.answers import erp
from fulfillment_pipelines.twin.volume.demand import Whole
from fulfillment_pipelines.twin.volume.facts import CREDITED_AFTER_SECONDS, Facts
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY

_LIMIT_CENTS: Final = 900_000_000_00


def invoice_lines(facts: Facts) -> pa.Table:
    """Return one row for each leg that is billed, then one for each return that is credited."""
    legs, lines = facts.piece.legs, facts.piece.lines
    billed, credited = np.flatnonzero(facts.posted), np.flatnonzero(facts.credited)
    price = lines.price_cents[legs.line]
    charged = np.where(facts.faults.legs["FIN-04"], price * 105 // 100 + 2, price)
    credited_at = legs.delivered_at[credited] + CREDITED_AFTER_SECONDS
    invoices = _documents(
        facts, "INV", billed, qty=facts.billed_qty[billed], cents=charged[billed], posted_at=legs.posted_at[billed]
    )
    memos = _documents(
        facts, "CRM", credited, qty=legs.returned_qty[credited], cents=charged[credited], posted_at=credited_at
    )
    return pa.concat_tables([invoices, memos])


def holds(facts: Facts) -> pa.Table:
    """Return the credit holds, which are the ERP's."""
    return erp.holds(facts).drop_columns(["type"])


def credit_accounts(shape: Shape) -> pa.Table:
    """Return one row for each customer; none comes near its limit."""
    at = np.arange(shape.customer_count)
    return pa.table(
        {
            "customer_no": names.customer_names(at),
            "credit_limit": names.amounts(np.full(at.size, _LIMIT_CENTS)),
            "open_receivable": names.amounts(at % 1_000 * 100),
            "currency": names.said(CURRENCY, at.size),
        }
    )


def _documents(facts: Facts, prefix: str, leg: Whole, *, qty: Whole, cents: Whole, posted_at: Whole) -> pa.Table:
    legs, lines, orders = facts.piece.legs, facts.piece.lines, facts.piece.orders
    line, order = legs.line[leg], facts.leg_order[leg]
    return pa.table(
        {
            "invoice_no": names.numbered(prefix, legs.shipment_no[leg]),
            "line_seq": lines.line_no[line],
            "document_type": names.said("INVOICE" if prefix == "INV" else "CREDIT_MEMO", leg.size),
            "customer_no": names.customer_names(orders.customer[order]),
            "order_no": names.order_names(orders, order),
            "line_no": lines.line_no[line],
            "item": names.sku_names(lines.item[line]),
            "shipment_no": names.shipment_names(legs.shipment_no[leg]),
            "unit": names.said(BASE_UNIT, leg.size),
            "qty": qty,
            "unit_price": names.amounts(cents),
            "amount": names.amounts(cents * qty),
            "currency": names.said(CURRENCY, leg.size),
            "status": names.said("POSTED", leg.size),
            "posted_at": names.instants(posted_at),
        }
    )
