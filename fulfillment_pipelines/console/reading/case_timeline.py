"""What happened, across all systems and in the ledger, in one order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fulfillment_pipelines.console.rendering import quantity
from fulfillment_pipelines.domain.case import CaseEvent, CaseEventKind
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.story import LifeEvent
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CaseFile

PLATFORM: Final = "platform"
_OF_LEGS: Final = frozenset({"shipment.departed", "shipment.confirmed", "asn.sent"})
_REPEATED: Final = frozenset({"shipment.milestone", "status.shown"})

EVENT_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "order.received": "Order received",
        "order.accepted": "Order accepted",
        "hold.applied": "Hold applied",
        "hold.resolved": "Hold resolved",
        "order.released": "Released to the site",
        "release.acked": "Release taken in",
        "pick.confirmed": "Picked",
        "pack.completed": "Packed",
        "shipment.departed": "Left the site",
        "shipment.confirmed": "Shipment confirmed",
        "asn.sent": "Ship notice",
        "shipment.milestone": "Carrier",
        "delivery.confirmed": "Delivered",
        "order.milestone": "Milestone",
        "return.received": "Return received",
        "credit_memo.posted": "Credit memo",
        "invoice.drafted": "Invoice drafted",
        "invoice.posted": "Invoice posted",
        "status.shown": "Shown to the customer",
        "case.opened": "Customer service case",
        "document.sent": "EDI document",
    }
)
"""Events in the life of an order, in words."""

_CASE_WORDS: Final[Mapping[CaseEventKind, str]] = MappingProxyType(
    {
        CaseEventKind.OPENED: "Case opened",
        CaseEventKind.REFRESHED: "Case refreshed",
        CaseEventKind.REOPENED: "Case reopened",
        CaseEventKind.MOVED: "Case moved",
        CaseEventKind.TAKEN: "Case taken",
        CaseEventKind.ASSIGNED: "Case assigned",
        CaseEventKind.COMMENTED: "Comment",
        CaseEventKind.SUPPRESSED: "Case put off",
        CaseEventKind.PAUSED: "Case waits",
        CaseEventKind.RESUMED: "Case goes on",
        CaseEventKind.LINKED: "Record linked",
        CaseEventKind.CURED: "Cure proved",
    }
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened.

    Attributes:
        at: When.
        what: What, in words.
        who: The system, person or part of the platform that says so or did it.
        detail: What else is known.
        about: The number of what it happened to; empty for none.
        lines: The order lines, as they are read; empty for the whole order.
        amount: The quantity of all of them, as it is read; empty for none.
        again: How many times more it was said, until `again_at`.
        again_at: When it was said last; None where it was said once.
        snapshot_id: The snapshot that tells it; empty for what the ledger knows.
        mark: `wrong` where the difference began, `done` where it ended, `decided` for what people and the platform
            did, else empty.
    """

    at: datetime
    what: str
    who: str
    detail: str
    about: str = ""
    lines: str = ""
    amount: str = ""
    snapshot_id: str = ""
    mark: str = ""
    again: int = 0
    again_at: datetime | None = None


def read_life(
    questions: Questions, order_ids: Sequence[str], channel_order_ids: Sequence[str], line_no: int | None
) -> list[LifeEvent]:
    """Return what happened to orders in all systems; only to one line, its legs and the whole order where it is given.

    Raises:
        BadDataError: The lake does not hold what a run makes.
    """
    asked = {"order_ids": list(order_ids), "channel_order_ids": list(channel_order_ids)}
    life = [LifeEvent(**row) for row in questions.ask("explain_events", asked)]
    if line_no is None:
        return life
    legs = {event.subject_id for event in life if event.event in _OF_LEGS and event.line_no == line_no}
    return [
        event
        for event in life
        if event.line_no == line_no
        or (event.line_no is None and (event.event != "shipment.milestone" or event.subject_id in legs))
    ]


def moments_of(life: Iterable[LifeEvent], file: CaseFile | None = None) -> tuple[Moment, ...]:
    """Return what happened in the systems and, for a case, in the ledger, the latest last."""
    told = [_of_system(events) for events in _alike(life)]
    if file is not None:
        told += [*_of_case(file), *(moment for one in file.corrections for moment in _of_correction(one.correction))]
    # What is told as of one moment stays in the order in which it was recorded.
    return tuple(sorted(told, key=lambda moment: moment.at))


def case_words(event: CaseEvent) -> str:
    """Return what happened to a case, in words."""
    return _CASE_WORDS[event.event]


def _alike(life: Iterable[LifeEvent]) -> Iterable[Sequence[LifeEvent]]:
    """Put together what one system says of several lines at once, and a carrier of one leg again and again."""
    together: dict[tuple[object, ...], list[LifeEvent]] = {}
    for event in life:
        when = None if event.event in _REPEATED else event.occurred_at
        key = (when, event.event, event.system, event.subject_id, event.order_id, event.detail)
        together.setdefault(key, []).append(event)
    return together.values()


def _of_system(events: Sequence[LifeEvent]) -> Moment:
    event = events[0]
    lines = sorted({one.line_no for one in events if one.line_no is not None})
    units = [one.quantity_qty for one in events if one.quantity_qty is not None]
    return Moment(
        at=event.occurred_at,
        what=EVENT_WORDS.get(event.event, event.event),
        who=event.system,
        detail=event.detail or "",
        about=event.subject_id or event.order_id or "",
        lines=f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}" if lines else "",
        amount=quantity(sum(units, Decimal(0))) if units else "",
        snapshot_id=event.snapshot_id,
        again=len({one.occurred_at for one in events}) - 1,
        again_at=events[-1].occurred_at if events[-1].occurred_at > event.occurred_at else None,
    )


def _of_case(file: CaseFile) -> Iterator[Moment]:
    case = file.case
    yield Moment(case.condition_since, "The difference became true", PLATFORM, f"{case.code}", mark="wrong")
    if case.first_breaks_at > case.condition_since:
        over = "the time in which it might have healed is over"
        yield Moment(case.first_breaks_at, "No longer a matter of timing", PLATFORM, over, mark="wrong")
    for event in file.history:
        moved = "" if event.from_state is event.to_state else f"{_plain(event.from_state)} → {_plain(event.to_state)}"
        detail = ": ".join(part for part in (moved, event.note) if part)
        mark = "done" if event.event is CaseEventKind.CURED else "decided"
        yield Moment(event.occurred_at, case_words(event), event.actor, detail, mark=mark)


def _of_correction(record: CorrectionRecord) -> Iterator[Moment]:
    asks = f"{record.message} → {record.target}"
    stages = (
        (record.proposed_at, "Correction proposed", record.proposed_by, record.judgement_reason),
        (record.decided_at, f"Correction {_decided(record)}", record.decided_by or PLATFORM, record.decision_reason),
        (record.sent_at, "Correction sent", PLATFORM, ""),
        (record.acked_at, "Correction acknowledged", record.target, record.reference and f"as {record.reference}"),
        (record.verified_at, "Correction proved by a later reading", PLATFORM, ""),
    )
    for at, what, who, detail in stages:
        if at is not None:
            told = ": ".join(part for part in (asks, detail) if part)
            yield Moment(at, what, who, told, about=record.correction_id, mark="decided")


def _decided(record: CorrectionRecord) -> str:
    return {"REJECTED": "rejected", "SUPERSEDED": "withdrawn"}.get(record.state, "approved")


def _plain(state: str) -> str:
    return state.replace("_", " ").lower()
