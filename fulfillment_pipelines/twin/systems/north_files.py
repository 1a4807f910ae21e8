"""The legacy site NORTH from outside: whole files dropped with every cycle, message files picked up with it.

The format of the files belongs here; when a cycle runs belongs to the distributor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, select

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.twin.systems.inbox import apply_site_message
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.columns import Moment
from fulfillment_pipelines.twin.world.system_tables import (
    order_holds,
    release_lines,
    shipment_lines,
    stock,
    stock_movements,
)
from fulfillment_pipelines.twin.world.timing import instant, iso

_KEPT_DROPS = 4
_STOCK_WIDTHS = (("item", 16), ("unit", 4), ("on_hand", 12), ("reserved", 12), ("free", 12))
_RENAMED = {"picked_qty": "picked"}

Rewrite = Callable[[str, list[dict[str, str]]], list[dict[str, str]]]
"""Takes an entity and its rows as text, returns the rows that are written: how defects enter a file."""


@dataclass(frozen=True, slots=True)
class _Drop:
    entity: str
    prefix: str
    table: Table
    extension: str = "csv"


_DROPS = (
    _Drop("releases", "REL", release_lines),
    _Drop("shipments", "SHP", shipment_lines),
    _Drop("stock", "STK", stock, "txt"),
    _Drop("movements", "MOV", stock_movements),
    _Drop("holds", "HLD", order_holds),
)


class NorthFiles:
    """The directory the legacy site exchanges files in.

    Args:
        directory: Where `outbound`, `inbound`, `processed` and `rejected` are.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for folder in ("outbound", "inbound", "processed", "rejected"):
            (directory / folder).mkdir(parents=True, exist_ok=True)

    def has_messages(self) -> bool:
        """Return whether a message file waits."""
        return any((self.directory / "inbound").glob("*.json"))

    def pick_up(self, books: Books, at: int) -> None:
        """Apply the message files that wait, in the order of their names, and move them away."""
        for path in sorted((self.directory / "inbound").glob("*.json")):
            try:
                message = json.loads(path.read_text(encoding="utf-8"))
                apply_site_message(books, Node.NORTH, str(message.get("message_type")), message, at)
            except (FulfillmentError, ValueError, AttributeError) as error:
                path.with_suffix(".problem.txt").write_text(f"{error}\n", encoding="utf-8")
                path.with_suffix(".problem.txt").rename(self.directory / "rejected" / f"{path.stem}.problem.txt")
                path.rename(self.directory / "rejected" / path.name)
            else:
                path.rename(self.directory / "processed" / path.name)

    def drop(self, north: Connection, at: int, rewrite: Rewrite, *, cut_off: bool = False) -> None:
        """Write the whole state of every entity as it is at a cycle, and remove the oldest files.

        Args:
            north: The site's own database.
            at: The cycle, as the site's clock shows it.
            rewrite: Brings defects into the rows.
            cut_off: Write the first half of every file only, as when a disk is full.
        """
        stamp = instant(at).strftime("%Y%m%dT%H%M%SZ")
        outbound = self.directory / "outbound"
        for drop in _DROPS:
            stored = north.execute(select(drop.table).order_by(*drop.table.primary_key)).all()
            rows = rewrite(drop.entity, [_as_text(drop.table.columns.values(), row) for row in stored])
            names = [_RENAMED.get(column.name, column.name) for column in drop.table.columns]
            text = _fixed_width(rows) if drop.extension == "txt" else _delimited(names, rows)
            target = outbound / f"{drop.prefix}_{stamp}.{drop.extension}"
            half_written = target.with_name(target.name + ".part")
            half_written.write_text(text[: len(text) // 2] if cut_off else text, encoding="utf-8")
            half_written.rename(target)
            for old in sorted(outbound.glob(f"{drop.prefix}_*.{drop.extension}"))[:-_KEPT_DROPS]:
                old.unlink()


def _as_text(columns: Sequence[Column[Any]], row: Row[Any]) -> dict[str, str]:
    values = {}
    for column, value in zip(columns, row, strict=True):
        shown = iso(value) if isinstance(column.type, Moment) else value
        values[_RENAMED.get(column.name, column.name)] = "" if shown is None else str(shown)
    return values


def _delimited(names: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    lines = [";".join(names), *(";".join(row[name] for name in names) for row in rows), f"TRL;{len(rows)}"]
    return "\n".join(lines) + "\n"


def _fixed_width(rows: Sequence[dict[str, str]]) -> str:
    lines = [
        "".join(
            row[name].ljust(width) if name in {"item", "unit"} else row[name].rjust(width)
            for name, width in _STOCK_WIDTHS
        )
        for row in rows
    ]
    return "\n".join([*lines, f"TRL{len(rows)}"]) + "\n"
