"""Tells Tryton 6.0 of the business as a warehouse knows it: items, stock, the orders it was sent, what left.

The warehouse takes an order in as a sale of its own: `reference` is the ERP's order number, `description` the number
of the release. A shipment's `reference` is the number that the ERP gave it. It bills nothing.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from scripts.real_systems.tryton.json_rpc import Tryton
from scripts.real_systems.tryton.seed import ship
from scripts.real_systems.tryton.story import (
    COUNTED,
    COUNTED_ON,
    ITEMS,
    OPENED_ON,
    OPENING_QTY,
    ORDERS,
    Leg,
    LegState,
    Order,
)

_SALE = "sale.sale"
_SHIPMENT = "stock.shipment.out"
_STORAGE = "STO"

SENDER = "ERP"
"""Code of the party in whose name the warehouse takes orders in."""


def seed(tryton: Tryton) -> None:
    """Fill an activated, empty database.

    Raises:
        TrytonError: It refuses something.
    """
    _company(tryton)
    lost = tryton.one("stock.location", [["type", "=", "lost_found"]])
    warehouse = tryton.one("stock.location", [["type", "=", "warehouse"]])
    tryton.write("stock.location", warehouse, name="East", code="EAST", lost_found_location=lost)
    address = [["create", [{"street": "1 Dock Road"}]]]
    tryton.create("party.party", name="Orders of the ERP", code=SENDER, addresses=address)
    items = _items(tryton)
    count(tryton, OPENED_ON, dict.fromkeys(items.values(), OPENING_QTY))
    for order in ORDERS:
        legs = tuple(leg for leg in order.legs if leg.at_site is not LegState.ABSENT)
        if legs:
            _take_in(tryton, order, legs, items)
    sku, change = COUNTED
    count(tryton, COUNTED_ON, {items[sku]: _on_hand(tryton, items[sku], warehouse) + change})


def count(tryton: Tryton, counted_on: date, quantities: dict[int, Decimal]) -> None:
    """Book a count of the storage zone.

    Args:
        tryton: The warehouse.
        counted_on: The day of the count.
        quantities: Number of the item there to what was counted.
    """
    lines = [{"product": item, "quantity": float(quantity)} for item, quantity in quantities.items()]
    number = tryton.create(
        "stock.inventory",
        location=tryton.one("stock.location", [["code", "=", _STORAGE]]),
        date=counted_on,
        empty_quantity="keep",
        lines=[["create", lines]],
    )
    tryton.press("stock.inventory", "confirm", number)


def _company(tryton: Tryton) -> None:
    rates = [["create", [{"date": date(2020, 1, 1), "rate": Decimal(1)}]]]
    currency = tryton.create("currency.currency", name="US Dollar", symbol="$", code="USD", rates=rates)
    party = tryton.create("party.party", name="East Warehousing")
    tryton.run_wizard(
        "company.company.config",
        ("start", "company", {}),
        ("company", "add", {"party": party, "currency": currency}),
    )
    tryton.take_preferences()


def _items(tryton: Tryton) -> dict[str, int]:
    unit = tryton.one("product.uom", [["name", "=", "Unit"]])
    for sku in ITEMS:
        tryton.create(
            "product.template",
            name=sku.replace("-", " "),
            code=sku,
            type="goods",
            default_uom=unit,
            sale_uom=unit,
            salable=True,
            list_price=Decimal(0),
            products=[["create", [{}]]],
        )
    return {item["code"]: item["id"] for item in tryton.search("product.product", [], ["code"])}


def _take_in(tryton: Tryton, order: Order, legs: tuple[Leg, ...], items: dict[str, int]) -> None:
    sender = tryton.one("party.party", [["code", "=", SENDER]])
    address = tryton.one("party.address", [["party", "=", sender]])
    unit = tryton.one("product.uom", [["name", "=", "Unit"]])
    lines = [
        {
            "type": "line",
            "sequence": line_no,
            "product": items[line.sku],
            "unit": unit,
            "quantity": float(line.ordered_qty),
            "unit_price": Decimal(0),
        }
        for line_no, line in enumerate(order.lines, start=1)
    ]
    sale = tryton.create(
        _SALE,
        reference=order.number,
        description=legs[0].number,
        party=sender,
        invoice_address=address,
        shipment_address=address,
        company=tryton.one("company.company", []),
        currency=tryton.one("currency.currency", [["code", "=", "USD"]]),
        warehouse=tryton.one("stock.location", [["type", "=", "warehouse"]]),
        sale_date=order.ordered_on,
        invoice_method="manual",
        lines=[["create", lines]],
    )
    for button in ("quote", "confirm", "process"):
        tryton.press(_SALE, button, sale)
    for leg in legs:
        _work_on(tryton, leg, sale)


def _work_on(tryton: Tryton, leg: Leg, sale: int) -> None:
    """Take the order's newest shipment as far as the leg has come; what it leaves short makes another."""
    newest = tryton.search(_SALE, [["id", "=", sale]], ["shipments"])[0]["shipments"][-1]
    tryton.write(_SHIPMENT, newest, reference=leg.number)
    tryton.press(_SHIPMENT, "assign_try", newest)
    if leg.at_site is LegState.SHIPPED and leg.shipped_on is not None:
        ship(tryton, newest, leg.shipped_on, dict(leg.short), ("pack", "done"))
    elif leg.at_site is LegState.PICKED:
        tryton.press(_SHIPMENT, "pick", newest)


def _on_hand(tryton: Tryton, item: int, warehouse: int) -> Decimal:
    """Return what the warehouse holds of an item in all its zones."""
    within = [["product", "=", item], ["state", "=", "done"]]
    moves = tryton.search("stock.move", within, ["quantity", "from_location", "to_location"])
    zones = {zone["id"] for zone in tryton.search("stock.location", [["parent", "child_of", [warehouse]]], [])}
    into = sum(Decimal(str(move["quantity"])) for move in moves if move["to_location"] in zones)
    out = sum(Decimal(str(move["quantity"])) for move in moves if move["from_location"] in zones)
    return Decimal(into - out)
