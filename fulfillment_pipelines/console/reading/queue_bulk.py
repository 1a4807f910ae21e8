"""What would become of many cases at once, before it is done: how many, what they are worth, and which are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from fulfillment_pipelines.corrections.approving.bulk import BulkResult
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.errors import BadDataError, FulfillmentError, LegalMoveError
from fulfillment_pipelines.exceptions.working.pausing import put_off
from fulfillment_pipelines.exceptions.working.taking import assigned, taken

MOST_AT_ONCE: Final = 200
"""Cases that are worked on at once."""


class BulkAction(StrEnum):
    """What is done to many cases."""

    TAKE = "take"
    ASSIGN = "assign"
    SNOOZE = "snooze"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A case that was selected.

    Attributes:
        case_id: The case.
        seen: What happened to it last, as the person saw it.
    """

    case_id: str
    seen: int

    def __str__(self) -> str:
        return f"{self.case_id}:{self.seen}"


@dataclass(frozen=True, slots=True)
class Refused:
    """One case of many that is left alone.

    Attributes:
        case_id: The case.
        what: The case in words; empty where it is not known.
        error: Why.
    """

    case_id: str
    what: str
    error: FulfillmentError


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What would be done.

    Attributes:
        action: What.
        cases: To these.
        chosen: The same as they were selected.
        refused: Those that would be left alone.
        amounts: What the cases are worth, by currency.
        people: Who they can be assigned to, by identity.
        spans: For how many hours they can be put off.
        back: What asks for the page of the queue.
    """

    action: BulkAction
    cases: tuple[Case, ...]
    chosen: tuple[Chosen, ...]
    refused: tuple[Refused, ...]
    amounts: Mapping[str, Decimal]
    people: Mapping[str, str]
    spans: tuple[int, ...]
    back: str


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What was done.

    Attributes:
        words: In one sentence.
        refused: Which were left alone, and why.
        back: What asks for the page of the queue.
    """

    words: str
    refused: tuple[Refused, ...]
    back: str


@dataclass(frozen=True, slots=True)
class CausePreview:
    """What would be approved because of one cause.

    Attributes:
        cause: The case that is the cause.
        result: What would be decided, and what is refused.
    """

    cause: Case
    result: BulkResult


@dataclass(frozen=True, slots=True)
class ApprovalPreview:
    """What would be approved.

    Attributes:
        causes: By cause.
        refused: Causes of which nothing can be approved.
        back: What asks for the page of the queue.
    """

    causes: tuple[CausePreview, ...]
    refused: tuple[Refused, ...]
    back: str

    @property
    def count(self) -> int:
        """How many corrections would be approved."""
        return sum(len(one.result.decided) for one in self.causes)


def chosen_of(values: Iterable[str]) -> tuple[Chosen, ...]:
    """Return what was selected, each case once.

    Raises:
        BadDataError: Nothing, too much, or what no page of the queue offers.
    """
    chosen: dict[str, Chosen] = {}
    for value in values:
        case_id, _, seen = value.partition(":")
        if not case_id or len(case_id) > len("EXC-") + 16 or not seen.isascii() or not seen.isdigit():
            raise _unselected(value[:60])
        chosen[case_id] = Chosen(case_id, min(int(seen[:15]), 2**53))
    if not 0 < len(chosen) <= MOST_AT_ONCE:
        raise _unselected(f"{len(chosen)} cases")
    return tuple(chosen.values())


def split(
    chosen: Sequence[Chosen],
    cases: Mapping[str, Case],
    events: Mapping[str, int],
    refusal: Callable[[Case], FulfillmentError | None],
) -> tuple[list[Case], list[Refused]]:
    """Return the selected cases to which something can be done, and the others with the reason."""
    able, refused = list[Case](), list[Refused]()
    for one in chosen:
        case = cases.get(one.case_id)
        error = _why_not(one, case, events) or (refusal(case) if case else None)
        if error is not None:
            refused.append(Refused(one.case_id, words_of(case), error))
        elif case is not None:
            able.append(case)
    return able, refused


def try_out(action: BulkAction, case: Case, *, by: str, now: datetime) -> FulfillmentError | None:
    """Return why a case would refuse something; None where it would not."""
    try:
        if action is BulkAction.TAKE:
            taken(case, by=by, now=now)
        elif action is BulkAction.ASSIGN:
            assigned(case, by)
        else:
            put_off(case)
    except FulfillmentError as error:
        return error
    return None


def amounts_of(cases: Iterable[Case]) -> Mapping[str, Decimal]:
    """Return what cases are worth, by currency; nothing is added up across currencies."""
    amounts: dict[str, Decimal] = {}
    for case in cases:
        amounts[case.currency] = amounts.get(case.currency, Decimal(0)) + case.value_at_risk_amount
    return amounts


def words_of(case: Case | None) -> str:
    """Return a case in few words."""
    return f"{case.code} {case.business_key}" if case else ""


def _why_not(one: Chosen, case: Case | None, events: Mapping[str, int]) -> FulfillmentError | None:
    if case is None:
        return BadDataError(f"There is no case {one.case_id}.", remedy="load the queue again")
    last = events.get(one.case_id, 0)
    if last == one.seen:
        return None
    return LegalMoveError(
        "It has moved since you looked at it.",
        expected=f"event {one.seen} to be its last",
        found=f"event {last}; it is {case.state} with {case.assignee or 'nobody'}",
        remedy="look at it again",
    )


def _unselected(found: str) -> BadDataError:
    return BadDataError(
        "This selection cannot be worked on.",
        expected=f"1 to {MOST_AT_ONCE} cases of the queue",
        found=found,
        remedy="select cases in the queue, then choose what to do with them",
    )
