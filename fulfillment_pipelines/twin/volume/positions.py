"""Stock of a standing distributor: what every item and site has, added up over all pieces.

Stock is opened so high that nothing runs short; each position has one receipt, at the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.answers.sites import waiting_qty
from fulfillment_pipelines.twin.volume.demand import Flags, Whole
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, NODES

_SPARE_QTY: Final = 500
_REKEYED_QTY: Final = 75
_FAULTS_PIECE: Final = 2_000_000


class Positions:
    """Quantities by item and site.

    Args:
        shape: The distributor; its fault share also strikes positions (INV-01).
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        size = len(NODES) * shape.item_count
        self._demanded = np.zeros(size, np.int64)
        self._shipped = np.zeros(size, np.int64)
        self._confirmed = np.zeros(size, np.int64)
        self._reserved = np.zeros(size, np.int64)
        dealt = shape.randomness(_FAULTS_PIECE)
        self._is_rekeyed: Flags = dealt.random(size) < shape.fault_share
        self._is_rekeyed[dealt.integers(0, size)] = True

    def add(self, facts: Facts) -> None:
        """Add what happened in one piece."""
        lines, legs = facts.piece.lines, facts.piece.legs
        at_line = facts.piece.orders.node[facts.line_order] * self._shape.item_count + lines.item
        self._count(self._demanded, at_line, lines.qty * facts.in_erp[facts.line_order])
        self._count(self._reserved, at_line, waiting_qty(facts) * facts.taken_in)
        self._count(self._shipped, at_line[legs.line], legs.qty * facts.shipped)
        self._count(self._confirmed, at_line[legs.line], facts.confirmed_qty * facts.confirmed)

    def erp_rows(self) -> pa.Table:
        """Return the ERP's positions; a rekeyed one says more than there is."""
        at = np.arange(self._demanded.size)
        on_hand = self._opening() - self._confirmed + self._is_rekeyed * _REKEYED_QTY
        allocated = self._demanded - self._confirmed
        return pa.table(
            {
                "site": names.node_names(at // self._shape.item_count),
                **self._item_columns(at),
                "on_hand": on_hand,
                "allocated": allocated,
                "atp": on_hand - allocated,
            }
        )

    def site_rows(self, node: int) -> pa.Table:
        """Return a site's positions."""
        at = self._of(node)
        on_hand = (self._opening() - self._shipped)[at]
        return pa.table(
            {
                **self._item_columns(at, "item", "unit"),
                "on_hand": on_hand,
                "reserved": self._reserved[at],
                "free": on_hand - self._reserved[at],
            }
        )

    def movement_rows(self, node: int) -> pa.Table:
        """Return a site's receipts."""
        at = self._of(node)
        return pa.table(
            {
                "movement_no": names.numbered("MV", at),
                **self._item_columns(at, "item", "unit"),
                "qty": self._opening()[at],
                "movement_type": names.said("RECEIPT", at.size),
                "moved_at": names.instants(np.full(at.size, self._shape.begins_at)),
            }
        )

    def label_rows(self) -> pa.Table:
        """Return the labels of the positions that were rekeyed in the ERP."""
        at = np.flatnonzero(self._is_rekeyed)
        return pa.table(
            {
                "code": pa.array(["INV-01"] * at.size, pa.string()),
                "business_key": names.sku_names(at % self._shape.item_count),
                "node": names.node_names(at // self._shape.item_count),
            }
        )

    def _opening(self) -> Whole:
        return self._demanded + _SPARE_QTY

    def _of(self, node: int) -> Whole:
        return np.arange(self._shape.item_count) + node * self._shape.item_count

    def _item_columns(self, at: Whole, item: str = "sku", unit: str = "uom") -> Mapping[str, pa.Array]:
        return {item: names.sku_names(at % self._shape.item_count), unit: names.said(BASE_UNIT, at.size)}

    @staticmethod
    def _count(counted: Whole, at: Whole, qty: Whole) -> None:
        counted += np.bincount(at, weights=qty, minlength=counted.size).astype(np.int64)
