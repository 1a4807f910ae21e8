"""Messages that were left for a system in the interface table of its database.

Emptying the tables belongs here; which reaction takes a message belongs to the messages of each system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select, update

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.twin.systems.finance_messages import apply_finance_message
from fulfillment_pipelines.twin.systems.site_messages import apply_site_message
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.system_tables import finance_inbox, wms_inbox


def empty_inboxes(books: Books, at: int) -> None:
    """Let EAST and finance apply the messages in their interface tables."""
    _empty(books.wms[Node.EAST], wms_inbox, lambda kind, body: apply_site_message(books, Node.EAST, kind, body, at), at)
    _empty(books.finance, finance_inbox, lambda kind, body: apply_finance_message(books, kind, body, at), at)


def _empty(connection: Connection, table: Table, apply: Callable[[str, Mapping[str, Any]], None], at: int) -> None:
    waiting = connection.execute(
        select(table)
        .where(table.c.applied_at.is_(None), table.c.problem.is_(None))
        .order_by(table.c.received_at, table.c.message_key)
    ).all()
    for message in waiting:
        of_message = table.c.message_key == message.message_key
        try:
            apply(message.message_type, message.body)
        except FulfillmentError as error:
            connection.execute(update(table).where(of_message).values(problem=str(error)))
        else:
            connection.execute(update(table).where(of_message).values(applied_at=at))
