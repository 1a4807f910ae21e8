"""Contracts about customers, items, prices and the numbers partners use for them. Only declarations belong here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import CURRENCY, INSTANT, PRICE, SKU, TEXT, UOM
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

MASTER_DATA: Final = (
    Contract(
        name="customers",
        version=1,
        about="One row per customer in one system.",
        key=("customer_id",),
        columns=(
            Column("customer_id", TEXT, "Customer number."),
            Column("customer_name", TEXT, "Name of the customer.", required=False),
            Column("status", TEXT, "Whether it may order.", codes=("ACTIVE", "BLOCKED", "CLOSED")),
            Column("payment_terms", TEXT, "Terms of payment agreed with it.", required=False),
        ),
    ),
    Contract(
        name="customer_locations",
        version=1,
        about="One row per place that a customer has goods sent to.",
        key=("customer_id", "ship_to_id"),
        columns=(
            Column("customer_id", TEXT, "Customer number."),
            Column("ship_to_id", TEXT, "Number of the place."),
            Column("status", TEXT, "Whether it is used.", codes=("ACTIVE", "CLOSED")),
        ),
    ),
    Contract(
        name="items",
        version=1,
        about="One row per item in one system.",
        key=("sku",),
        columns=(
            SKU,
            Column("base_uom", TEXT, "Unit its stock is kept in."),
            Column("abc_class", TEXT, "Class for counting and tolerances.", required=False, codes=("A", "B", "C")),
            Column(
                "temperature_class", TEXT, "How it must travel.", required=False, codes=("AMBIENT", "COLD", "FROZEN")
            ),
            Column("status", TEXT, "Whether it is sold.", codes=("ACTIVE", "DISCONTINUED")),
        ),
    ),
    Contract(
        name="cross_references",
        version=1,
        about="One row per number of a partner and what it stands for in the ERP.",
        key=("reference_type", "party_id", "foreign_id", "own_id"),
        columns=(
            Column("reference_type", TEXT, "What kind of number it is.", codes=("ITEM", "CUSTOMER", "UOM", "SERVICE")),
            Column("party_id", TEXT, "Customer or carrier that uses the number."),
            Column("foreign_id", TEXT, "The partner's number."),
            Column("own_id", TEXT, "The number in the ERP."),
        ),
    ),
    Contract(
        name="contract_prices",
        version=1,
        about="One row per price agreed with a customer for an item and a time.",
        key=("customer_id", "sku", "valid_from_at"),
        columns=(
            Column("customer_id", TEXT, "Customer number."),
            SKU,
            UOM,
            Column("unit_price", PRICE, "Agreed price of one `uom`.", minimum=0),
            CURRENCY,
            Column("valid_from_at", INSTANT, "From when the price holds."),
            Column("valid_until_at", INSTANT, "Until when it holds.", required=False),
        ),
    ),
)
