"""Pages of a table as JSON: by cursor (ERP), by offset (portal) and by number (WMS West)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, func, select

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.world.columns import Cents, Moment, Quantity
from fulfillment_pipelines.twin.world.timing import iso

_MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Feed:
    """How rows of a table look from outside.

    Attributes:
        table: The table.
        fields: Outside names and the columns they show.
        as_text: Whether quantities and prices are JSON strings.
        shown: Turns a finished record into what is sent, where columns alone do not say it.
    """

    table: Table
    fields: Mapping[str, Column[Any]]
    as_text: bool = False
    shown: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def record(self, row: Row[Any]) -> dict[str, Any]:
        """Return a row of the table as it is sent."""
        stored = row._mapping  # noqa: SLF001 -- SQLAlchemy's public name for a row's columns
        record = {name: self._value(column, stored[column]) for name, column in self.fields.items()}
        return self.shown(record) if self.shown else record

    def _value(self, column: Column[Any], value: Any) -> Any:
        if value is None:
            return None
        if isinstance(column.type, Moment):
            return iso(value)
        if isinstance(column.type, Cents):
            return f"{value // 100}.{value % 100:02d}" if self.as_text else value / 100
        if isinstance(column.type, Quantity) and self.as_text:
            return str(value)
        return value


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a walk through a table stands; later rows than the first page's last are left to the next walk."""

    after: int
    last: int
    total: int
    as_of: str

    def text(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.after, self.last, self.total, self.as_of]).encode()).decode()

    @classmethod
    def parsed(cls, text: str) -> _Cursor:
        try:
            return cls(*json.loads(base64.urlsafe_b64decode(text.encode())))
        except (ValueError, TypeError) as error:
            raise BadDataError("The cursor cannot be read.", found=text, remedy="begin with the first page") from error


def number(text: str | None, default: int) -> int:
    """Return a paging parameter.

    Raises:
        BadDataError: It is not a whole number of at least 0.
    """
    if text is None:
        return default
    if not text.isdecimal():
        raise BadDataError("A paging parameter is not a number.", expected="0, 1, 2 ...", found=text)
    return int(text)


def cursor_page(
    connection: Connection, feed: Feed, query: Mapping[str, str], where: list[ColumnElement[bool]], as_of: str
) -> dict[str, Any]:
    """Return one page of a walk by cursor: data, next_cursor, total, as_of."""
    key = feed.table.c.row_id
    if query.get("cursor"):
        cursor = _Cursor.parsed(query["cursor"])
    else:
        total, last = connection.execute(
            select(func.count(), func.coalesce(func.max(key), 0)).select_from(feed.table).where(*where)
        ).one()
        cursor = _Cursor(0, last, total, as_of)
    limit = min(number(query.get("limit"), 100), _MOST_ROWS) or 1
    rows = connection.execute(
        select(feed.table).where(*where, key > cursor.after, key <= cursor.last).order_by(key).limit(limit + 1)
    ).all()
    page = rows[:limit]
    following = _Cursor(page[-1].row_id, cursor.last, cursor.total, cursor.as_of) if len(rows) > limit else None
    return {
        "data": [feed.record(row) for row in page],
        "next_cursor": following.text() if following else None,
        "total": cursor.total,
        "as_of": cursor.as_of,
    }


def slice_of(connection: Connection, feed: Feed, offset: int, size: int) -> tuple[list[dict[str, Any]], int]:
    """Return the records of a slice of a table in the order of its key, and the number of rows in all."""
    total = connection.execute(select(func.count()).select_from(feed.table)).scalar_one()
    rows = connection.execute(
        select(feed.table).order_by(*feed.table.primary_key).offset(offset).limit(min(size, _MOST_ROWS) or 1)
    ).all()
    return [feed.record(row) for row in rows], total
