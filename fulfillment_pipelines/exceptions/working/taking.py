"""Whose a case is: somebody takes it, or hands it to a person or back to the team's queue.

Who takes it when it is new is decided by `routing`; which team owns it, by its rule.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from fulfillment_pipelines.domain.case import Case, CaseEventKind, CaseState
from fulfillment_pipelines.errors import LegalMoveError
from fulfillment_pipelines.exceptions.lifecycle import move
from fulfillment_pipelines.exceptions.working.case_at_hand import at_hand, require_open, require_words
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_S = CaseState

# What is under way there goes on whoever has the case: an approval, a delivery, somebody outside.
_UNDER_WAY: Final = frozenset({_S.PENDING_APPROVAL, _S.WAITING_EXTERNAL, _S.CORRECTION_SENT, _S.RESOLVED})


class Staff(Protocol):
    """Who works here."""

    def require_active(self, identity: str) -> object:
        """Return a person, or refuse one who does not exist or has left."""
        ...


def take(work: UnitOfWork, case_id: str, *, by: str, now: datetime, seen: int | None = None) -> Case:
    """Take a case that nobody else has, and begin with it. Who has it already has it.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        by: The person.
        now: The moment; the first taking is its acknowledgement.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Raises:
        BadDataError: There is no such case.
        LegalMoveError: It has ended, is put off, is somebody else's, or has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    after = taken(hand.case, by=by, now=now)
    if after == hand.case:
        return after
    return hand.keep(after, CaseEventKind.TAKEN, f"taken by {by}", detail={"assignee": by})


def assign(
    work: UnitOfWork,
    case_id: str,
    to: str | None,
    *,
    by: str,
    reason: str,
    people: Staff,
    now: datetime,
    seen: int | None = None,
) -> Case:
    """Hand a case to a person, or back to the queue of the team that owns it.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        to: The person; None for the team's queue.
        by: Who hands it over.
        reason: Why, in words.
        people: Who works here.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Raises:
        BadDataError: There is no such case.
        RejectedError: Nobody active has this name, or no reason is given.
        LegalMoveError: It has ended, is put off, or has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    why = require_words(reason, "Handing a case over")
    if to is not None:
        people.require_active(to)
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    before, after = hand.case, assigned(hand.case, to)
    if after == before:
        return after
    note = f"{'to ' + to if to else 'back to the queue of ' + before.owner}: {why}"
    return hand.keep(after, CaseEventKind.ASSIGNED, note, reason=why, detail={"assignee": to, "was": before.assignee})


def taken(case: Case, *, by: str, now: datetime) -> Case:
    """Return a case as it is once somebody has taken it; unchanged where the person has it already.

    Raises:
        LegalMoveError: It has ended, is put off, or is somebody else's.
    """
    _require_workable(case, "taken")
    if case.assignee not in {None, by}:
        raise LegalMoveError(
            f"Case {case.case_id} is {case.assignee}'s already.",
            expected="a case that nobody has",
            found=f"{case.state} with {case.assignee}",
            remedy="talk to them, or assign it with a reason",
        )
    to_state = case.state if case.state in _UNDER_WAY else _S.IN_PROGRESS
    return replace(_moved(case, to_state), assignee=by, acked_at=case.acked_at or now)


def assigned(case: Case, to: str | None) -> Case:
    """Return a case as it is once it was handed over; unchanged where it is there already.

    Raises:
        LegalMoveError: It has ended, or is put off.
    """
    _require_workable(case, "assigned")
    if case.assignee == to:
        return case
    to_state = case.state if case.state in _UNDER_WAY else (_S.ASSIGNED if to else _S.OPEN)
    return replace(_moved(case, to_state), assignee=to)


def _moved(case: Case, to_state: CaseState) -> Case:
    return case if case.state is to_state else move(case, to_state)


def _require_workable(case: Case, what: str) -> None:
    require_open(case, what)
    if case.state is _S.SUPPRESSED:
        until = f" until {case.suppressed_until:%Y-%m-%d %H:%M} UTC" if case.suppressed_until else ""
        raise LegalMoveError(
            f"Case {case.case_id} cannot be {what}: it is put off.",
            expected="a case that is worked on",
            found=f"{case.state}{until}",
            remedy="resume it first",
        )
