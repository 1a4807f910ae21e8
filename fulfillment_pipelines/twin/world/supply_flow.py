"""Expected receipts in the ERP: announced with the demand they answer, settled when the ERP books them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT
from fulfillment_pipelines.twin.world.commercial_tables import inbound_supply
from fulfillment_pipelines.twin.world.plan import Kind
from fulfillment_pipelines.twin.world.truth_tables import plan, true_movements

_PLANNED_EVERY = 10  # the others are confirmed by their supplier


def announce_supply(books: Books, at: int) -> None:
    """Let the ERP expect the receipts that were dealt and that it does not know yet."""
    receipts = books.truth.execute(
        select(true_movements, plan.c.at.label("expected_at"))
        .join(plan, (plan.c.subject == true_movements.c.movement_id) & (plan.c.kind == Kind.MOVE_STOCK))
        .where(true_movements.c.movement_type == "RECEIPT", ~true_movements.c.announced)
        .order_by(true_movements.c.movement_id)
    ).all()
    if not receipts:
        return
    books.erp.execute(
        insert(inbound_supply),
        [
            {
                "supply_no": supply_no(row.movement_no),
                "site": row.node,
                "sku": row.sku,
                "uom": BASE_UNIT,
                "qty": row.qty,
                "status": "PLANNED" if row.movement_id % _PLANNED_EVERY == 0 else "CONFIRMED",
                "expected_at": row.expected_at,
                "updated_at": at,
            }
            for row in receipts
        ],
    )
    books.truth.execute(
        update(true_movements).where(true_movements.c.movement_type == "RECEIPT").values(announced=True)
    )


def settle_supply(books: Books, receipts: Iterable[tuple[str, int]]) -> None:
    """Let the ERP settle expected receipts, given as (movement_no, moment of booking)."""
    rows = [{"key": supply_no(movement_no), "moment": at} for movement_no, at in receipts]
    if rows:
        books.erp.execute(
            update(inbound_supply)
            .where(inbound_supply.c.supply_no == bindparam("key"))
            .values(status="RECEIVED", updated_at=bindparam("moment")),
            rows,
        )


def supply_no(movement_no: str) -> str:
    """Return the number under which the ERP expects a receipt."""
    return movement_no.replace("MV-", "PL-")
