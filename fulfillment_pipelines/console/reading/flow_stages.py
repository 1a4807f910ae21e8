"""Where orders stand and stall now: by stage, by site and team, by how long their promise is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from fulfillment_pipelines.console.reading.flow_answers import FlowAnswers
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.explanation.questions import Row

STAGES: Final = (
    ("RECEIVED", "Received", "waits to become an order of the ERP"),
    ("VALIDATED", "Validated", "waits for stock to be allocated"),
    ("CREDIT", "Credit", "is held"),
    ("ALLOCATED", "Allocated", "waits to be released to its site"),
    ("RELEASED", "Released", "waits to be picked"),
    ("PICKED", "Picked", "waits to be shipped"),
    ("SHIPPED", "Shipped", "is on its way"),
    ("DELIVERED", "Delivered", "waits to be invoiced"),
    ("INVOICED", "Invoiced", "nothing is left to do"),
)
"""Stages in the order of the way: name, words, and what an order there waits for."""

BUCKETS: Final = (
    ("NOT_DUE", "not due"),
    ("DAYS_0_1", "0 to 1 days"),
    ("DAYS_2_3", "2 to 3 days"),
    ("DAYS_4_7", "4 to 7 days"),
    ("DAYS_8_14", "8 to 14 days"),
    ("DAYS_15_UP", "over 14 days"),
    ("NO_PROMISE", "no promise"),
)
"""How long a promise is over, in words."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in its currency; amounts of several currencies stand side by side."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the way.

    Attributes:
        name: By which tables have it.
        title: In words.
        meaning: What an order there waits for.
        order_count: Orders that stand there; each stands in one stage.
        stalled_count: Of them, those that stall.
        amounts: What is open there, by currency.
        oldest_received_at: Since when the oldest is known.
        orders_href: Where they are listed.
        stalled_href: Where those that stall are.
        share: How many stand there, of the fullest stage, from 0 to 100.
        stalled_share: How many stall there, likewise.
    """

    name: str
    title: str
    meaning: str
    order_count: int
    stalled_count: int
    amounts: tuple[Money, ...]
    oldest_received_at: datetime | None
    orders_href: str
    stalled_href: str
    share: int
    stalled_share: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Where orders stall: a stage at a site, and whose turn it is."""

    stage: str
    node: str
    owner: str
    order_count: int
    line_count: int
    open_amount: Decimal
    currency: str
    oldest_age: timedelta | None
    href: str


@dataclass(frozen=True, slots=True)
class AgeBucket:
    """Open lines whose promise is over for so long."""

    name: str
    title: str
    order_count: int
    line_count: int
    unknown_count: int
    open_qty: Decimal
    amounts: tuple[Money, ...]
    oldest_due_at: datetime | None
    href: str
    unknown_href: str


@dataclass(frozen=True, slots=True)
class OpenBusiness:
    """Everything that is open.

    Attributes:
        stages: All of them, in the order of the way.
        order_count: Orders that are open; the stages' orders add up to it.
        stalled_count: Of them, those that stall.
        orders_href: Where they are listed.
        stalled_href: Where those that stall are.
        stalls: Where orders stall, those worth most first.
        ageing: All buckets.
        watermark_at: The oldest moment that this speaks of; None where nothing is open.
    """

    stages: tuple[Stage, ...]
    order_count: int
    stalled_count: int
    orders_href: str
    stalled_href: str
    stalls: tuple[Stall, ...]
    ageing: tuple[AgeBucket, ...]
    watermark_at: datetime | None


def read_open_business(answers: FlowAnswers) -> OpenBusiness:
    """Return what is open in a scope.

    Raises:
        BadDataError: The lake does not have the tables yet.
        RetryableError: The lake is busy.
    """
    scope, rows = answers.scope, answers.of("flow_stages")
    total = next((row for row in rows if row["is_total"]), None)
    return OpenBusiness(
        _stages(answers, rows, scope),
        total["order_count"] if total else 0,
        total["stalled_count"] if total else 0,
        scope.link("/flow/orders"),
        scope.link("/flow/orders", result="stalled"),
        tuple(_stall(row, scope) for row in answers.of("flow_stalls")),
        _ageing(answers.of("flow_ageing"), scope),
        total["watermark_at"] if total else None,
    )


def title_of_stage(name: str) -> str:
    """Return what people call a stage."""
    return next((title for known, title, _ in STAGES if known == name), name)


def title_of_bucket(name: str) -> str:
    """Return what people call an age bucket."""
    return next((title for known, title in BUCKETS if known == name), name)


def _stages(answers: FlowAnswers, rows: Sequence[Row], scope: FlowScope) -> tuple[Stage, ...]:
    finished = answers.of("flow_finished")[0]["order_count"]
    totals = {row["stage"]: row for row in rows if not row["is_total"] and row["currency"] is None}
    most = max((row["order_count"] for row in totals.values()), default=1)
    found = []
    for name, title, meaning in STAGES:
        row = totals.get(name)
        count = finished if name == "INVOICED" else (row["order_count"] if row else 0)
        stalled = row["stalled_count"] if row else 0
        found.append(
            Stage(
                name,
                title,
                meaning,
                count,
                stalled,
                _amounts(rows, "stage", name),
                row["oldest_received_at"] if row else None,
                scope.link("/flow/orders", stage=name),
                scope.link("/flow/orders", stage=name, result="stalled"),
                round(100 * (count - stalled) / most) if name != "INVOICED" else 0,
                round(100 * stalled / most),
            )
        )
    return tuple(found)


def _stall(row: Row, scope: FlowScope) -> Stall:
    further = {"stage": row["stage"], "owner": row["owner"], "currency": row["currency"]}
    site = row["node"] or "NONE"
    return Stall(
        title_of_stage(row["stage"]),
        row["node"],
        row["owner"],
        row["order_count"],
        row["line_count"],
        row["open_amount"],
        row["currency"],
        scope.now - row["oldest_received_at"] if row["oldest_received_at"] else None,
        scope.link("/flow/orders", result="stalled", site=site, **further),
    )


def _ageing(rows: Sequence[Row], scope: FlowScope) -> tuple[AgeBucket, ...]:
    totals = {row["age_bucket"]: row for row in rows if row["currency"] is None}
    found = []
    for name, title in BUCKETS:
        row = totals.get(name)
        found.append(
            AgeBucket(
                name,
                title,
                row["order_count"] if row else 0,
                row["line_count"] if row else 0,
                row["unknown_count"] if row else 0,
                row["open_qty"] if row else Decimal(0),
                _amounts(rows, "age_bucket", name),
                row["oldest_due_at"] if row else None,
                scope.link("/flow/orders", bucket=name),
                scope.link("/flow/orders", bucket=name, result="unknown_lines"),
            )
        )
    return tuple(found)


def _amounts(rows: Iterable[Row], column: str, name: str) -> tuple[Money, ...]:
    own = [row for row in rows if row[column] == name and row["currency"] is not None]
    found = (Money(row["open_amount"], row["currency"]) for row in own if row["open_amount"])
    return tuple(sorted(found, key=lambda money: (-money.amount, money.currency)))
