"""What stands behind a number of the flow: orders, shipment legs, records of stock, cases, each counted as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.console.reading.flow_stages import Money, title_of_bucket, title_of_stage
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.ledger.case_statistics import (
    CaseGroup,
    Promptness,
    cases_of_group,
    count_due_cases,
    count_of_group,
    due_cases,
)
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.kpis import read_kpis

PAGE_SIZE: Final = 200

Name = Annotated[str, StringConstraints(max_length=128)]

_RESULT_WORDS: Final[Mapping[str, str]] = {
    "counted": "everything that is counted",
    "met": "what is as it should be",
    "missed": "what is not as it should be",
    "unknown": "what cannot be judged",
    "excluded": "what is left out",
    "stalled": "what stalls",
    "known_lines": "lines that can be judged",
    "unknown_lines": "lines that cannot be judged",
    "cured": "cured",
    "self_healed": "gone by themselves",
    "returned": "came back",
    "open": "open now",
    "overdue": "overdue now",
}
_OPEN_TITLES: Final[Mapping[str, str]] = {"OPEN": "not delivered", "OVERDUE": "past their promise"}


class ListKind(StrEnum):
    """What a list is of."""

    OPEN = "open"
    OUTCOMES = "outcomes"
    FINISHED = "finished"
    LEGS = "legs"
    STOCK = "stock"
    CASES = "cases"


_PATHS: Final = {ListKind.LEGS: "/flow/legs", ListKind.STOCK: "/flow/stock"}


class Asked(BaseModel):
    """Which number is looked behind.

    Attributes:
        kpi: A KPI; empty for open orders.
        result: How it went; empty for all.
        stage: Stage of the order.
        bucket: Age bucket of the line.
        currency: One currency.
        code: One exception code.
        day: One day of the trend.
        page: From 1.
    """

    model_config = ConfigDict(frozen=True)

    kpi: Name = ""
    result: Name = ""
    stage: Name = ""
    bucket: Name = ""
    currency: Name = ""
    code: Name = ""
    day: date | None = None
    page: Annotated[int, Field(ge=1, le=100_000)] = 1

    @property
    def parameters(self) -> dict[str, Any]:
        """What questions are asked with."""
        own = {name: getattr(self, name) for name in ("kpi", "result", "stage", "bucket", "currency", "day")}
        return {**own, "page_size": PAGE_SIZE, "first_row": (self.page - 1) * PAGE_SIZE}

    def link(self, scope: FlowScope, path: str, page: int) -> str:
        """Return the address of another page of the same list."""
        own = {name: getattr(self, name) for name in ("kpi", "result", "stage", "bucket", "currency", "code")}
        return scope.link(path, **own, day=self.day.isoformat() if self.day else "", page=str(page))


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row of a list, and where it leads.

    Attributes:
        href: Of what it is about; empty for nowhere.
        said: As the question gives them.
    """

    href: str
    said: Row


@dataclass(frozen=True, slots=True)
class FlowList:
    """A page of a list.

    Attributes:
        kind: What it is of.
        title: Which number it is behind.
        formula: What the number says; empty for open orders.
        scope: What is looked at.
        rows: The rows of the page.
        cases: Likewise, where it is of cases.
        row_count: Of all pages; the number.
        totals: Further sums over all pages: name and words.
        amounts: Likewise of money.
        newer: The page before; empty for none.
        older: The page after; empty for none.
        back: The flow itself.
    """

    kind: ListKind
    title: str
    formula: str
    scope: FlowScope
    rows: tuple[ListedRow, ...]
    row_count: int
    newer: str
    older: str
    back: str
    cases: tuple[Case, ...] = ()
    totals: tuple[tuple[str, str], ...] = ()
    amounts: tuple[Money, ...] = field(default=())


def read_orders(console: Console, scope: FlowScope, asked: Asked) -> FlowList:
    """Return the orders behind a number.

    Raises:
        BadDataError: The lake does not have the tables yet.
        RetryableError: The lake is busy.
    """
    if asked.kpi:
        rows = console.questions.ask("flow_outcomes", {**scope.parameters, **asked.parameters})
        return _listed(console, ListKind.OUTCOMES, rows, scope, asked)
    if asked.stage == "INVOICED":
        rows = console.questions.ask("flow_finished_orders", {**scope.parameters, **asked.parameters})
        return _listed(console, ListKind.FINISHED, rows, scope, asked)
    rows = console.questions.ask("flow_open_orders", {**scope.parameters, **asked.parameters})
    return _listed(console, ListKind.OPEN, rows, scope, asked)


