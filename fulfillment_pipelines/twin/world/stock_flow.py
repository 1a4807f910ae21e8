"""Stock: opening balances, movements at the sites and their booking in the ERP, and every change of a position.

The arithmetic of positions lives here alone: ATP = on hand - allocated (ERP), free = on hand - reserved (WMS).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, ITEM_BY_SKU, ITEMS, NODES, Node
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.supply_flow import settle_supply
from fulfillment_pipelines.twin.world.system_tables import inventory, inventory_adjustments, stock, stock_movements
from fulfillment_pipelines.twin.world.timing import next_cycle
from fulfillment_pipelines.twin.world.truth_tables import true_movements


@dataclass(frozen=True, slots=True)
class PositionChange:
    """A signed change of one position, in base units; `promised` is allocated (ERP) or reserved (WMS)."""

    node: str
    sku: str
    on_hand: int = 0
    promised: int = 0


def open_positions(books: Books, opening: Mapping[tuple[str, str], int], at: int) -> None:
    """Enter the opening balance of every (node, sku), in base units, at the ERP and at the sites."""
    books.erp.execute(
        insert(inventory),
        [
            {
                "site": node,
                "sku": sku,
                "uom": BASE_UNIT,
                "on_hand": quantity,
                "allocated": 0,
                "atp": quantity,
                "updated_at": at,
            }
            for (node, sku), quantity in opening.items()
        ],
    )
    for node in NODES:
        counted = [(item, opening[node, item.sku] // item.factor_at(node)) for item in ITEMS]
        books.wms[node].execute(
            insert(stock),
            [
                {"item": item.sku, "unit": item.unit_at(node), "on_hand": count, "reserved": 0, "free": count}
                for item, count in counted
            ],
        )


def change_erp_positions(erp: Connection, changes: Iterable[PositionChange], at: int) -> None:
    """Add changes to the ERP's positions."""
    table = inventory.c
    statement = (
        update(inventory)
        .where(table.site == bindparam("node_key"), table.sku == bindparam("sku_key"))
        .values(
            on_hand=table.on_hand + bindparam("on_hand_change"),
            allocated=table.allocated + bindparam("promised_change"),
            atp=table.atp + bindparam("on_hand_change") - bindparam("promised_change"),
            updated_at=at,
        )
    )
    rows = [
        {
            "node_key": change.node,
            "sku_key": change.sku,
            "on_hand_change": change.on_hand,
            "promised_change": change.promised,
        }
        for change in _summed(changes)
    ]
    if rows:
        erp.execute(statement, rows)


def change_site_positions(books: Books, changes: Iterable[PositionChange]) -> None:
    """Add changes to the positions of the sites, in the unit each site counts in."""
    table = stock.c
    statement = (
        update(stock)
        .where(table.item == bindparam("sku_key"))
        .values(
            on_hand=table.on_hand + bindparam("on_hand_change"),
            reserved=table.reserved + bindparam("promised_change"),
            free=table.free + bindparam("on_hand_change") - bindparam("promised_change"),
        )
    )
    rows: dict[str, list[dict[str, int | str]]] = defaultdict(list)
    for change in _summed(changes):
        factor = ITEM_BY_SKU[change.sku].factor_at(change.node)
        rows[change.node].append(
            {
                "sku_key": change.sku,
                "on_hand_change": change.on_hand // factor,
                "promised_change": change.promised // factor,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(statement, of_node)


def move_stock(books: Books, until: int) -> None:
    """Let the sites receive and count stock, and plan the booking in the ERP."""
    movements = due(books.truth, Kind.MOVE_STOCK, until, true_movements)
    log_movements(
        books, [(row.movement_no, row.node, row.sku, row.qty, row.movement_type, row.at) for row in movements]
    )
    change_site_positions(books, (PositionChange(row.node, row.sku, on_hand=row.qty) for row in movements))
    schedule(
        books.truth,
        Kind.BOOK_MOVEMENT,
        ((sent_from(row.node, row.at) + row.publish_lag, row.movement_id) for row in movements if not row.publish_lost),
    )
    discard_due(books.truth, Kind.MOVE_STOCK, until)


def book_movements(books: Books, until: int) -> None:
    """Let the ERP book what the sites published."""
    movements = due(books.truth, Kind.BOOK_MOVEMENT, until, true_movements)
    if movements:
        changes = [PositionChange(row.node, row.sku, on_hand=row.qty) for row in movements]
        change_erp_positions(books.erp, changes, max(row.at for row in movements))
    settle_supply(books, ((row.movement_no, row.at) for row in movements if row.movement_type == "RECEIPT"))
    adjustments = [
        {
            "reference": row.movement_no,
            "site": row.node,
            "sku": row.sku,
            "qty": row.qty,
            "reason": None,
            "booked_at": row.at,
            "updated_at": row.at,
        }
        for row in movements
        if row.movement_type == "ADJUSTMENT"
    ]
    if adjustments:
        books.erp.execute(insert(inventory_adjustments), adjustments)
    discard_due(books.truth, Kind.BOOK_MOVEMENT, until)


def log_movements(books: Books, movements: Iterable[tuple[str, str, str, int, str, int]]) -> None:
    """Write (movement_no, node, sku, signed base units, type, moment) into the movement logs of the sites."""
    rows: dict[str, list[dict[str, int | str]]] = defaultdict(list)
    for movement_no, node, sku, quantity, movement_type, at in movements:
        item = ITEM_BY_SKU[sku]
        rows[node].append(
            {
                "movement_no": movement_no,
                "item": sku,
                "unit": item.unit_at(node),
                "qty": quantity // item.factor_at(node),
                "movement_type": movement_type,
                "moved_at": at,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(stock_movements), of_node)


def sent_from(node: str, at: int) -> int:
    """Return when a site's message leaves it: the legacy site sends with its next cycle only."""
    return next_cycle(at) if node == Node.NORTH else at


def _summed(changes: Iterable[PositionChange]) -> list[PositionChange]:
    sums: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for change in changes:
        on_hand, promised = sums[change.node, change.sku]
        sums[change.node, change.sku] = (on_hand + change.on_hand, promised + change.promised)
    return [PositionChange(node, sku, *totals) for (node, sku), totals in sums.items()]
