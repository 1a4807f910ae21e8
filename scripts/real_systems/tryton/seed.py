"""Tells Tryton 8.2 of the business: company, accounts, items, customers, stock, orders, shipments and invoices.

Everything goes through its own interface, as a person at its screen would do it. What the business is stands in
`story`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from scripts.real_systems.tryton.json_rpc import Tryton
from scripts.real_systems.tryton.story import (
    CUSTOMERS,
    ITEMS,
    OPENED_ON,
    OPENING_QTY,
    ORDERS,
    Billing,
    LegState,
    Order,
    OrderState,
)

_YEARS = (2026, 2027, 2028)
_SALE = "sale.sale"
_SHIPMENT = "stock.shipment.out"
_INVOICE_METHOD = {Billing.POSTED: "fulfillment", Billing.DRAFT: "fulfillment", Billing.FORGOTTEN: "manual"}


@dataclass(frozen=True)
class _Numbers:
    """Tryton's own numbers of what documents refer to."""

    company: int
    currency: int
    payment_term: int
    unit: int
    warehouse: int
    items: dict[str, int]
    customers: dict[str, int]


def seed(tryton: Tryton) -> None:
    """Fill an activated, empty database.

    Raises:
        TrytonError: It refuses something.
    """
    company, currency = _company(tryton)
    _accounts(tryton, company)
    numbers = _Numbers(
        company=company,
        currency=currency,
        payment_term=_payment_term(tryton),
        unit=tryton.one("product.uom", [["name", "=", "Unit"]]),
        warehouse=_warehouses(tryton),
        items=_items(tryton),
        customers=_customers(tryton),
    )
    _opening_stock(tryton, numbers)
    for order in ORDERS:
        _order(tryton, numbers, order)


def _company(tryton: Tryton) -> tuple[int, int]:
    rates = [["create", [{"date": date(2020, 1, 1), "rate": Decimal(1)}]]]
    currency = tryton.create("currency.currency", name="US Dollar", symbol="$", code="USD", digits=2, rates=rates)
    party = tryton.create("party.party", name="Northwind Distribution")
    tryton.run_wizard(
        "company.company.config",
        ("start", "company", {}),
        ("company", "add", {"party": party, "currency": currency}),
    )
    tryton.take_preferences()
    return tryton.one("company.company", []), currency


def _accounts(tryton: Tryton, company: int) -> None:
    template = tryton.one("account.account.template", [["parent", "=", None]])
    chart: dict[str, object] = {"company": company, "account_template": template}
    tryton.run_wizard("account.create_chart", ("start", "account", {}), ("account", "create_account", chart))
    defaults = {f"default_account_{kind}": _account(tryton, kind) for kind in ("receivable", "payable")}
    tryton.write("account.configuration", 1, **defaults)
    for name, prefix in (("Sale", "SO-"), ("Customer Shipment", "CS-"), ("Party", "C-")):
        tryton.write("ir.sequence", tryton.one("ir.sequence", [["name", "=", name]]), prefix=prefix, padding=4)
    for year in _YEARS:
        _fiscal_year(tryton, company, year)


def _account(tryton: Tryton, kind: str) -> int:
    return tryton.one("account.account", [[f"type.{kind}", "=", True], ["closed", "!=", True]])


def _fiscal_year(tryton: Tryton, company: int, year: int) -> None:
    entries, invoices = (
        tryton.create(
            "ir.sequence.strict",
            name=f"{name} {year}",
            sequence_type=tryton.one("ir.sequence.type", [["name", "=", name]]),
            company=company,
            prefix=prefix,
            padding=4,
        )
        for name, prefix in (("Account Move", f"{year}-"), ("Invoice", f"INV-{year}-"))
    )
    kinds = ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note")
    sequences = {"company": company, **{f"{kind}_sequence": invoices for kind in kinds}}
    number = tryton.create(
        "account.fiscalyear",
        name=str(year),
        start_date=date(year, 1, 1),
        end_date=date(year, 12, 31),
        company=company,
        move_sequence=entries,
        invoice_sequences=[["create", [sequences]]],
    )
    tryton.press("account.fiscalyear", "create_period", number)


def _payment_term(tryton: Tryton) -> int:
    thirty_days = [["create", [{"type": "remainder", "relativedeltas": [["create", [{"days": 30}]]]}]]]
    return tryton.create("account.invoice.payment_term", name="NET30", lines=thirty_days)


def _warehouses(tryton: Tryton) -> int:
    """Name the warehouse that is there EAST, add an empty WEST, and return EAST."""
    lost = tryton.one("stock.location", [["type", "=", "lost_found"]])
    east = tryton.one("stock.location", [["type", "=", "warehouse"]])
    tryton.write("stock.location", east, name="Warehouse East", code="EAST", lost_found_location=lost)
    zones = {
        f"{zone}_location": tryton.create("stock.location", name=f"West {zone}", code=f"W-{zone}", type="storage")
        for zone in ("input", "output", "storage")
    }
    tryton.create(
        "stock.location",
        name="Warehouse West",
        code="WEST",
        type="warehouse",
        lost_found_location=lost,
        **zones,
    )
    return east


