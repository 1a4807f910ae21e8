"""Orders to look at: those that a number, name or item stands for, else those in trouble, the latest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.one_moment import Asking, asking
from fulfillment_pipelines.console.reading.order_page import require_subject
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.case_trail import TroubledOrder, troubled_orders

_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of the list.

    Attributes:
        order_id: Its number.
        about: What the lake says of it; empty where it does not.
        trouble: Its open cases; None where there are none.
        found_by: By what it was found; empty in the list of troubles.
    """

    order_id: str
    about: Mapping[str, Any]
    trouble: TroubledOrder | None
    found_by: str


@dataclass(frozen=True, slots=True)
class OrderList:
    """Orders to look at.

    Attributes:
        find: What was looked for; empty for orders in trouble.
        rows: The orders.
        nearest: Why nothing was found, with what comes nearest; None where something was.
        lake_problem: Why the lake does not answer; None where it does.
        now: The moment it speaks of.
    """

    find: str
    rows: Sequence[OrderRow]
    nearest: FulfillmentError | None
    lake_problem: FulfillmentError | None
    now: datetime


def read_order_list(console: Console, find: str) -> OrderList:
    """Return the orders that a text stands for; those in trouble where it is empty."""
    now, wanted = console.now(), find.strip()
    with console.reading() as work:
        troubles = {one.order_id: one for one in troubled_orders(work, 10_000 if wanted else _MOST)}
    try:
        with asking(console) as lake:
            found = _found(lake, wanted) if wanted else dict.fromkeys(troubles, "")
            told = lake.questions.ask("order_summaries", {"order_ids": list(found)})
    except NotThereError as nearest:
        return OrderList(wanted, (), nearest, None, now)
    except FulfillmentError as problem:
        shown = () if wanted else tuple(OrderRow(one, {}, trouble, "") for one, trouble in troubles.items())
        return OrderList(wanted, shown, None, problem, now)
    about = {row["order_id"]: row for row in told}
    rows = [OrderRow(one, about.get(one, {}), troubles.get(one), by) for one, by in found.items()]
    return OrderList(wanted, rows, None, None, now)


def _found(lake: Asking, wanted: str) -> dict[str, str]:
    rows = lake.questions.ask("find_orders", {"text": wanted, "most": _MOST})
    if rows:
        return {row["order_id"]: row["found_by"] for row in rows}
    subject = require_subject(lake.explanations, wanted)
    return dict.fromkeys(subject.order_ids or (subject.id,), subject.kind)
