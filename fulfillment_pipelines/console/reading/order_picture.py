"""The quantity ledger of an order as a picture, and its life as lanes: where each bar and dot stands.

Lengths are those of the drawing, not of a screen; which colour a part has is decided by its class in `order.css`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.rendering import quantity
from fulfillment_pipelines.explanation.story import LifeEvent

_LABEL: Final = 150
_STAGE: Final = 98
_BAR: Final = 82
_ROW: Final = 40
_HEAD: Final = 26
_LANES: Final = 1040
_LANE: Final = 28
_LANE_LABEL: Final = 110
_AHEAD: Final = 0.25

STAGES: Final = (
    ("ordered", "Ordered", "ordered_qty"),
    ("cancelled", "Cancelled", "cancelled_qty"),
    ("allocated", "Allocated", "reached_allocation_qty"),
    ("released", "Released", "released_qty"),
    ("picked", "Picked", "picked_qty"),
    ("shipped", "Shipped", "shipped_qty"),
    ("delivered", "Delivered", "delivered_qty"),
    ("returned", "Returned", "returned_qty"),
    ("invoiced", "Invoiced", "invoiced_qty"),
    ("credited", "Credited", "credited_qty"),
)
"""The stages of a line, each with its words and its quantity."""

_WAITS: Final = {
    "open_qty": ("allocated", "not allocated"),
    "backordered_qty": ("allocated", "backordered"),
    "allocated_unreleased_qty": ("released", "wait for release"),
    "released_unpicked_qty": ("picked", "wait for the pick"),
    "picked_unshipped_qty": ("shipped", "wait to leave"),
    "short_closed_qty": ("shipped", "closed short"),
    "in_transit_qty": ("delivered", "on the road"),
    "lost_qty": ("delivered", "lost"),
    "unbilled_qty": ("invoiced", "not billed"),
}
"""Where units of each bucket are missing, and why."""
_EXCESSES: Final = {
    "overshipped_qty": ("shipped", "shipped too many"),
    "overbilled_qty": ("invoiced", "billed too many"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage of one line.

    Attributes:
        stage: Which.
        words: Its name.
        qty: How many units have reached it.
        left: Where it begins.
        top: Where its text stands.
        length: Of what has reached it.
        waiting: Of what has not, though it has reached the stage before; behind it.
        waits: How many units wait here and why, in words; empty for none.
        excess: How many units are too many, in words; empty for none.
    """

    stage: str
    words: str
    qty: Decimal
    left: int
    top: int
    length: float
    waiting: float
    waits: str
    excess: str

    @property
    def told(self) -> str:
        """The same in words."""
        return "; ".join(part for part in (f"{self.words}: {quantity(self.qty)}", self.waits, self.excess) if part)


@dataclass(frozen=True, slots=True)
class PicturedLine:
    """One line of an order.

    Attributes:
        row: What the lake says of it.
        top: Where it begins in the picture.
        bars: Its stages.
    """

    row: Mapping[str, Any]
    top: int
    bars: tuple[Bar, ...]

    @property
    def waits(self) -> tuple[str, ...]:
        """Where units of the line are stuck or too many, in words."""
        return tuple(words for bar in self.bars for words in (bar.waits, bar.excess) if words)


@dataclass(frozen=True, slots=True)
class Picture:
    """The quantity ledger of an order.

    Attributes:
        lines: Line by line.
        heads: Name of each stage and where it stands.
        width: Of the drawing.
        height: Of it.
        track: Length of a bar that is whole.
    """

    lines: tuple[PicturedLine, ...]
    heads: tuple[tuple[str, int], ...]
    width: int
    height: int
    track: int = _BAR