def _items(tryton: Tryton) -> dict[str, int]:
    category = tryton.create(
        "product.category",
        name="Goods",
        accounting=True,
        account_expense=_account(tryton, "expense"),
        account_revenue=_account(tryton, "revenue"),
    )
    unit = tryton.one("product.uom", [["name", "=", "Unit"]])
    for sku, price in ITEMS.items():
        tryton.create(
            "product.template",
            name=sku.replace("-", " "),
            code=sku,
            type="goods",
            default_uom=unit,
            sale_uom=unit,
            salable=True,
            list_price=price,
            account_category=category,
            products=[["create", [{}]]],
        )
    return {item["code"]: item["id"] for item in tryton.search("product.product", [], ["code"])}


def _customers(tryton: Tryton) -> dict[str, int]:
    address = [["create", [{"street": "1 Dock Road", "invoice": True, "delivery": True}]]]
    return {
        name: tryton.create("party.party", name=name, credit_limit_amount=limit, addresses=address)
        for name, limit in CUSTOMERS.items()
    }


def _opening_stock(tryton: Tryton, numbers: _Numbers) -> None:
    lines = [{"product": item, "quantity": float(OPENING_QTY)} for item in numbers.items.values()]
    number = tryton.create(
        "stock.inventory",
        location=tryton.one("stock.location", [["code", "=", "STO"]]),
        date=OPENED_ON,
        empty_quantity="keep",
        lines=[["create", lines]],
    )
    tryton.press("stock.inventory", "confirm", number)


def _order(tryton: Tryton, numbers: _Numbers, order: Order) -> None:
    sale = _sale(tryton, numbers, order)
    tryton.press(_SALE, "quote", sale)
    if order.state is OrderState.CANCELLED:
        tryton.press(_SALE, "cancel", sale)
    if order.state is not OrderState.PROCESSING:
        return
    for button in ("confirm", "process"):
        tryton.press(_SALE, button, sale)
    for leg in order.legs:
        shipment = tryton.one(_SHIPMENT, [["number", "=", leg.number]])
        if leg.in_erp is LegState.SHIPPED and leg.shipped_on is not None:
            tryton.press(_SHIPMENT, "assign_try", shipment)
            ship(tryton, shipment, leg.shipped_on, dict(leg.short), ("pack", "ship", "do"))
            _bill(tryton, sale, leg.shipped_on, order.billing)


def _sale(tryton: Tryton, numbers: _Numbers, order: Order) -> int:
    customer = numbers.customers[order.customer]
    address = tryton.one("party.address", [["party", "=", customer]])
    lines = [
        {
            "type": "line",
            "sequence": line_no,
            "product": numbers.items[line.sku],
            "unit": numbers.unit,
            "quantity": float(line.ordered_qty),
            "unit_price": ITEMS[line.sku],
        }
        for line_no, line in enumerate(order.lines, start=1)
    ]
    return tryton.create(
        _SALE,
        reference=order.number.replace("SO", "PO"),
        party=customer,
        invoice_address=address,
        shipment_address=address,
        company=numbers.company,
        currency=numbers.currency,
        payment_term=numbers.payment_term,
        warehouse=numbers.warehouse,
        sale_date=order.ordered_on,
        invoice_method=_INVOICE_METHOD[order.billing],
        lines=[["create", lines]],
    )


def ship(tryton: Tryton, shipment: int, shipped_on: date, short: dict[int, Decimal], buttons: tuple[str, ...]) -> None:
    """Take an assigned shipment out of the house.

    Args:
        tryton: The system; the old one has other buttons.
        shipment: Its number there.
        shipped_on: The day it leaves.
        short: Line number to the quantity that leaves, where it is less than was asked for.
        buttons: What is pressed after the pick.
    """
    # What is moved without a day of its own is booked on the day of the seeding, long after it left.
    for move in tryton.search("stock.move", [["shipment", "=", f"{_SHIPMENT},{shipment}"]], []):
        tryton.write("stock.move", move["id"], effective_date=shipped_on)
    tryton.press(_SHIPMENT, "pick", shipment)
    of_lines = [["shipment", "=", f"{_SHIPMENT},{shipment}"], ["origin", "like", "sale.line,%"]]
    for move in tryton.search("stock.move", of_lines, ["origin.sequence"]):
        quantity = short.get(move["origin."]["sequence"])
        if quantity is not None:
            tryton.write("stock.move", move["id"], quantity=float(quantity))
    tryton.write(_SHIPMENT, shipment, effective_date=shipped_on)
    for button in buttons:
        tryton.press(_SHIPMENT, button, shipment)


def _bill(tryton: Tryton, sale: int, shipped_on: date, billing: Billing) -> None:
    if billing is not Billing.POSTED:
        return
    for invoice in tryton.search("account.invoice", [["sales", "=", sale], ["state", "=", "draft"]], []):
        tryton.write("account.invoice", invoice["id"], invoice_date=shipped_on)
        tryton.press("account.invoice", "post", invoice["id"])
