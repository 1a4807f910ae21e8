"""The warehouse's database: tables that change row by row, and a channel that tells of each commit."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import psycopg

_TABLES: Final = """
create table release_lines (
    release_no text, order_no text, line_no int, item text, unit text, qty numeric(18, 4), picked_qty numeric(18, 4),
    pick_status text, sent_at timestamptz, acked_at timestamptz, picked_at timestamptz, packed_at timestamptz,
    changed_at timestamptz default clock_timestamp(), primary key (release_no, order_no, line_no));
create index on release_lines (changed_at);
create index on release_lines (order_no);
create table shipment_lines (
    shipment_no text, order_no text, line_no int, item text, unit text, qty numeric(18, 4), departed_at timestamptz,
    changed_at timestamptz default clock_timestamp(), primary key (shipment_no, order_no, line_no));
create table order_holds (
    hold_no text primary key, order_no text, hold_type text, status text, placed_by text, placed_at timestamptz,
    resolved_at timestamptz, changed_at timestamptz default clock_timestamp());
create table interface_inbox (
    message_key text primary key, message_type text, body text, problem text, is_taken boolean default false,
    arrived_at timestamptz default clock_timestamp());
"""
_ACCEPT: Final = """
insert into order_holds (hold_no, order_no, hold_type, status, placed_by, placed_at)
values (%(hold_no)s, %(order_no)s, %(hold_type)s, 'CREATED', 'fulfillment', clock_timestamp())
on conflict do nothing
"""


class WarehouseSite:
    """The writer of the warehouse's database.

    Args:
        url: Of the database, as libpq reads it.
    """

    def __init__(self, url: str) -> None:
        self._connection: psycopg.Connection[Any] = psycopg.connect(url)

    def create(self, releases: list[tuple[Any, ...]]) -> None:
        """Make the tables, with lines that were released before."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(_TABLES)
            statement = (
                "copy release_lines (release_no, order_no, line_no, item, unit, qty, picked_qty, pick_status, sent_at, "
                "acked_at) from stdin"
            )
            with cursor.copy(statement) as copy:
                for row in releases:
                    copy.write_row(row)

    def pick(self, order_no: str, qty: int) -> None:
        """Note that some of a line was picked."""
        self._change(
            "update release_lines set picked_qty = %s, changed_at = clock_timestamp() where order_no = %s",
            (qty, order_no),
        )

    def close_pick(self, order_no: str, at: datetime) -> None:
        """Close the pick of a line: the act that a hold forbids."""
        self._change(
            "update release_lines set picked_qty = qty, pick_status = 'CLOSED', picked_at = %s, "
            "changed_at = clock_timestamp() where order_no = %s",
            (at, order_no),
        )

    def take_messages(self) -> int:
        """Do what the messages ask for that came since; return how many they were."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("update interface_inbox set is_taken = true where not is_taken returning body")
            bodies = [json.loads(body) for (body,) in cursor.fetchall()]
            for body in bodies:
                cursor.execute(_ACCEPT, body)
            if bodies:
                cursor.execute("notify wms_changes")
        return len(bodies)

    def arrivals(self) -> dict[str, datetime]:
        """Return when the message about each order came."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("select body, arrived_at from interface_inbox")
            return {json.loads(body)["order_no"]: at for body, at in cursor.fetchall()}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _change(self, statement: str, parameters: tuple[Any, ...]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(statement.encode(), parameters)
            cursor.execute("notify wms_changes")
