"""The healthy history that every random world begins with: a few orders, each as far as its stage says.

Every row speaks of the same few orders, items, customers and shipment legs, so that a changed value moves a finding.
A row is written as `name=value`, where `@` is hours before the present. What happens to rows belongs to the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

import pytest

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
SITES: Final = ("EAST", "WEST")
ITEMS: Final = {"BRG-1001": "A", "VLV-1001": "B", "MTR-1001": "C", "SNS-1001": "A"}
CUSTOMERS: Final = ("C-1", "C-2", "C-3")
PARTNER_NUMBERS: Final = {"F-1": "BRG-1001", "F-2": "VLV-1001"}
PRICE: Final = 10
ON_HAND: Final = 40

Row = dict[str, str | None]
Rows = dict[tuple[str, str], list[Row]]


class Stage(IntEnum):
    """How far an order has come."""

    PLACED = 0
    BOOKED = 1
    RELEASED = 2
    PICKED = 3
    SHIPPED = 4
    DELIVERED = 5
    BILLED = 6


SHOWN: Final = ("RECEIVED", "ACCEPTED", "IN_FULFILMENT", "IN_FULFILMENT", "SHIPPED", "DELIVERED", "BILLED")


@dataclass(frozen=True)
class Order:
    """One order of the history.

    Attributes:
        legs: Shipment, line and quantity of each leg.
        age: Hours since it was placed; what follows is dated from there.
        partner_number: What the channel calls the item, where it does not give the ERP's number.
    """

    number: int
    customer: str
    node: str
    lines: tuple[tuple[str, int], ...]
    stage: Stage
    age: float
    legs: tuple[tuple[str, int, int], ...] = ()
    partner_number: str = "-"

    @property
    def site(self) -> str:
        """The system of the site that ships it."""
        return f"wms_{self.node.lower()}"

    def after(self, hours: float) -> str:
        """The moment so long after it was placed."""
        return f"@{self.age - hours}"


HISTORY: Final = (
    Order(1001, "C-1", "EAST", (("BRG-1001", 10),), Stage.BOOKED, 3),
    Order(1002, "C-1", "EAST", (("VLV-1001", 12),), Stage.RELEASED, 5),
    Order(1003, "C-2", "EAST", (("BRG-1001", 12), ("VLV-1001", 5)), Stage.PICKED, 8),
    Order(1004, "C-2", "WEST", (("BRG-1001", 20),), Stage.SHIPPED, 30, (("SH-4", 1, 20),)),
    Order(1005, "C-3", "WEST", (("VLV-1001", 10),), Stage.SHIPPED, 30, (("SH-4", 1, 10),), "F-2"),
    Order(1006, "C-3", "EAST", (("MTR-1001", 12),), Stage.BILLED, 80, (("SH-6", 1, 7), ("SH-7", 1, 5))),
    Order(1007, "C-1", "WEST", (("MTR-1001", 5), ("SNS-1001", 5)), Stage.BILLED, 90, (("SH-8", 1, 5), ("SH-9", 2, 5))),
    Order(1008, "C-2", "WEST", (("BRG-1001", 5),), Stage.PLACED, 0.1, (), "F-1"),
    Order(1009, "C-3", "EAST", (("SNS-1001", 5),), Stage.BOOKED, 2),
    Order(1010, "C-1", "EAST", (("SNS-1001", 10),), Stage.BILLED, 70, (("SH-10", 1, 10),)),
    Order(1011, "C-2", "WEST", (("VLV-1001", 5),), Stage.BILLED, 70, (("SH-11", 1, 5),)),
    Order(1012, "C-3", "WEST", (("SNS-1001", 12),), Stage.DELIVERED, 60, (("SH-12", 1, 12),)),
)


def read_row(text: str, now: datetime) -> Row:
    """Read a row from its notation: `name=value` each, `-` for nothing, `@3` for three hours before `now`."""
    row: Row = {}
    for pair in text.split():
        name, _, value = pair.partition("=")
        if value.startswith("@"):
            value = (now - timedelta(hours=float(value[1:]))).isoformat()
        row[name] = None if value == "-" else value
    return row


def _healthy_rows() -> Rows:
    rows: Rows = {}
    _write_master_data(rows)
    for order in HISTORY:
        _write_order(rows, order)
        if order.stage >= Stage.RELEASED:
            _write_warehouse(rows, order)
        for leg_no in range(1, len(order.legs) + 1):
            _write_leg(rows, order, leg_no)
    _write_whole_orders(rows)
    _write_aftermath(rows)
    _write_stock(rows)
    return rows


def _add(rows: Rows, feed: str, text: str) -> None:
    system, entity = feed.split(".")
    rows.setdefault((system, entity), []).append(read_row(text, NOON))


def _write_master_data(rows: Rows) -> None:
    for customer in CUSTOMERS:
        who = f"customer_id={customer}"
        _add(rows, "erp.customers", f"{who} status=ACTIVE payment_terms=NET30")
        _add(rows, "erp.customer_locations", f"{who} ship_to_id=L-{customer} status=ACTIVE")
        amounts = "credit_limit_amount=900.00 open_receivable_amount=200.00 currency=USD"
        _add(rows, "finance.credit_accounts", f"{who} {amounts}")
        for sku in ITEMS:
            price = f"uom=EA unit_price={PRICE} currency=USD valid_from_at=@900"
            _add(rows, "erp.contract_prices", f"{who} sku={sku} {price}")
        for number, sku in PARTNER_NUMBERS.items():
            reference = f"reference_type=ITEM party_id={customer} foreign_id={number} own_id={sku}"
            _add(rows, "erp.cross_references", reference)
    for sku, abc_class in ITEMS.items():
        _add(rows, "erp.items", f"sku={sku} base_uom=EA abc_class={abc_class} temperature_class=AMBIENT status=ACTIVE")


def _write_order(rows: Rows, order: Order) -> None:
    so, po = f"order_id=SO-{order.number}", f"PO-{order.number}"
    header = (
        f"channel={'EDI' if order.number % 2 else 'PORTAL'} customer_id={order.customer} customer_po=P-{order.number} "
        f"ship_to_id=L-{order.customer} payment_terms=NET30 priority=STANDARD revision_no=0 status=OPEN currency=USD "
        f"ordered_at={order.after(0)} requested_at={order.after(72)}"
    )
    _add(rows, "portal.orders", f"order_id={po} {header}")
    if order.stage >= Stage.BOOKED:
        _add(rows, "erp.orders", f"{so} channel_order_id={po} {header}")
        shown = f"shown_status={SHOWN[order.stage]} shown_promise_at={order.after(72)} updated_at={order.after(0.1)}"
        _add(rows, "crm.order_statuses", f"{so} {shown}")
        _add(rows, "portal.order_statuses", f"{so} {shown}")
    for line_no, (sku, ordered_qty) in enumerate(order.lines, start=1):
        line = (
            f"line_no={line_no} foreign_sku={order.partner_number} uom=EA ordered_qty={ordered_qty} cancelled_qty=0 "
            f"unit_price={PRICE} freight_amount=0.00 currency=USD"
        )
        _add(rows, "portal.order_lines", f"order_id={po} sku={sku if order.partner_number == '-' else '-'} {line}")
        if order.stage >= Stage.BOOKED:
            allocated_qty = ordered_qty if order.stage < Stage.SHIPPED else 0
            due = f"release_due_at={order.after(4)} promised_at={order.after(72)}"
            _add(
                rows, "erp.order_lines", f"{so} sku={sku} node={order.node} allocated_qty={allocated_qty} {due} {line}"
            )


def _write_warehouse(rows: Rows, order: Order) -> None:
    is_picked = order.stage >= Stage.PICKED
    for line_no, (sku, ordered_qty) in enumerate(order.lines, start=1):
        line = f"order_id=SO-{order.number} line_no={line_no} node={order.node} sku={sku} uom=EA"
        sent = (
            f"release_id=RL-{order.number}-{line_no} {line} released_qty={ordered_qty} "
            f"released_at={order.after(1)} acked_at={order.after(1.05)}"
        )
        _add(rows, "erp.releases", sent)
        picked = f"picked_qty={ordered_qty} pick_status=CLOSED picked_at={order.after(2)} packed_at={order.after(2.5)}"
        _add(rows, f"{order.site}.releases", f"{sent} {picked if is_picked else 'picked_qty=0 pick_status=OPEN'}")
        if is_picked:
            lot = f"lot=LOT-{sku} lot_status=RELEASED expires_at=@-9000 packed_at={order.after(2.5)}"
            _add(rows, f"{order.site}.packs", f"pack_id=PK-{order.number} {line} packed_qty={ordered_qty} {lot}")
        if order.stage < Stage.SHIPPED:
            reserved = f"reserved_qty={ordered_qty} reserved_at={order.after(1.05)}"
            _add(rows, f"{order.site}.reservations", f"reservation_id=RV-{order.number}-{line_no} {line} {reserved}")


def _write_leg(rows: Rows, order: Order, leg_no: int) -> None:
    shipment, line_no, shipped_qty = order.legs[leg_no - 1]
    sku, _ = order.lines[line_no - 1]
    line = f"shipment_id={shipment} order_id=SO-{order.number} line_no={line_no} sku={sku} uom=EA"
    leg = f"{line} node={order.node} shipped_qty={shipped_qty} shipped_at={order.after(4)}"
    _add(rows, f"{order.site}.shipment_lines", leg)
    _add(rows, "erp.shipment_lines", f"{leg} confirmed_at={order.after(4.1)}")
    _add(rows, "portal.shipment_lines", leg)
    if shipment not in {row["shipment_id"] for row in rows.get(("tms", "transports"), [])}:
        _add(
            rows,
            "tms.transports",
            f"shipment_id={shipment} carrier_id=K-A tracking_no=T-{shipment} service_level=STANDARD lane=SOUTH "
            f"departed_at={order.after(4)} eta_at={order.after(60)} piece_qty={shipped_qty} freight_amount=20.00 "
            "currency=USD",
        )
        _write_milestone(rows, shipment, "DEPARTED", order.after(4))
    if order.stage >= Stage.DELIVERED:
        _write_milestone(rows, shipment, "DELIVERED", order.after(28))
        _add(rows, "tms.delivery_lines", f"{line} delivered_qty={shipped_qty} delivered_at={order.after(28)}")
    if order.stage >= Stage.BILLED:
        _write_invoice(rows, order, leg_no, line, shipped_qty)


def _write_milestone(rows: Rows, shipment: str, milestone: str, at: str) -> None:
    names = f"milestone_id=E-{shipment}-{milestone} shipment_id={shipment} milestone={milestone}"
    _add(rows, "tms.shipment_milestones", f"{names} occurred_at={at} recorded_at={at}")


def _write_invoice(rows: Rows, order: Order, leg_no: int, line: str, billed_qty: int) -> None:
    """Most documents name what they bill; one names neither order nor leg, and one misspells the order."""
    if order.number == 1010:
        line = f"sku={order.lines[0][0]} uom=EA"
    if order.number == 1011:
        line = line.replace("SO-", "S0-")
    _add(
        rows,
        "finance.invoice_lines",
        f"invoice_id=I-{order.number} invoice_line_no={leg_no} document_type=INVOICE customer_id={order.customer} "
        f"{line} invoiced_qty={billed_qty} unit_price={PRICE} line_amount={billed_qty * PRICE}.00 currency=USD "
        f"status=POSTED posted_at={order.after(30)}",
    )
    _add(
        rows,
        "portal.edi_documents",
        f"document_id=810-{order.number}-{leg_no} partner_id={order.customer} document_type=810 direction=OUT "
        f"control_no={order.number} order_id=SO-{order.number} sent_at={order.after(30)} acked_at={order.after(30)} "
        "ack_status=A",
    )


def _write_whole_orders(rows: Rows) -> None:
    """What finance charges, and carriers report, of whole orders: they know the channel's number."""
    for order in HISTORY:
        amount = sum(quantity for _, quantity in order.lines) * PRICE
        name = f"order_id=PO-{order.number}"
        _add(rows, "finance.charges", f"charge_id=G-{order.number} {name} charged_amount={amount}.00 currency=USD")
        milestones = ("PURCHASED", "APPROVED", "HANDED_OVER", "DELIVERED")
        for hours, milestone in enumerate(milestones[: 4 if order.stage >= Stage.DELIVERED else 2]):
            _add(rows, "tms.milestones", f"{name} milestone={milestone} occurred_at={order.after(hours)}")


