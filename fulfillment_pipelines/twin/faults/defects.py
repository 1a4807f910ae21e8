"""What is wrong with a feed: rows that break its contract (SYS-02), answers that break off (SYS-01); and the repair.

Rows of HTTP systems and of files are spoiled when they are sent; rows of databases are spoiled where they are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, select, update

from fulfillment_pipelines.twin.world import system_tables as tables
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import Node

SpoiledRecords = Callable[[dict[str, Any]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way in which one feed can break its contract.

    Attributes:
        system: Declared name of the system.
        entity: Declared name of the entity.
        sent_as: Name of the list the entity is sent under.
        table: Where the rows are kept.
        newest_by: Column that finds the newest row.
        sent_key: Name of the key field as it is sent.
        note: What is wrong, in words.
        spoil: Turns a good record into what is sent; None when the stored row is changed instead.
        stored: Column and bad value of a stored row; None when the row is spoiled on its way.
        unit: The unit that nobody knows, where that is the flaw: a number without a meaning (INT-05), not a broken row.
    """

    system: str
    entity: str
    sent_as: str
    table: Table
    newest_by: str
    sent_key: str
    note: str
    spoil: SpoiledRecords | None = None
    stored: tuple[str, str | None] | None = None
    unit: str = ""

    @property
    def feed(self) -> str:
        """The feed as labels name it."""
        return f"{self.system}/{self.entity}"

    @property
    def node(self) -> str:
        """The site of the system; empty for finance."""
        return {"wms_north": Node.NORTH, "wms_west": Node.WEST, "wms_east": Node.EAST}.get(self.system, "")


def _with(**changes: Any) -> SpoiledRecords:
    return lambda record: [{**record, **changes}]


def _twice_differently(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [record, {**record, "qty": str(int(record["qty"]) + 1)}]


FLAWS = (
    Flaw(
        *("wms_north", "shipments", "shipments", tables.shipment_lines, "departed_at", "shipment_no"),
        note="the quantity of the newest shipment line is not a number",
        spoil=_with(qty="1O,5"),
    ),
    Flaw(
        *("wms_west", "shipments", "shipment-lines", tables.shipment_lines, "departed_at", "shipment"),
        note="the newest shipment line has lost its shipment number",
        spoil=_with(shipment=None),
    ),
    Flaw(
        *("finance", "invoice_lines", "", tables.invoice_lines, "posted_at", "invoice_no"),
        note="the newest posted invoice line has a status that nobody knows",
        stored=("status", "PARKED"),
    ),
    Flaw(
        *("wms_east", "movements", "", tables.stock_movements, "moved_at", "movement_no"),
        note="the newest movement has no type",
        stored=("movement_type", None),
    ),
    Flaw(
        *("wms_north", "movements", "movements", tables.stock_movements, "moved_at", "movement_no"),
        note="the newest movement is sent twice with different quantities",
        spoil=_twice_differently,
    ),
    Flaw(
        *("wms_west", "movements", "movements", tables.stock_movements, "moved_at", "movement"),
        note="the newest movement has a type that nobody knows",
        spoil=_with(type="GREMLIN"),
    ),
)
"""In the order in which they are injected."""

UNKNOWN_UNITS = (
    Flaw(
        *("wms_north", "releases", "releases", tables.release_lines, "acked_at", "release_no"),
        note="the newest release is in a unit that nobody knows",
        spoil=_with(unit="PALL"),
        unit="PALL",
    ),
    Flaw(
        *("wms_west", "movements", "movements", tables.stock_movements, "moved_at", "movement"),
        note="the newest movement is in a unit that nobody knows",
        spoil=_with(unit="BUNDLE"),
        unit="BUNDLE",
    ),
    Flaw(
        *("wms_east", "movements", "", tables.stock_movements, "moved_at", "movement_no"),
        note="the newest movement is in a unit that nobody knows",
        stored=("unit", "CRATE"),
        unit="CRATE",
    ),
)
"""In the order in which they are injected, as INT-05."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A flaw that is in a feed now.

    Attributes:
        flaw: What is wrong.
        key: Key of the row.
        original: Value that a spoiled stored row had.
        repair_at: When the source repairs it by itself, in epoch seconds.
    """

    flaw: Flaw
    key: str
    original: str | None
    repair_at: int


class Defects:
    """All defects that are in the feeds now."""

    def __init__(self) -> None:
        self._present: list[Defect] = []
        self._cut_short: dict[tuple[str, str], int] = {}

    def cut_short(self, system: str, sent_as: str, repair_at: int) -> None:
        """Let the pages of a feed lack their last record until the source repairs it; the total still counts it."""
        self._cut_short[system, sent_as] = repair_at

    def is_cut_short(self, system: str, sent_as: str) -> bool:
        """Return whether the pages of a feed lack records now."""
        return (system, sent_as) in self._cut_short

    @property
    def feeds(self) -> frozenset[str]:
        """Feeds that have a defect."""
        return frozenset(defect.flaw.feed for defect in self._present)

    def bring_in(self, books: Books, flaw: Flaw, row: Row[Any], repair_at: int) -> None:
        """Spoil a row of a feed."""
        key_column = _key(flaw)
        key = str(getattr(row, key_column.name))
        original = None
        if flaw.stored:
            name, bad = flaw.stored
            original = getattr(row, name)
            _connection(books, flaw).execute(update(flaw.table).where(key_column == key).values({name: bad}))
        self._present.append(Defect(flaw, key, original, repair_at))

    def repair(self, books: Books, feed: str | None, at: int) -> int:
        """Repair the defects of a feed, or without one those whose time has come; return how many."""
        chosen = [
            defect for defect in self._present if (defect.repair_at <= at if feed is None else defect.flaw.feed == feed)
        ]
        if feed is None:
            self._cut_short = {cut: until for cut, until in self._cut_short.items() if until > at}
        for defect in chosen:
            if defect.flaw.stored:
                name, _ = defect.flaw.stored
                _connection(books, defect.flaw).execute(
                    update(defect.flaw.table).where(_key(defect.flaw) == defect.key).values({name: defect.original})
                )
            self._present.remove(defect)
        return len(chosen)

    def spoil(self, system: str, sent_as: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return records with the defects of their feed."""
        for defect in self._present:
            flaw = defect.flaw
            if flaw.spoil and flaw.system == system and flaw.sent_as == sent_as:
                spoil = flaw.spoil
                records = [
                    sent
                    for record in records
                    for sent in (spoil(record) if record.get(flaw.sent_key) == defect.key else [record])
                ]
        return records[:-1] if self.is_cut_short(system, sent_as) else records


def newest_rows(books: Books, flaw: Flaw, limit: int) -> list[Row[Any]]:
    """Return the newest rows of the feed that a flaw may spoil, newest first."""
    newest = flaw.table.c[flaw.newest_by]
    query = select(flaw.table).where(newest.is_not(None)).order_by(newest.desc(), _key(flaw)).limit(limit)
    if flaw.system == "finance":
        # one line makes the document, and it names its order
        query = query.where(flaw.table.c.status == "POSTED", flaw.table.c.order_no.like("SO-%"))
    return list(_connection(books, flaw).execute(query))


def _key(flaw: Flaw) -> Column[Any]:
    return next(iter(flaw.table.primary_key.columns))


def _connection(books: Books, flaw: Flaw) -> Connection:
    return books.wms[flaw.node] if flaw.node else books.finance