@dataclass(frozen=True, slots=True)
class Dot:
    """One event in a lane: where it stands, what it is, and whether it was planned or happened."""

    x: float
    words: str
    kind: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What one system tells of the life of an order."""

    name: str
    y: int
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """The life of an order, system by system.

    Attributes:
        lanes: The plan first, then the systems.
        days: Where each day begins, and its name.
        width: Of the drawing.
        height: Of it.
        begins: Where the lanes begin.
    """

    lanes: tuple[Lane, ...]
    days: tuple[tuple[float, str], ...]
    width: int
    height: int
    begins: int


def picture_of(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """Return the picture of order lines.

    Args:
        rows: Rows of `order_ledger`.
    """
    lines = tuple(_line(row, _HEAD + at * _ROW) for at, row in enumerate(rows))
    heads = tuple((words, _LABEL + at * _STAGE) for at, (_, words, _) in enumerate(STAGES))
    return Picture(lines, heads, _LABEL + len(STAGES) * _STAGE, _HEAD + len(rows) * _ROW)


def lanes_of(events: Iterable[LifeEvent], planned: Iterable[tuple[datetime, str]]) -> Lanes | None:
    """Return the life of an order as lanes; None where nothing is known to have happened.

    Args:
        events: What happened.
        planned: What was to happen, and when.
    """
    told, plan = list(events), list(planned)
    happened = [event.occurred_at for event in told]
    if not told or min(happened) == max(happened):
        return None
    first, last = min([*happened, *(at for at, _ in plan)]), max(happened)
    # What is planned for long after is drawn at the edge, so that what has happened does not shrink to nothing.
    last = min(max([last, *(at for at, _ in plan)]), last + (last - first) * _AHEAD)

    def place(at: datetime) -> float:
        return round(_LANE_LABEL + (min(at, last) - first) / (last - first) * (_LANES - _LANE_LABEL - 12), 1)

    names = ["plan", *sorted({event.system for event in told})]
    dots: dict[str, list[Dot]] = {name: [] for name in names}
    for event in told:
        dots[event.system].append(Dot(place(event.occurred_at), _words(event), event.event.split(".")[0]))
    dots["plan"] = [Dot(place(at), f"{words}: {at:%Y-%m-%d %H:%M} UTC", "plan") for at, words in plan]
    lanes = tuple(Lane(name, _HEAD + at * _LANE, tuple(dots[name])) for at, name in enumerate(names))
    return Lanes(lanes, tuple(_days(first, last, place)), _LANES, _HEAD + len(names) * _LANE, _LANE_LABEL)


def _line(row: Mapping[str, Any], top: int) -> PicturedLine:
    scale = max((Decimal(row[name]) for _, _, name in STAGES), default=Decimal(0)) or Decimal(1)
    waits, lengths = _by_stage(row, _WAITS)
    excesses, _ = _by_stage(row, _EXCESSES)
    bars = tuple(
        Bar(
            stage=stage,
            words=words,
            qty=row[name],
            left=_LABEL + at * _STAGE,
            top=top,
            length=_length(max(row[name], Decimal(0)), scale),
            waiting=_length(min(lengths.get(stage, Decimal(0)), scale - max(row[name], Decimal(0))), scale),
            waits=waits.get(stage, ""),
            excess=excesses.get(stage, ""),
        )
        for at, (stage, words, name) in enumerate(STAGES)
    )
    return PicturedLine(row, top, bars)


def _by_stage(
    row: Mapping[str, Any], buckets: Mapping[str, tuple[str, str]]
) -> tuple[Mapping[str, str], Mapping[str, Decimal]]:
    words: dict[str, str] = {}
    lengths: dict[str, Decimal] = {}
    for name, (stage, why) in buckets.items():
        if row[name]:
            told = f"{quantity(row[name])} {why}"
            words[stage] = f"{words[stage]}, {told}" if stage in words else told
            lengths[stage] = lengths.get(stage, Decimal(0)) + row[name]
    return words, lengths


def _length(qty: Decimal, scale: Decimal) -> float:
    return float(round(max(qty, Decimal(0)) / scale * _BAR, 1))


def _words(event: LifeEvent) -> str:
    units = "" if event.quantity_qty is None else f", {quantity(event.quantity_qty)} units"
    line = "" if event.line_no is None else f", line {event.line_no}"
    about = f" {event.subject_id}" if event.subject_id else ""
    return f"{event.event}{about}{line}{units}, {event.occurred_at:%Y-%m-%d %H:%M} UTC"


def _days(first: datetime, last: datetime, place: Any) -> Iterable[tuple[float, str]]:
    day = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    count = max((last - day).days + 1, 0)
    step = timedelta(days=max(1, count // 10 + 1)) if count > 10 else timedelta(days=1)  # noqa: PLR2004 - ten fit
    while day <= last:
        yield place(day), f"{day:%d %b}"
        day += step
