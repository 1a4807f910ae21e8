"""The legacy site NORTH from outside: whole files dropped with every cycle, message files picked up with it.

The format of the files belongs here; when a cycle runs belongs to the distributor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, Row, Table, select

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.twin.systems.site_messages import apply_site_message
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.columns import Moment
from fulfillment_pipelines.twin.world.site_tables import packs, reservations, returned_goods
from fulfillment_pipelines.twin.world.system_tables import (
    order_holds,
    release_lines,
    shipment_lines,
    stock,
    stock_movements,
)
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, NORTH_CYCLE_SECONDS, instant, iso

_KEPT_FILES = 6
_LATE_SECONDS = 19 * 3_600 + 1_800  # every day at this time the batch is late
_CYCLES_A_ROUND, _SENT_AGAIN, _SENT_AGAIN_LATE = 4, 1, 3
_REPEATED_ROWS = 3
_ZONE = ZoneInfo("America/Chicago")
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
    is_local: bool = False  # whether moments are the site's local time with its offset

    def name(self, at: int, *, again: bool = False) -> str:
        """Return the name of the file of a cycle."""
        stamp = instant(at).strftime("%Y%m%dT%H%M%SZ")
        return f"{self.prefix}_{stamp}{'_R' if again else ''}.{self.extension}"


_DROPS = (
    _Drop("releases", "REL", release_lines),
    _Drop("shipments", "SHP", shipment_lines),
    _Drop("stock", "STK", stock, "txt"),
    _Drop("movements", "MOV", stock_movements),
    _Drop("holds", "HLD", order_holds),
    _Drop("reservations", "RSV", reservations),
    _Drop("packs", "PCK", packs, is_local=True),
    _Drop("returns", "RET", returned_goods, is_local=True),
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
        if at % DAY_SECONDS == _LATE_SECONDS:
            return  # the batch of this cycle is late: what it would have said comes with the next one
        outbound = self.directory / "outbound"
        for drop in _DROPS:
            stored = north.execute(select(drop.table).order_by(*drop.table.primary_key)).all()
            columns = drop.table.columns.values()
            rows = rewrite(drop.entity, [_as_text(columns, row, is_local=drop.is_local) for row in stored])
            if drop.entity == "movements":
                rows = _out_of_order(rows)
            names = [_RENAMED.get(column.name, column.name) for column in columns]
            text = _fixed_width(rows) if drop.extension == "txt" else _delimited(names, rows)
            _write(outbound / drop.name(at), text[: len(text) // 2] if cut_off else text)
            _send_again(outbound, drop, at)
            for old in sorted(outbound.glob(f"{drop.prefix}_*.{drop.extension}"))[:-_KEPT_FILES]:
                old.unlink()


def _write(target: Path, text: str) -> None:
    half_written = target.with_name(target.name + ".part")
    half_written.write_text(text, encoding="utf-8")
    half_written.rename(target)


def _send_again(outbound: Path, drop: _Drop, at: int) -> None:
    """Send some files a second time under another name, and some of those only after a newer one."""
    late = at // NORTH_CYCLE_SECONDS % _CYCLES_A_ROUND == _SENT_AGAIN_LATE
    sent_at = at - NORTH_CYCLE_SECONDS if late else at
    first = outbound / drop.name(sent_at)
    if (late or at // NORTH_CYCLE_SECONDS % _CYCLES_A_ROUND == _SENT_AGAIN) and first.exists():
        _write(outbound / drop.name(sent_at, again=True), first.read_text(encoding="utf-8"))


def _out_of_order(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the newer half of a log before the older one, and the first rows of each half twice."""
    half = len(rows) // 2
    return [*rows[half:], *rows[:half], *rows[half : half + _REPEATED_ROWS], *rows[:_REPEATED_ROWS]]


def _as_text(columns: Sequence[Column[Any]], row: Row[Any], *, is_local: bool) -> dict[str, str]:
    values = {}
    for column, value in zip(columns, row, strict=True):
        shown = _shown(value, is_local=is_local) if isinstance(column.type, Moment) else value
        values[_RENAMED.get(column.name, column.name)] = "" if shown is None else str(shown)
    return values


def _shown(at: int | None, *, is_local: bool) -> str | None:
    return instant(at).astimezone(_ZONE).isoformat() if is_local and at is not None else iso(at)


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
