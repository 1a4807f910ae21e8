"""What targets have told by themselves of messages, each notice once.

What follows for the correction belongs in `corrections.delivering.notices`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select

from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.ledger.tables import target_notice
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of `target_notice`.

    Attributes:
        target: Declared name of the system that tells.
        notice_id: The system's own number of the notice; a repeated notice has the same.
        idempotency_key: Of the message it is about.
        observed: What became of the message.
        reference: The system's own identifier of the effect; empty where it gives none.
        received_at: When it came, in the time of the deployment.
    """

    target: str
    notice_id: str
    idempotency_key: str
    observed: Observed
    reference: str
    received_at: datetime


def record_notice(work: UnitOfWork, notice: Notice) -> bool:
    """Record a notice; false where it is recorded already, whatever it says this time."""
    # Two transactions with the same notice take turns, so that the second sees what the first has written.
    work.take_turn("audit")
    known = select(target_notice.c.notice_id).where(
        target_notice.c.target == notice.target, target_notice.c.notice_id == notice.notice_id
    )
    if work.rows(known):
        return False
    work.change(insert(target_notice), [asdict(notice)])
    return True
