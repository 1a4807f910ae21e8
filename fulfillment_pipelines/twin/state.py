"""How far a simulated distributor is, as its control interface tells it; its making stays with `distributor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TwinState:
    """How far the distributor is.

    Attributes:
        now: The moment it has reached, ISO 8601 in UTC.
        seed: Seed of its world.
        portal_orders: Orders at the portal.
        erp_orders: Orders in the ERP.
        erp_order_lines: Order lines in the ERP.
        confirmed_legs: Ship confirmations in the ERP.
        invoice_lines: Document lines in finance.
        labels: Faults injected so far.
    """

    now: str
    seed: int
    portal_orders: int
    erp_orders: int
    erp_order_lines: int
    confirmed_legs: int
    invoice_lines: int
    labels: int
