"""One case that somebody works on: as it stands now, and what is written when something was done to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseEventKind, CaseState
from fulfillment_pipelines.errors import BadDataError, LegalMoveError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import append_events, cases_by_id, last_event_id, update_cases
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

LONGEST_TEXT: Final = 4000
"""Characters of a comment or a reason."""

# A database may refuse them, and none of them says anything.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class CaseAtHand:
    """A case within the transaction that changes it.

    Attributes:
        work: The transaction; nobody else changes cases meanwhile.
        case: As it stands.
        by: Who works on it.
        now: The moment.
    """

    work: UnitOfWork
    case: Case
    by: str
    now: datetime

    def keep(
        self,
        changed: Case,
        event: CaseEventKind,
        note: str,
        *,
        reason: str = "",
        detail: Mapping[str, audit.JsonScalar] | None = None,
    ) -> Case:
        """Write the case as it shall be, with its history and the audit log, and return it.

        Args:
            changed: The case as it shall be.
            event: What happened.
            note: Why or what, for its history.
            reason: For the audit log, where the person gives one.
            detail: What else the audit log must know.
        """
        before = self.case
        update_cases(self.work, [changed], {before.case_id: before})
        said = CaseEvent(before.case_id, self.now, self.by, event, before.state, changed.state, None, note)
        append_events(self.work, [said])
        moves: Mapping[str, audit.JsonScalar] = {"code": before.code, "from": before.state, "to": changed.state}
        entry = audit.AuditEntry(self.now, self.by, event, before.case_id, {**moves, **(detail or {})}, reason)
        audit.append(self.work, [entry])
        return changed


def at_hand(work: UnitOfWork, case_id: str, *, by: str, now: datetime, seen: int | None = None) -> CaseAtHand:
    """Return a case, which nobody else changes until the transaction ends.

    Args:
        work: The transaction.
        case_id: The case.
        by: Who works on it.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Raises:
        BadDataError: There is no such case.
        LegalMoveError: Something has happened to the case since.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    work.take_turn("intake")
    case = cases_by_id(work, [case_id]).get(case_id)
    if case is None:
        raise BadDataError(
            f"There is no case {case_id}.",
            expected="the identity of a case in this ledger, EXC- and 16 hexadecimal digits",
            found="no case of that identity",
            remedy="find it in the queue, or with `fulfillment exceptions list`",
        )
    if seen is not None and (last := last_event_id(work, case_id)) != seen:
        raise LegalMoveError(
            f"Case {case_id} has moved since you looked at it, so nothing was changed.",
            expected=f"event {seen} to be its last",
            found=f"event {last}; it is {case.state} with {case.assignee or 'nobody'}",
            remedy="look at the case again, and repeat what you did if it is still right",
        )
    return CaseAtHand(work, case, by, now)


def require_words(text: str, what: str) -> str:
    """Return what a person says, without what cannot be shown.

    Raises:
        RejectedError: Nothing is said, or too much.
    """
    words = _CONTROLS.sub("", text.replace("\r\n", "\n")).strip()
    if not words or len(words) > LONGEST_TEXT:
        raise RejectedError(
            f"{what} needs words that somebody else can judge it by later.",
            expected=f"1 to {LONGEST_TEXT} characters",
            found=f"{len(words)}",
            remedy="say why" if not words else "say it shorter",
        )
    return words


def unpaused_state(case: Case) -> CaseState:
    """Return where a case goes on that waits for nothing any more: with who has it, or in the team's queue."""
    return CaseState.ASSIGNED if case.assignee else CaseState.OPEN


def require_open(case: Case, what: str) -> None:
    """Refuse what nobody does to a case that has ended.

    Raises:
        LegalMoveError: Its cure was proved.
    """
    if case.closed_at is not None:
        raise LegalMoveError(
            f"Case {case.case_id} cannot be {what}: it has ended.",
            expected="a case whose cure is not proved",
            found=f"{case.state} since {case.closed_at:%Y-%m-%d %H:%M} UTC",
            remedy="nothing is to be done; it is opened again by itself if the difference comes back",
        )
