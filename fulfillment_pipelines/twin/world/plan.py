"""The message plan: what will be delivered or done, to what, when.

Kinds are declared in the order of cause and effect: applying them in this order, each over the whole step, gives the
same world as applying every message at its own moment, because a kind only ever plans later kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, delete, insert, select, update

from fulfillment_pipelines.twin.world.truth_tables import plan


class Kind(StrEnum):
    """What a row of the plan does; the comment names the truth row it is about."""

    MOVE_STOCK = "move_stock"  # movement
    BOOK_MOVEMENT = "book_movement"  # movement
    PLACE_ORDER = "place_order"  # order
    CREATE_ORDER = "create_order"  # order
    AMEND_ORDER = "amend_order"  # order
    TAKE_OVER_AMENDMENT = "take_over_amendment"  # order
    ALLOCATE_LINE = "allocate_line"  # line
    CANCEL_LINE = "cancel_line"  # line
    PLACE_HOLD = "place_hold"  # hold
    PUBLISH_HOLD = "publish_hold"  # hold view
    RESOLVE_HOLD = "resolve_hold"  # hold
    CLEAR_HOLD = "clear_hold"  # hold view
    RELEASE_LINE = "release_line"  # line
    TAKE_IN_RELEASE = "take_in_release"  # line
    RECORD_RELEASE = "record_release"  # line
    PICK_PART = "pick_part"  # line
    PICK_LINE = "pick_line"  # line
    PACK_LEG = "pack_leg"  # leg
    SHIP_LEG = "ship_leg"  # leg
    CONFIRM_LEG = "confirm_leg"  # leg
    INVOICE_LEG = "invoice_leg"  # leg
    POST_INVOICE = "post_invoice"  # leg
    RECEIVE_RETURN = "receive_return"  # return
    BOOK_RETURN = "book_return"  # return
    CREDIT_RETURN = "credit_return"  # return


# made once: most kinds have nothing due in a short step, and making a statement costs more than running it
_IS_DUE = (plan.c.kind == bindparam("kind"), plan.c.at <= bindparam("until"))
_ANY_DUE = select(plan.c.plan_id).where(*_IS_DUE).limit(1)
_DISCARD_DUE = delete(plan).where(*_IS_DUE)


def due(
    truth: Connection, kind: Kind, until: int, subject: Table, *joined: tuple[Table, ColumnElement[bool]]
) -> Sequence[Row[Any]]:
    """Return the due rows of a kind, joined to the truth they are about, in the order of their moments.

    Columns of joined tables that share a name with the subject's are left out.
    """
    if truth.execute(_ANY_DUE, {"kind": kind, "until": until}).first() is None:
        return []
    columns: dict[str, ColumnElement[Any]] = {"plan_id": plan.c.plan_id, "at": plan.c.at}
    source: Any = plan.join(subject, plan.c.subject == next(iter(subject.primary_key)))
    for table, condition in joined:
        source = source.join(table, condition)
    for table in (subject, *(table for table, _ in joined)):
        for column in table.c:
            columns.setdefault(column.name, column)
    query = (
        select(*(column.label(name) for name, column in columns.items()))
        .select_from(source)
        .where(plan.c.kind == kind, plan.c.at <= until)
        .order_by(plan.c.at, plan.c.subject)
    )
    return truth.execute(query).all()


def schedule(truth: Connection, kind: Kind, messages: Iterable[tuple[int, int]]) -> None:
    """Plan messages of a kind, given as (moment, subject)."""
    rows = [{"kind": kind, "at": at, "subject": subject} for at, subject in messages]
    if rows:
        truth.execute(insert(plan), rows)


def discard_due(truth: Connection, kind: Kind, until: int) -> None:
    """Remove the messages of a kind that were applied."""
    truth.execute(_DISCARD_DUE, {"kind": kind, "until": until})


def withdraw(truth: Connection, kinds: Iterable[Kind], subject: int) -> None:
    """Remove what is planned for a subject, so that it never happens."""
    truth.execute(delete(plan).where(plan.c.kind.in_(list(kinds)), plan.c.subject == subject))


def postpone(truth: Connection, moments: Iterable[tuple[int, int]]) -> None:
    """Move planned messages, given as (plan_id, new moment)."""
    for plan_id, at in moments:
        truth.execute(update(plan).where(plan.c.plan_id == plan_id).values(at=at))
