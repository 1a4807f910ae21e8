"""What the audit log says was approved: the witness against which a correction is held when it is sent.

The row of a correction can be changed by whoever reaches the database; a row of the audit log that was changed no
longer has its own hash, and is no witness. Verifying the whole chain belongs in `audit`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from fulfillment_pipelines.ledger.audit import read_rows
from fulfillment_pipelines.ledger.tables import audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

APPROVING_ACTIONS: Final = ("correction.approved", "correction.replayed", "example.approved")
"""What the audit log calls it that a content may be sent."""


@dataclass(frozen=True, slots=True)
class ApprovedContent:
    """The last approval of a correction.

    Attributes:
        content_hash: SHA-256 of everything that may be sent.
        actor: Who approved it: the policy, or the person whose approval was the last that it needed.
    """

    content_hash: str
    actor: str


def approved_content(work: UnitOfWork, correction_id: str) -> ApprovedContent | None:
    """Return the last approval of a correction; None where there is none, or its row was changed."""
    where = [audit_log.c.subject == correction_id, audit_log.c.action.in_(APPROVING_ACTIONS)]
    last = None
    for row in read_rows(work, where=where):
        last = row
    if last is None or last.own_hash() != last.row_hash:
        return None
    return ApprovedContent(str(json.loads(last.detail).get("content_hash", "")), last.actor)
