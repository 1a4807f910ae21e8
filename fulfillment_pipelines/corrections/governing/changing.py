"""A person proposes that a policy file says something else, or takes that back; a second person decides.

Deciding belongs in `deciding`; small forms that change one value of a file, in `single_values`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from fulfillment_pipelines.corrections.approving.approval import require_grounds
from fulfillment_pipelines.corrections.governing.nesting import require_shallow
from fulfillment_pipelines.corrections.governing.seeds_folder import SeedsFolder
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.errors import BadDataError, LegalMoveError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.change_requests import (
    ChangeRequest,
    ChangeState,
    insert_change,
    read_change,
    settle_change,
    text_hash,
)
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

LONGEST_TEXT: Final = 128 * 1024
"""No policy file is longer than so many characters."""

Trial: TypeAlias = Callable[[str, str], None]
"""Asked whether all policies could be read if a file had a text; raises BadDataError with the line if not."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person wants a file to say.

    Attributes:
        file_name: The file.
        base_hash: Of the text the person had before them.
        content: The whole text.
        reason: Why.
    """

    file_name: str
    base_hash: str
    content: str
    reason: str


def propose(
    work: UnitOfWork,
    wanted: Proposal,
    *,
    by: str,
    folder: SeedsFolder,
    trial: Trial,
    policies: Policies,
    now: datetime,
) -> ChangeRequest:
    """Keep a change for a second person to decide on, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        wanted: The change.
        by: Who proposes it.
        folder: Where the file is.
        trial: Whether the text fits.
        policies: The people.
        now: The moment.

    Raises:
        RejectedError: The file was changed since, nothing changes, or no reason is given.
        BadDataError: The text does not fit, which names the line; it is no policy file, or too long.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, wanted.reason, policies)
    text = _plain_lines(wanted.content)
    require_shallow(text)
    folder.require_base(wanted.file_name, wanted.base_hash)
    if text_hash(text) == wanted.base_hash:
        raise RejectedError(
            f"The change of {wanted.file_name} changes nothing.",
            expected="another text than the file has now",
            found="the same",
            remedy="change a value, or leave it",
        )
    trial(wanted.file_name, text)
    request = ChangeRequest(wanted.file_name, wanted.base_hash, text, wanted.reason.strip(), by, now)
    request = replace(request, request_id=insert_change(work, request))
    audit.append(work, [change_entry(request, by, "change.proposed", wanted.reason, policies=policies, now=now)])
    return request


def withdraw(
    work: UnitOfWork, request_id: int, *, by: str, reason: str, policies: Policies, now: datetime
) -> ChangeRequest:
    """Take a proposed change back, within the running transaction; the caller commits.

    Raises:
        RejectedError: Somebody else has proposed it, or no reason is given.
        LegalMoveError: It is decided already.
        BadDataError: There is no such change.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, reason, policies)
    work.take_turn("intake")
    request = open_change(work, request_id)
    if request.proposed_by != by:
        raise RejectedError(
            f"{by} cannot withdraw the change {request_id}.",
            expected=f"{request.proposed_by}, who has proposed it",
            found=by,
            remedy="reject it instead",
        )
    return settle(work, request, ChangeState.WITHDRAWN, by=by, reason=reason, policies=policies, now=now)


def open_change(work: UnitOfWork, request_id: int) -> ChangeRequest:
    """Return a change that waits for a decision.

    Raises:
        BadDataError: There is no such change.
        LegalMoveError: It is decided already.
    """
    request = read_change(work, request_id)
    if request is None:
        raise BadDataError(
            f"There is no proposed change {request_id}.",
            expected="the number of a proposed change",
            found="none of that number",
            remedy="choose one of the list of changes",
        )
    if request.state is not ChangeState.OPEN:
        raise LegalMoveError(
            f"The change {request_id} waits for no decision any more.",
            expected="one that is open",
            found=f"{request.state.lower()} by {request.decided_by}",
            remedy="propose it anew where it is still wanted",
        )
    return request


def settle(
    work: UnitOfWork,
    request: ChangeRequest,
    state: ChangeState,
    *,
    by: str,
    reason: str,
    policies: Policies,
    now: datetime,
) -> ChangeRequest:
    """Record how an open change was decided, also in the audit log.

    Raises:
        LegalMoveError: Somebody else has decided it meanwhile.
    """
    settled = replace(request, state=state, decided_by=by, decided_at=now, decision_reason=reason.strip())
    if not settle_change(work, settled):
        open_change(work, request.request_id)
    audit.append(work, [change_entry(settled, by, f"change.{state.lower()}", reason, policies=policies, now=now)])
    return settled


def change_entry(
    request: ChangeRequest, by: str, action: str, reason: str, *, policies: Policies, now: datetime
) -> audit.AuditEntry:
    """Return what the audit log is told of a change."""
    detail = {
        "file_name": request.file_name,
        "base_hash": request.base_hash,
        "content_hash": request.content_hash,
        "proposed_by": request.proposed_by,
    }
    return audit.AuditEntry(now, by, action, request.subject, detail, reason.strip(), policies.version)


def _plain_lines(text: str) -> str:
    """Return a text as files have it: browsers send other ends of lines."""
    if len(text) > LONGEST_TEXT:
        raise BadDataError(
            "The text is too long for a policy file.",
            expected=f"at most {LONGEST_TEXT:,} characters",
            found=f"{len(text):,}",
            remedy="shorten it",
        )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return f"{lines}\n"
