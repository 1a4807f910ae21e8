"""Columns that mean the same in every contract, and short names for the types. Nothing else belongs here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType

TEXT: Final = ColumnType.TEXT
INTEGER: Final = ColumnType.INTEGER
QUANTITY: Final = ColumnType.QUANTITY
AMOUNT: Final = ColumnType.AMOUNT
PRICE: Final = ColumnType.PRICE
INSTANT: Final = ColumnType.INSTANT

ORDER_ID: Final = Column("order_id", TEXT, "Order number as the system that speaks knows it.")
LINE_NO: Final = Column("line_no", INTEGER, "Line number within the order.", minimum=1)
NODE_OPTIONAL: Final = Column("node", TEXT, "Fulfilment site, where one is assigned.", required=False)
NODE: Final = Column("node", TEXT, "Fulfilment site.")
SKU: Final = Column("sku", TEXT, "Item number.")
UOM: Final = Column("uom", TEXT, "Unit the quantities of the row are in.")
CURRENCY: Final = Column("currency", TEXT, "ISO 4217 code of the row's amounts.")