def _write_aftermath(rows: Rows) -> None:
    """A return and a claim that are credited, a hold that every system knows, and one that is over."""
    returned = "line_no=1 shipment_id=SH-8 node=WEST sku=MTR-1001 uom=EA returned_qty=2 condition=GOOD received_at=@40"
    _add(rows, "wms_west.returns", f"return_id=RT-1 order_id=SO-1007 {returned}")
    claimed = "case_type=CLAIM status=CLOSED opened_by=CUSTOMER opened_at=@45 claimed_qty=1 accepted_at=@40"
    _add(rows, "crm.customer_cases", f"case_id=K-1 order_id=SO-1006 line_no=1 shipment_id=SH-7 {claimed}")
    for names, quantity in (
        ("invoice_id=CM-1 order_id=SO-1007 shipment_id=SH-8 customer_id=C-1", 2),
        ("invoice_id=CM-2 order_id=SO-1006 shipment_id=SH-7 customer_id=C-3", 1),
    ):
        _add(
            rows,
            "finance.invoice_lines",
            f"{names} invoice_line_no=1 document_type=CREDIT_MEMO line_no=1 sku=MTR-1001 uom=EA "
            f"invoiced_qty={quantity} unit_price={PRICE} line_amount={quantity * PRICE}.00 currency=USD "
            "status=POSTED posted_at=@30",
        )
    for system in ("finance", "erp", "wms_east", "wms_west"):
        hold = "hold_type=CREDIT placed_by=finance placed_at=@1.5"
        _add(rows, f"{system}.holds", f"hold_id=H-1 order_id=SO-1009 status=CREATED {hold}")
        _add(rows, f"{system}.holds", f"hold_id=H-2 order_id=SO-1001 status=RESOLVED resolved_at=@1 {hold}")


