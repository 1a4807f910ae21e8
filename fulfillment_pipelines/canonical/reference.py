"""Reference data that models and checks join with: nodes, units, business days, and the declared feeds.

Read from `data/seeds` and held as `ref_*` tables in the process's stage schema, never in the lake. Tolerances
belong to `reconcile.tolerances`, policies to the stages that follow them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, get_type_hints

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, TypeAdapter

from fulfillment_pipelines.domain.calendar import BusinessCalendar, CalendarDay
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.yaml_file import read_yaml
from fulfillment_pipelines.warehouse import Warehouse

_ARROW_TYPES: Final[Mapping[type, pa.DataType]] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    Decimal: pa.decimal128(18, 4),
    date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
}
_CALENDAR_REACH = timedelta(days=400)


class NodeReference(BaseModel):
    """A fulfilment site: what the rules need to know of it.

    Attributes:
        site_class: `modern` or `legacy`; chooses between a tolerance's two values.
        calendar: Business calendar the site works by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    site_class: str
    calendar: str = "default"


class NodesSeed(BaseModel):
    """The content of `nodes.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: dict[str, NodeReference]


@dataclass(frozen=True, slots=True)
class UnitConversion:
    """One row of the unit crosswalk: how many base units one `uom` of an item is; `*` is every item."""

    sku: str
    uom: str
    base_uom: str
    base_qty: Decimal


@dataclass(frozen=True, slots=True)
class FeedReference:
    """One declared feed, as the models see it; `node` is empty for a system that serves all sites."""

    system: str
    entity: str
    contract: str
    role: str
    node: str
    freshness_seconds: int


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """All reference data of one distributor."""

    nodes: Mapping[str, NodeReference]
    units: Sequence[UnitConversion]
    calendars: Mapping[str, BusinessCalendar]
    feeds: Sequence[FeedReference]

    def load(self, warehouse: Warehouse, now: datetime) -> None:
        """Put the reference tables into the stage schema of this process; they change with the day."""
        warehouse.stage_once("reference", (self, now.date()), lambda: self._tables(now.date()))

    def _tables(self, today: date) -> Mapping[str, pa.Table]:
        return {
            "ref_units": _columns(UnitConversion, self.units),
            "ref_feeds": _columns(FeedReference, self.feeds),
            "ref_nodes": _node_columns(self.nodes),
            "ref_business_days": _columns(CalendarDay, self._business_days(today)),
        }

    def _business_days(self, today: date) -> list[CalendarDay]:
        first, last = today - _CALENDAR_REACH, today + _CALENDAR_REACH
        return [day for calendar in self.calendars.values() for day in calendar.days(first, last)]


def read_nodes(path: Path) -> Mapping[str, NodeReference]:
    """Read `nodes.yaml`.

    Raises:
        ConfigurationError: The file is missing or does not fit; the message names the line.
    """
    return read_yaml(path, TypeAdapter(NodesSeed), what="nodes file").nodes


def require_known_sites(nodes: Mapping[str, NodeReference], feeds: Sequence[FeedReference], path: Path) -> None:
    """Refuse a system that speaks for a site nobody has told of: rules are run for each known site only.

    A difference at another site would be found, and its cure could never be proved.

    Args:
        nodes: The known sites.
        feeds: The declared feeds.
        path: The file of the sites, for the error.

    Raises:
        ConfigurationError: A system's `node` is not among them.
    """
    strangers = sorted({(feed.system, feed.node) for feed in feeds if feed.node and feed.node not in nodes})
    if strangers:
        raise ConfigurationError(
            f"{path} does not know every site that a system speaks for.",
            expected=f"one of {', '.join(nodes)}",
            found=", ".join(f"{node} of {system}" for system, node in strangers),
            remedy=f"add the site to {path.name}, or correct `node:` in the system's YAML",
        )


def read_unit_conversions(path: Path) -> tuple[UnitConversion, ...]:
    """Read `unit_conversions.csv`.

    Raises:
        ConfigurationError: The file is missing or a row cannot be read; the message names the row.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(
                UnitConversion(row["sku"], row["uom"], row["base_uom"], Decimal(row["base_qty"]))
                for row in csv.DictReader(file)
            )
    except (OSError, KeyError, ArithmeticError, TypeError) as error:
        raise ConfigurationError(
            f"The unit crosswalk {path.name} cannot be read.",
            expected="a CSV file with the columns sku, uom, base_uom, base_qty; the last is a number",
            found=f"{type(error).__name__}: {error}",
            remedy="correct the row; `*` in sku stands for every item",
        ) from error


def _columns(row_type: type, rows: Sequence[object]) -> pa.Table:
    hints = get_type_hints(row_type)
    return pa.table(
        {name: pa.array([getattr(row, name) for row in rows], _ARROW_TYPES[hint]) for name, hint in hints.items()}
    )


def _node_columns(nodes: Mapping[str, NodeReference]) -> pa.Table:
    return pa.table(
        {
            "node": pa.array(list(nodes), pa.string()),
            "title": pa.array([node.title for node in nodes.values()], pa.string()),
            "site_class": pa.array([node.site_class for node in nodes.values()], pa.string()),
            "calendar": pa.array([node.calendar for node in nodes.values()], pa.string()),
        }
    )
