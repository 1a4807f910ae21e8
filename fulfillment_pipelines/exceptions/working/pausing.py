"""A case that nobody can or need work on for a while: put off until a moment, or waiting for somebody outside."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseEventKind, CaseState
from fulfillment_pipelines.errors import LegalMoveError, RejectedError
from fulfillment_pipelines.exceptions.lifecycle import move
from fulfillment_pipelines.exceptions.sla import SlaPolicy
from fulfillment_pipelines.exceptions.working.case_at_hand import (
    CaseAtHand,
    at_hand,
    require_open,
    require_words,
    unpaused_state,
)
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_chain import instant_text
from fulfillment_pipelines.ledger.cases import append_events, last_event_at, suppressed_until, update_cases
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

WAKER: Final = "calendar"
"""Who resumes a case in its history and in the audit log when its time has come."""

_S = CaseState


def snooze(
    work: UnitOfWork,
    case_id: str,
    until: datetime,
    *,
    by: str,
    reason: str,
    sla: SlaPolicy,
    now: datetime,
    seen: int | None = None,
) -> Case:
    """Put a case off: nothing is proposed for it, and it wakes by itself. Its deadlines stand.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        until: When it wakes, in UTC.
        by: The person.
        reason: Why, in words.
        sla: For how long a case may be put off.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Raises:
        BadDataError: There is no such case.
        RejectedError: The moment is past or too far off, or no reason is given.
        LegalMoveError: It has ended, what was sent for it is under way, or it has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    why = require_words(reason, "Putting a case off")
    if not now < until <= now + sla.longest_snooze:
        raise RejectedError(
            f"Case {case_id} cannot be put off until {until:%Y-%m-%d %H:%M} UTC.",
            expected=f"a moment after now and at most {sla.longest_snooze.days} days from now",
            found=f"{until:%Y-%m-%d %H:%M}, and now is {now:%Y-%m-%d %H:%M}",
            remedy="name another moment; governance may change `longest_snooze_days` in sla.yaml",
        )
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    asleep = put_off(hand.case)
    note = f"until {until:%Y-%m-%d %H:%M} UTC: {why}"
    detail = {"until": instant_text(until)}
    snoozed = replace(_running(hand, asleep), suppressed_until=until)
    return hand.keep(snoozed, CaseEventKind.SUPPRESSED, note, reason=why, detail=detail)


def wait_for_external(
    work: UnitOfWork, case_id: str, on_whom: str, *, by: str, reason: str, now: datetime, seen: int | None = None
) -> Case:
    """Note that a case waits for somebody outside; the time until it must be solved stands still meanwhile.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        on_whom: For whom: a carrier, a customer, a vendor.
        by: The person.
        reason: For what, in words.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Raises:
        BadDataError: There is no such case.
        RejectedError: It is not said for whom, or for what.
        LegalMoveError: It has ended or is put off, or has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    why, whom = require_words(reason, "Waiting for somebody"), require_words(on_whom, "Waiting for somebody")
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    require_open(hand.case, "left waiting")
    waiting = move(hand.case, _S.WAITING_EXTERNAL)
    return hand.keep(waiting, CaseEventKind.PAUSED, f"for {whom}: {why}", reason=why, detail={"on_whom": whom})


def resume(
    work: UnitOfWork, case_id: str, *, by: str, reason: str = "", now: datetime, seen: int | None = None
) -> Case:
    """Go on with a case that was put off or waited for somebody outside.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        by: The person.
        reason: Why, where there is something to say.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Returns:
        The case: with the person who has it, or in the team's queue.

    Raises:
        BadDataError: There is no such case.
        LegalMoveError: It waits for nothing, or has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    why = require_words(reason, "Going on with a case") if reason.strip() else ""
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    if hand.case.state not in {_S.SUPPRESSED, _S.WAITING_EXTERNAL}:
        raise LegalMoveError(
            f"Case {case_id} waits for nothing.",
            expected=f"{_S.SUPPRESSED} or {_S.WAITING_EXTERNAL}",
            found=hand.case.state,
            remedy="work on it as it stands",
        )
    resumed = _running(hand, awake(hand.case))
    return hand.keep(resumed, CaseEventKind.RESUMED, why or "goes on", reason=why)


def wake_due(work: UnitOfWork, *, now: datetime) -> tuple[str, ...]:
    """Go on with every case whose moment has come, within a transaction that has the turn of the intake.

    Returns:
        The cases, sorted.

    Raises:
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    due = suppressed_until(work, now)
    if not due:
        return ()
    woken = [awake(case) for case in due]
    update_cases(work, woken, {case.case_id: case for case in due})
    note = "the time until which it was put off is over"
    append_events(
        work,
        [
            CaseEvent(case.case_id, now, WAKER, CaseEventKind.RESUMED, before.state, case.state, None, note)
            for before, case in zip(due, woken, strict=True)
        ],
    )
    detail: dict[str, audit.JsonScalar] = {"cases": len(due)}
    audit.append(work, [audit.AuditEntry(now, WAKER, CaseEventKind.RESUMED, "exception_case", detail)])
    return tuple(case.case_id for case in woken)


def put_off(case: Case) -> Case:
    """Return a case that was put off; unchanged where it is already.

    Raises:
        LegalMoveError: It has ended, or what was sent for it is under way.
    """
    require_open(case, "put off")
    return case if case.state is _S.SUPPRESSED else move(case, _S.SUPPRESSED)


def awake(case: Case) -> Case:
    """Return a case that waits no more."""
    # By way of the queue, which is the only way out of SUPPRESSED.
    opened = move(case, _S.OPEN)
    state = unpaused_state(case)
    return replace(opened if state is _S.OPEN else move(opened, state), suppressed_until=None)


def _running(hand: CaseAtHand, case: Case) -> Case:
    """Return the case with its clock running again: later by as long as it has waited for somebody outside."""
    if hand.case.state is not _S.WAITING_EXTERNAL:
        return case
    since = last_event_at(hand.work, hand.case.case_id, CaseEventKind.PAUSED)
    waited = hand.now - since if since else timedelta(0)
    return replace(case, fix_due_at=case.fix_due_at + max(waited, timedelta(0)))
