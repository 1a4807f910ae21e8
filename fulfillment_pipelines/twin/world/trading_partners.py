"""Who exchanges X12 documents with the distributor: buyers behind customers, and the operator of site WEST.

Master data only, the same for every seed; what is exchanged when belongs to the EDI flow.
"""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment_pipelines.twin.world.timing import NORTH_CYCLE_SECONDS

OWN_ID = "DISTRIB"
"""The distributor's identifier in an envelope."""

RUN_SECONDS = NORTH_CYCLE_SECONDS
"""Documents are exchanged in runs, every half hour."""


@dataclass(frozen=True, slots=True)
class TradingPartner:
    """One partner and how its interchanges are written.

    Attributes:
        partner_id: Its identifier in an envelope.
        customers: Customers that order through it; none for the operator of a site.
        separator: Between elements.
        terminator: Behind a segment, line break included.
    """

    partner_id: str
    customers: tuple[str, ...]
    separator: str = "*"
    terminator: str = "~\n"


BUYERS = (
    TradingPartner("ACME", ("C-0007", "C-0026")),
    TradingPartner("BOLTON", ("C-0013", "C-0032"), separator="|", terminator="~\r\n"),
    TradingPartner("CRANE", ("C-0019", "C-0038"), separator="^", terminator="'"),
)
WEST_OPERATOR = TradingPartner("WEST3PL", (), terminator="~")
PARTNERS = {partner.partner_id: partner for partner in (*BUYERS, WEST_OPERATOR)}

PARTNER_OF_CUSTOMER = {customer: buyer.partner_id for buyer in BUYERS for customer in buyer.customers}
"""Customers whose orders come as documents, and the partner that sends them."""


def is_edi(customer_no: str) -> bool:
    """Return whether a customer's channel is EDI; the portal never sees its orders."""
    return customer_no in PARTNER_OF_CUSTOMER


def channel_order_id(customer_no: str, *, portal_id: str, customer_po: str) -> str:
    """Return the number an order has in its channel: the portal's, or the partner with the purchase order."""
    partner = PARTNER_OF_CUSTOMER.get(customer_no)
    return f"{partner}-{customer_po}" if partner else portal_id


def next_run(at: int) -> int:
    """Return the first run at or after a moment."""
    return -(-at // RUN_SECONDS) * RUN_SECONDS