def _write_stock(rows: Rows) -> None:
    for node in SITES:
        site = f"wms_{node.lower()}"
        for sku in ITEMS:
            item = f"node={node} sku={sku} uom=EA"
            allocated_qty = _total(rows, ("erp", "order_lines"), node, sku, "allocated_qty")
            reserved_qty = _total(rows, (site, "reservations"), node, sku, "reserved_qty")
            for system, taken_qty in (("erp", allocated_qty), (site, reserved_qty)):
                level = f"on_hand_qty={ON_HAND} reserved_qty={taken_qty} available_qty={ON_HAND - taken_qty}"
                _add(rows, f"{system}.stock_levels", f"{item} {level}")
            receipt = "movement_qty=5 movement_type=RECEIPT moved_at=@20"
            _add(rows, f"{site}.stock_movements", f"movement_id=M-{node}-{sku} {item} {receipt}")
            supply = "expected_qty=5 status=CONFIRMED expected_at=@-20"
            _add(rows, "erp.inbound_supply", f"supply_id=IN-{node}-{sku} {item} {supply}")


def _total(rows: Rows, feed: tuple[str, str], node: str, sku: str, column: str) -> int:
    found = (row for row in rows.get(feed, []) if (row["node"], row["sku"]) == (node, sku))
    return sum(int(row[column] or 0) for row in found)


@pytest.fixture(scope="session")
def healthy_rows() -> Callable[[], Rows]:
    """Return a function that tells the healthy history anew, by system and entity."""
    return _healthy_rows


@pytest.fixture(scope="session")
def parse_row() -> Callable[[str, datetime], Row]:
    """Return the function that reads a row from its notation."""
    return read_row
