"""How numbers, moments and amounts of a standing distributor are written. Arrays in, Arrow columns out."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fulfillment_pipelines.twin.volume.demand import EDI, PORTAL, Flags, Orders, Whole
from fulfillment_pipelines.twin.world.catalogue import NODES

NODE_NAMES: Final = tuple(node.value for node in NODES)
CHANNEL_NAMES: Final = ("PORTAL", "EDI", "INSIDE_SALES")
_DIGITS: Final = 9
_CENT: Final = Decimal("0.01")
PARTNER: Final = "PARTNER"
_PREFIXES: Final = {PORTAL: "WEB", EDI: PARTNER}


def numbered(prefix: str, number: Whole, digits: int = _DIGITS) -> pa.Array:
    """Return `prefix-000000042` for each number."""
    text = pc.utf8_lpad(pa.array(number).cast(pa.string()), digits, "0")
    return pc.binary_join_element_wise(prefix, text, "-")


def joined(*parts: pa.Array | Whole | str, separator: str = "/") -> pa.Array:
    """Return the parts of each row joined by a separator."""
    texts = [pa.array(part).cast(pa.string()) if isinstance(part, np.ndarray) else part for part in parts]
    return pc.binary_join_element_wise(*texts, separator)


def order_names(orders: Orders, at: Whole) -> pa.Array:
    """Return the ERP's order numbers of the orders at some positions."""
    return numbered("SO", orders.no[at])


def purchase_orders(orders: Orders, at: Whole) -> pa.Array:
    """Return the customers' own numbers of the orders at some positions."""
    return pc.utf8_lpad(pa.array(orders.no[at]).cast(pa.string()), _DIGITS, "0")


def named(orders: Orders, at: Whole) -> pa.Array:
    """Return the channel's own numbers of the orders at some positions; null for what no channel knows."""
    number = orders.no[at]
    channel = orders.channel[at]
    web = numbered(_PREFIXES[PORTAL], number)
    edi = numbered(_PREFIXES[EDI], number)
    from_portal, from_edi = pa.array(channel == PORTAL), pa.array(channel == EDI)
    return pc.if_else(from_portal, web, pc.if_else(from_edi, edi, pa.scalar(None, pa.string())))


def shipment_names(number: Whole) -> pa.Array:
    """Return the numbers of shipments."""
    return numbered("SH", number)


def sku_names(item: Whole) -> pa.Array:
    """Return the item numbers."""
    return numbered("ITM", item, 6)


def customer_names(customer: Whole) -> pa.Array:
    """Return the customer numbers."""
    return numbered("C", customer, 6)


def node_names(node: Whole) -> pa.Array:
    """Return the sites' names."""
    return chosen(NODE_NAMES, node)


def chosen(words: tuple[str, ...], index: npt.NDArray[np.integer]) -> pa.Array:
    """Return the word at each index."""
    return pa.array(words).take(pa.array(index))


def said(word: str | None, count: int) -> pa.Array:
    """Return the same word for every row; null where a system does not say it."""
    return pa.repeat(pa.scalar(word, pa.string()), count)


def instants(at: Whole, known: Flags | None = None) -> pa.Array:
    """Return epoch seconds as UTC moments; null where the step is not known."""
    return pa.array(at, pa.int64(), mask=None if known is None else ~known).cast(pa.timestamp("s", tz="UTC"))


def amounts(cents: Whole) -> pa.Array:
    """Return amounts in cents as decimals with two places."""
    whole = pc.cast(pa.array(cents, pa.int64()), pa.decimal128(19, 0))
    return pc.multiply(whole, pa.scalar(_CENT, pa.decimal128(3, 2)))
