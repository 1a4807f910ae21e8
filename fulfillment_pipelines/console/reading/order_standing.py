"""Where one order stands: by axis and by line, what is promised, what went wrong, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.lake import (
    FeedStanding,
    ask_lake,
    life_feeds,
    oldest,
    read_feed_standings,
    trusted,
)
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.explanation.story import LifeEvent
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_WORST_FIRST: Final = (Verdict.DIFFER, Verdict.UNKNOWN, Verdict.TIMING, Verdict.AGREE)
_BUCKETS: Final = (
    "ordered",
    "cancelled",
    "open",
    "backordered",
    "allocated_unreleased",
    "released_unpicked",
    "picked_unshipped",
    "shipped",
    "short_closed",
    "in_transit",
    "kept",
    "returned",
    "lost",
    "billed",
    "unbilled",
)


@dataclass(frozen=True, slots=True)
class LineStanding:
    """Where one line stands.

    Attributes:
        verdict: How far the systems agree on it, as it holds now.
        codes: Exceptions that speak of it.
        channel_ordered_qty: What its channel ordered; None where it came by none.
        quantities: Units by bucket, in base units.
        promised_at: The ERP's promise.
        release_due_at: By when the ERP would release it.
    """

    line_no: int
    sku: str
    node: str
    verdict: Verdict
    codes: tuple[str, ...]
    line_state: str
    release_state: str
    shipment_state: str
    invoice_state: str
    channel_ordered_qty: Decimal | None
    quantities: dict[str, Decimal]
    promised_at: datetime | None
    release_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class MilestoneSpan:
    """One kind of milestone: how often it was reached, first and last."""

    milestone: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """Where one order stands.

    Attributes:
        verdict: The worst of its lines.
        coverage: Share of its lines whose verdict is known.
        as_of: All systems speak of this moment at least; None where one has never answered.
        promised_at: The latest promise of its lines.
        distrusted: Feeds it depends on that cannot be trusted now.
    """

    order_id: str
    channel_order_id: str | None
    customer_id: str | None
    ordered_at: datetime | None
    requested_at: datetime | None
    promised_at: datetime | None
    order_state: str
    hold_state: str
    is_on_hold: bool
    is_partial: bool
    verdict: Verdict
    coverage: Decimal
    as_of: datetime | None
    lines: tuple[LineStanding, ...]
    milestones: tuple[MilestoneSpan, ...]
    open_exceptions: tuple[Case, ...]
    distrusted: tuple[FeedStanding, ...]


@dataclass(frozen=True, slots=True)
class PlannedMilestone:
    """What a line was promised."""

    line_no: int
    milestone: str
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class OrderLife:
    """What happened to an order across the systems, and what was planned."""

    order_id: str
    as_of: datetime | None
    events: tuple[LifeEvent, ...]
    planned: tuple[PlannedMilestone, ...]
    distrusted: tuple[FeedStanding, ...]


def read_order_standing(console: Console, work: UnitOfWork, number: str) -> OrderStanding:
    """Return where an order stands, by its number in the ERP or in its channel.

    Raises:
        NotThereError: No order has that number.
        RejectedError: It names several orders.
        RetryableError: There is no lake yet, or it does not answer.
    """
    order_id = find_order(console, number)
    header = _header(console, order_id)
    rows = ask_lake(console.questions, "order_standing", {"order_id": order_id})
    feeds = life_feeds(read_feed_standings(console))
    lines = tuple(_line(row, feeds) for row in rows)
    known = sum(line.verdict is not Verdict.UNKNOWN for line in lines)
    first = rows[0] if rows else None
    return OrderStanding(
        order_id=order_id,
        channel_order_id=header["channel_order_id"],
        customer_id=header["customer_id"],
        ordered_at=header["ordered_at"],
        requested_at=header["requested_at"],
        promised_at=max((line.promised_at for line in lines if line.promised_at), default=None),
        order_state=_known(first, "order_state"),
        hold_state=_known(first, "hold_state"),
        is_on_hold=bool(first and first["is_on_hold"]),
        is_partial=bool(first and first["is_partial"]),
        verdict=min((line.verdict for line in lines), key=_WORST_FIRST.index, default=Verdict.UNKNOWN),
        coverage=(Decimal(known) / len(lines)).quantize(Decimal("0.0001")) if lines else Decimal(0),
        as_of=oldest(feeds),
        lines=lines,
        milestones=_spans(_events(console, order_id, header["channel_order_id"])),
        open_exceptions=tuple(list_cases(work, CaseFilter(order_id=order_id, only_open=True))),
        distrusted=_distrusted(feeds, lines),
    )


def read_order_life(console: Console, number: str) -> OrderLife:
    """Return what happened to an order across the systems, oldest first.

    Raises:
        NotThereError: No order has that number.
        RejectedError: It names several orders.
        RetryableError: There is no lake yet, or it does not answer.
    """
    order_id = find_order(console, number)
    header = _header(console, order_id)
    feeds = life_feeds(read_feed_standings(console))
    lines = tuple(_line(row, feeds) for row in ask_lake(console.questions, "order_standing", {"order_id": order_id}))
    planned = (
        PlannedMilestone(line.line_no, milestone, moment)
        for line in lines
        for milestone, moment in (("order.released", line.release_due_at), ("delivery.confirmed", line.promised_at))
        if moment
    )
    events = _events(console, order_id, header["channel_order_id"])
    return OrderLife(order_id, oldest(feeds), events, tuple(planned), _distrusted(feeds, lines))


def find_order(console: Console, number: str) -> str:
    """Return the number by which the ledger knows an order: the ERP's, or the channel's where the ERP has it not yet.

    Raises:
        NotThereError: No order has that number.
        RejectedError: It names several orders.
        RetryableError: There is no lake yet, or it does not answer.
    """
    rows = ask_lake(console.explanations, "explain_subjects", {"id": number})
    found = sorted({row["order_id"] for row in rows if row["kind"] in {"order", "channel order"} and row["order_id"]})
    if not found:
        raise NotThereError(
            f"There is no order {number}.",
            expected="the number of an order, as the ERP or its channel has it",
            found="no such order in the lake",
            remedy="correct the number, or ask again after the next reading of the systems",
        )
    if number in found:
        return number
    if len(found) > 1:
        raise RejectedError(
            f"{number} names several orders.",
            expected="the number of one order",
            found=", ".join(found),
            remedy="ask for each by its own number",
        )
    order_id: str = found[0]
    return order_id


def _header(console: Console, order_id: str) -> Row:
    nothing = dict.fromkeys(("channel_order_id", "customer_id", "ordered_at", "requested_at"))
    return next(iter(ask_lake(console.questions, "order_header", {"order_id": order_id})), nothing)


def _line(row: Row, feeds: Sequence[FeedStanding]) -> LineStanding:
    verdict = trusted(Verdict(row["verdict"]), (feed for feed in feeds if feed.speaks_of(row["node"] or "")))
    if row["is_quarantined"] and verdict is not Verdict.DIFFER:
        verdict = Verdict.UNKNOWN
    return LineStanding(
        line_no=row["line_no"],
        sku=row["sku"] or "",
        node=row["node"] or "",
        verdict=verdict,
        codes=tuple(code for code in row["codes"].split(", ") if code),
        line_state=_known(row, "line_state"),
        release_state=_known(row, "release_state"),
        shipment_state=_known(row, "shipment_state"),
        invoice_state=_known(row, "invoice_state"),
        channel_ordered_qty=row["channel_ordered_qty"],
        quantities={bucket: row[f"{bucket}_qty"] or Decimal(0) for bucket in _BUCKETS},
        promised_at=row["promised_at"],
        release_due_at=row["release_due_at"],
    )


def _known(row: Row | None, axis: str) -> str:
    return (row[axis] if row else None) or "UNKNOWN"


def _events(console: Console, order_id: str, channel_order_id: str | None) -> tuple[LifeEvent, ...]:
    keys = {"order_ids": [order_id], "channel_order_ids": [channel_order_id] if channel_order_id else []}
    return tuple(LifeEvent(**row) for row in ask_lake(console.explanations, "explain_events", keys))


def _spans(events: Iterable[LifeEvent]) -> tuple[MilestoneSpan, ...]:
    by_kind: dict[str, list[datetime]] = {}
    for event in events:
        by_kind.setdefault(event.event, []).append(event.occurred_at)
    return tuple(MilestoneSpan(kind, len(times), min(times), max(times)) for kind, times in by_kind.items())


def _distrusted(feeds: Iterable[FeedStanding], lines: Sequence[LineStanding]) -> tuple[FeedStanding, ...]:
    nodes = {line.node for line in lines}
    return tuple(
        feed for feed in feeds if feed.state != "OK" and (not lines or any(feed.speaks_of(node) for node in nodes))
    )
