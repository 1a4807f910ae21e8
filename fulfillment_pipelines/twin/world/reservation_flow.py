"""Reservations at the sites: made with a release, used up by departures, set and freed; stock follows each of them.

`reserved` of a position is the sum of its reservations: whatever changes one of them goes through here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU
from fulfillment_pipelines.twin.world.order_flow import chunks
from fulfillment_pipelines.twin.world.site_tables import reservations
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_site_positions


def reservation_no(line_id: int) -> str:
    """Return the number of the reservation a line has at its site."""
    return f"RS-{line_id:06d}"


def reserve_lines(books: Books, lines: Sequence[Row[Any]], quantity: dict[int, int]) -> None:
    """Let the sites set stock aside for lines they took in.

    Args:
        books: The open books.
        lines: True lines with their `order_no`, and in `at` the moment.
        quantity: Base units by line.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        item = ITEM_BY_SKU[line.sku]
        rows[line.node].append(
            {
                "reservation_no": reservation_no(line.line_id),
                "item": line.sku,
                "unit": item.unit_at(line.node),
                "qty": quantity[line.line_id] // item.factor_at(line.node),
                "order_no": line.order_no,
                "line_no": line.line_no,
                "reserved_at": line.at,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(reservations), of_node)
    change_site_positions(
        books, [PositionChange(line.node, line.sku, promised=quantity[line.line_id]) for line in lines]
    )


def use_reservations(books: Books, legs: Sequence[Row[Any]]) -> None:
    """Let departures use up what was set aside for their lines, as far as something was."""
    wanted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for leg in legs:
        wanted[leg.node][reservation_no(leg.line_id)] += leg.qty
    for node, of_node in wanted.items():
        left = {
            row: max(0, row.qty - of_node[row.reservation_no] // ITEM_BY_SKU[row.item].factor_at(node))
            for row in _reserved(books, node, of_node)
        }
        _keep(books, node, [(row.reservation_no, qty) for row, qty in left.items() if qty])
        _drop(books, node, [row.reservation_no for row, qty in left.items() if not qty])
        change_site_positions(
            books,
            [
                PositionChange(node, row.item, promised=(qty - row.qty) * ITEM_BY_SKU[row.item].factor_at(node))
                for row, qty in left.items()
            ],
        )


def set_reservation(books: Books, node: str, row: Row[Any], qty: int) -> None:
    """Change the quantity of a reservation, in the unit of its site; nothing is left of one of 0."""
    if qty:
        _keep(books, node, [(row.reservation_no, qty)])
    else:
        _drop(books, node, [row.reservation_no])
    factor = ITEM_BY_SKU[row.item].factor_at(node)
    change_site_positions(books, [PositionChange(node, row.item, promised=(qty - row.qty) * factor)])


def add_reservation(
    books: Books,
    node: str,
    number: str,
    sku: str,
    quantity: int,
    *,
    at: int,
    line: tuple[str, int] | None = None,
) -> None:
    """Let a site set base units of an item aside; without a line, for nobody."""
    item = ITEM_BY_SKU[sku]
    order_no, line_no = line or (None, None)
    books.wms[node].execute(
        insert(reservations).values(
            reservation_no=number,
            item=sku,
            unit=item.unit_at(node),
            qty=quantity // item.factor_at(node),
            order_no=order_no,
            line_no=line_no,
            reserved_at=at,
        )
    )
    change_site_positions(books, [PositionChange(node, sku, promised=quantity)])


def reservation_of(books: Books, node: str, number: str) -> Row[Any] | None:
    """Return a reservation of a site, if it is there."""
    return books.wms[node].execute(select(reservations).where(reservations.c.reservation_no == number)).one_or_none()


def keep_at_most(books: Books, node: str, line_id: int, quantity: int) -> None:
    """Let a site give free what it has set aside for a line beyond a quantity of base units."""
    row = reservation_of(books, node, reservation_no(line_id))
    if row is not None:
        most = quantity // ITEM_BY_SKU[row.item].factor_at(node)
        set_reservation(books, node, row, min(row.qty, most))


def _reserved(books: Books, node: str, numbers: dict[str, int]) -> list[Row[Any]]:
    return [
        row
        for chunk in chunks(sorted(numbers))
        for row in books.wms[node].execute(select(reservations).where(reservations.c.reservation_no.in_(chunk)))
    ]


def _keep(books: Books, node: str, quantities: Sequence[tuple[str, int]]) -> None:
    if quantities:
        books.wms[node].execute(
            update(reservations)
            .where(reservations.c.reservation_no == bindparam("number"))
            .values(qty=bindparam("quantity")),
            [{"number": number, "quantity": quantity} for number, quantity in quantities],
        )


def _drop(books: Books, node: str, numbers: Sequence[str]) -> None:
    for chunk in chunks(numbers):
        books.wms[node].execute(delete(reservations).where(reservations.c.reservation_no.in_(chunk)))
