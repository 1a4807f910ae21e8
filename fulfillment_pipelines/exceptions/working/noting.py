"""What people write beside a case: comments, and which records of other systems belong to it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from fulfillment_pipelines.domain.case import Case, CaseEventKind
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.exceptions.working.case_at_hand import at_hand, require_words
from fulfillment_pipelines.ledger.case_links import CaseLink, insert_link, links_of
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_SYSTEM: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_REFERENCE: Final = 255


def comment(work: UnitOfWork, case_id: str, text: str, *, by: str, now: datetime, seen: int | None = None) -> Case:
    """Say something about a case, also about one that has ended.

    The words are kept in the history of the case and go with it; the audit log keeps that something was said.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        text: What is said.
        by: The person.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Raises:
        BadDataError: There is no such case.
        RejectedError: Nothing is said, or too much.
        LegalMoveError: It has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    words = require_words(text, "A comment")
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    return hand.keep(hand.case, CaseEventKind.COMMENTED, words, detail={"characters": len(words)})


def link(
    work: UnitOfWork, case_id: str, system: str, reference: str, *, by: str, now: datetime, seen: int | None = None
) -> Case:
    """Say that a record of another system belongs to a case, such as the customer's complaint in the CRM.

    Args:
        work: The transaction; the caller commits.
        case_id: The case.
        system: The system that has the record.
        reference: By what that system names it.
        by: The person.
        now: The moment.
        seen: The last event of the case that the person has seen; None where that does not matter.

    Returns:
        The case, unchanged. A link that is there already is not made twice, and nothing more is recorded.

    Raises:
        BadDataError: There is no such case.
        RejectedError: The system or the reference cannot be one.
        LegalMoveError: The case has moved since it was seen.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    wanted = require_words(reference, "A link")
    if not _SYSTEM.fullmatch(system) or len(wanted) > _LONGEST_REFERENCE or "\n" in wanted:
        raise RejectedError(
            "This cannot be linked.",
            expected=f"the name of a system, and its reference in one line of at most {_LONGEST_REFERENCE} characters",
            found=f"{system[:80]!r} and {len(wanted)} characters",
            remedy="name the system as its declaration does, and copy the reference from it",
        )
    hand = at_hand(work, case_id, by=by, now=now, seen=seen)
    if any((known.system, known.reference) == (system, wanted) for known in links_of(work, case_id)):
        return hand.case
    insert_link(work, CaseLink(case_id, system, wanted, by, now))
    detail = {"system": system, "reference": wanted}
    return hand.keep(hand.case, CaseEventKind.LINKED, f"{system} {wanted}", detail=detail)
