"""Credit holds: placed and resolved by finance, published to the ERP and to the sites, and what they block.

A published hold is active in a system from `active_from` until `active_until` of its view.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import NODES, Node
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, postpone, schedule
from fulfillment_pipelines.twin.world.system_tables import credit_holds, erp_holds, order_holds
from fulfillment_pipelines.twin.world.timing import NEVER_AT, next_cycle
from fulfillment_pipelines.twin.world.truth_tables import hold_views, plan, true_holds, true_lines, true_orders

ERP_SYSTEM = "ERP"
CREDIT_DESK = "finance"

_WORK_AFTER_CLEARING_SECONDS = 60


def place_holds(books: Books, until: int) -> None:
    """Let finance place holds and plan their publication."""
    order = (true_orders, true_orders.c.order_id == true_holds.c.order_id)
    holds = due(books.truth, Kind.PLACE_HOLD, until, true_holds, order)
    for hold in holds:
        books.finance.execute(
            insert(credit_holds).values(
                hold_no=hold.hold_no,
                order_no=hold.order_no,
                status="CREATED",
                placed_by=CREDIT_DESK,
                placed_at=hold.at,
            )
        )
        books.truth.execute(update(true_holds).where(true_holds.c.hold_id == hold.hold_id).values(placed_at=hold.at))
        schedule(books.truth, Kind.PUBLISH_HOLD, _publications(books, hold))
    schedule(books.truth, Kind.RESOLVE_HOLD, ((hold.at + hold.resolve_lag, hold.hold_id) for hold in holds))
    discard_due(books.truth, Kind.PLACE_HOLD, until)


def publish_holds(books: Books, until: int) -> None:
    """Let the ERP and the sites learn of holds."""
    hold = (true_holds, true_holds.c.hold_id == hold_views.c.hold_id)
    order = (true_orders, true_orders.c.order_id == true_holds.c.order_id)
    for view in due(books.truth, Kind.PUBLISH_HOLD, until, hold_views, hold, order):
        shown = {
            "hold_no": view.hold_no,
            "order_no": view.order_no,
            "status": "CREATED",
            "placed_by": CREDIT_DESK,
            "placed_at": view.placed_at,
        }
        if view.system == ERP_SYSTEM:
            books.erp.execute(insert(erp_holds).values(type="CREDIT", updated_at=view.at, **shown))
        else:
            books.wms[view.system].execute(insert(order_holds).values(hold_type="CREDIT", **shown))
        books.truth.execute(update(hold_views).where(hold_views.c.view_id == view.view_id).values(active_from=view.at))
    discard_due(books.truth, Kind.PUBLISH_HOLD, until)


def resolve_holds(books: Books, until: int) -> None:
    """Let finance resolve holds and plan the publication of that."""
    for hold in due(books.truth, Kind.RESOLVE_HOLD, until, true_holds):
        books.finance.execute(
            update(credit_holds)
            .where(credit_holds.c.hold_no == hold.hold_no)
            .values(status="RESOLVED", resolved_at=hold.at)
        )
        books.truth.execute(update(true_holds).where(true_holds.c.hold_id == hold.hold_id).values(resolved_at=hold.at))
        schedule(books.truth, Kind.CLEAR_HOLD, _publications(books, hold))
    discard_due(books.truth, Kind.RESOLVE_HOLD, until)


def clear_holds(books: Books, until: int) -> None:
    """Let the ERP and the sites learn that holds are resolved."""
    hold = (true_holds, true_holds.c.hold_id == hold_views.c.hold_id)
    for view in due(books.truth, Kind.CLEAR_HOLD, until, hold_views, hold):
        clear_hold_view(books, view, view.resolved_at, view.at)
    discard_due(books.truth, Kind.CLEAR_HOLD, until)


def clear_hold_view(books: Books, view: Row[Any], resolved_at: int, at: int) -> None:
    """Resolve a hold in one system and let the work it blocked there go on.

    Args:
        books: The open books.
        view: View of the hold, with its `hold_no`.
        resolved_at: When the hold was resolved, as the system is told.
        at: When the system is told.
    """
    if view.active_until is not None:
        return
    if view.system == ERP_SYSTEM:
        books.erp.execute(
            update(erp_holds)
            .where(erp_holds.c.hold_no == view.hold_no)
            .values(status="RESOLVED", resolved_at=resolved_at, updated_at=at)
        )
    else:
        books.wms[view.system].execute(
            update(order_holds)
            .where(order_holds.c.hold_no == view.hold_no)
            .values(status="RESOLVED", resolved_at=resolved_at)
        )
    books.truth.execute(update(hold_views).where(hold_views.c.view_id == view.view_id).values(active_until=at))
    _wake_blocked(books, view.order_id, view.system, at)


def postpone_blocked(books: Books, kind: Kind, until: int) -> None:
    """Move the due releases (ERP) or picks (WMS) that a hold blocks behind the end of the hold."""
    moved = True
    while moved:
        moments = [
            (
                row.plan_id,
                NEVER_AT if row.active_until is None else row.active_until + _WORK_AFTER_CLEARING_SECONDS,
            )
            for row in _blocked(books, kind, until)
        ]
        postpone(books.truth, moments)
        moved = any(at <= until for _, at in moments)


def apply_erp_hold(books: Books, order_id: int, hold_no: str, hold_type: str, at: int) -> None:
    """Place a hold at the ERP alone: it blocks the order's releases until it is resolved."""
    order_no = books.truth.execute(
        select(true_orders.c.order_no).where(true_orders.c.order_id == order_id)
    ).scalar_one()
    books.erp.execute(
        insert(erp_holds).values(
            hold_no=hold_no,
            order_no=order_no,
            type=hold_type,
            status="CREATED",
            placed_by="erp",
            placed_at=at,
            updated_at=at,
        )
    )
    hold_id = books.truth.execute(
        insert(true_holds).values(hold_no=hold_no, order_id=order_id, place_lag=0, resolve_lag=0, placed_at=at)
    ).lastrowid
    books.truth.execute(
        insert(hold_views).values(hold_id=hold_id, order_id=order_id, system=ERP_SYSTEM, publish_lag=0, active_from=at)
    )