def read_legs(console: Console, scope: FlowScope, asked: Asked) -> FlowList:
    """Return the shipment legs behind a number; raises as `read_orders`."""
    rows = console.questions.ask("flow_legs", {**scope.parameters, **asked.parameters})
    return _listed(console, ListKind.LEGS, rows, scope, asked)


def read_stock(console: Console, scope: FlowScope, asked: Asked) -> FlowList:
    """Return the records of stock behind a number; raises as `read_orders`."""
    rows = console.questions.ask("flow_stock", {**scope.parameters, **asked.parameters})
    return _listed(console, ListKind.STOCK, rows, scope, asked)


def read_cases(console: Console, scope: FlowScope, asked: Asked, work: UnitOfWork) -> FlowList:
    """Return the cases behind a number."""
    span, offset = scope.case_span, (asked.page - 1) * PAGE_SIZE
    if asked.kpi == "exceptions_opened":
        group = CaseGroup(asked.result) if asked.result in set(CaseGroup) else CaseGroup.FOUND
        count = count_of_group(work, span, group, asked.code)
        cases = cases_of_group(work, span, group, asked.code, limit=PAGE_SIZE, offset=offset)
    else:
        wanted = Promptness(asked.result) if asked.result in set(Promptness) else None
        count = count_due_cases(work, span, wanted)
        cases = due_cases(work, span, wanted, limit=PAGE_SIZE, offset=offset)
    return FlowList(
        ListKind.CASES,
        _title(console, asked),
        _formula(console, asked),
        scope,
        (),
        count,
        *_neighbours("/flow/cases", scope, asked, count),
        scope.link(),
        cases=tuple(cases),
    )


def _listed(console: Console, kind: ListKind, rows: Sequence[Row], scope: FlowScope, asked: Asked) -> FlowList:
    first: Row = rows[0] if rows else {}
    count = first.get("row_count", 0)
    return FlowList(
        kind,
        _title(console, asked),
        _formula(console, asked),
        scope,
        tuple(ListedRow(_href(row), row) for row in rows),
        first.get("total_orders", count),
        *_neighbours(_PATHS.get(kind, "/flow/orders"), scope, asked, count),
        scope.link(),
        totals=tuple(_totals(first)),
        amounts=tuple(_amounts(rows)),
    )


def _neighbours(path: str, scope: FlowScope, asked: Asked, count: int) -> tuple[str, str]:
    newer = asked.link(scope, path, asked.page - 1) if asked.page > 1 else ""
    older = asked.link(scope, path, asked.page + 1) if asked.page * PAGE_SIZE < count else ""
    return newer, older


def _title(console: Console, asked: Asked) -> str:
    definitions = read_kpis(console.platform.distributor.seeds).kpis
    result = _RESULT_WORDS.get(asked.result, "")
    if asked.kpi in definitions:
        parts = [definitions[asked.kpi].name, result, asked.code]
    else:
        stage = f"at {title_of_stage(asked.stage)}" if asked.stage else ""
        bucket = _OPEN_TITLES.get(asked.bucket, title_of_bucket(asked.bucket)) if asked.bucket else ""
        parts = ["Open orders" if asked.stage != "INVOICED" else "Orders", stage, bucket, result]
    return ": ".join(filter(None, [parts[0], ", ".join(filter(None, parts[1:]))]))


def _formula(console: Console, asked: Asked) -> str:
    definition = read_kpis(console.platform.distributor.seeds).kpis.get(asked.kpi)
    return definition.formula if definition else ""


def _totals(first: Row) -> list[tuple[str, str]]:
    found = [("lines", f"{first['total_lines']:,}")] if "total_lines" in first else []
    return [*found, ("units", f"{first['total_qty'].normalize():,f}")] if "total_qty" in first else found


def _amounts(rows: Sequence[Row]) -> list[Money]:
    found = {row["currency"]: row["total_amount"] for row in rows if "total_amount" in row}
    return [Money(amount, currency) for currency, amount in sorted(found.items()) if amount]


def _href(row: Row) -> str:
    return f"/orders/{quote(row['order_id'], safe='')}" if "order_id" in row else ""