def _publications(books: Books, hold: Row[Any]) -> list[tuple[int, int]]:
    views = books.truth.execute(select(hold_views).where(hold_views.c.hold_id == hold.hold_id)).all()
    clearing = hold.placed_at is not None
    return [
        (_told(view.system, hold.at, view.publish_lag), view.view_id)
        for view in views
        if not (clearing and view.clear_lost)
    ]


def _told(system: str, at: int, lag: int) -> int:
    return next_cycle(at) if system == Node.NORTH else at + lag


def _blocked(books: Books, kind: Kind, until: int) -> list[Row[Any]]:
    systems = [ERP_SYSTEM] if kind is Kind.RELEASE_LINE else list(NODES)
    at_system = hold_views.c.system == (ERP_SYSTEM if kind is Kind.RELEASE_LINE else true_lines.c.node)
    query = (
        select(plan.c.plan_id, plan.c.at, hold_views.c.active_until)
        .join(true_lines, plan.c.subject == true_lines.c.line_id)
        .join(hold_views, (hold_views.c.order_id == true_lines.c.order_id) & at_system)
        .where(
            plan.c.kind == kind,
            plan.c.at <= until,
            hold_views.c.system.in_(systems),
            hold_views.c.active_from <= plan.c.at,
            (hold_views.c.active_until.is_(None)) | (hold_views.c.active_until > plan.c.at),
        )
    )
    return list(books.truth.execute(query))


def _wake_blocked(books: Books, order_id: int, system: str, at: int) -> None:
    kind = Kind.RELEASE_LINE if system == ERP_SYSTEM else Kind.PICK_LINE
    of_system = true_lines.c.order_id == order_id
    if system != ERP_SYSTEM:
        of_system &= true_lines.c.node == system
    waiting = books.truth.execute(
        select(plan.c.plan_id)
        .join(true_lines, plan.c.subject == true_lines.c.line_id)
        .where(of_system, plan.c.kind == kind, plan.c.at == NEVER_AT)
    ).scalars()
    postpone(books.truth, [(plan_id, at + _WORK_AFTER_CLEARING_SECONDS) for plan_id in waiting])
