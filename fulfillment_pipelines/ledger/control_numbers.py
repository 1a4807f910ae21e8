"""The count of interchanges sent to trading partners: durable, and one for all processes.

Each number is given in a transaction of its own and never taken back, so that no two interchanges can have it.
"""

from __future__ import annotations

from sqlalchemy import func, insert, select

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.edi import ControlNumber
from fulfillment_pipelines.ledger.tables import edi_control_number
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork


class LedgerControlNumbers:
    """Counts interchanges in the ledger.

    Args:
        ledger: Where the count is kept. No transaction of the caller may be open on it.
        clock: Tells when a number was given.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def number_for(self, sender: str, receiver: str, idempotency_key: str) -> ControlNumber:
        """Return the number of a key, the next one of the pair where it has none yet.

        Raises:
            RetryableError: The ledger is busy or does not answer.
        """
        given = self.number_of(sender, receiver, idempotency_key)
        if given is not None:
            return given
        allocated_at = self._clock.now()
        with self._ledger.unit_of_work() as work:
            work.take_turn("control_numbers")
            given = _number(work, sender, receiver, idempotency_key)
            if given is None:
                given = ControlNumber(_last(work, sender, receiver) + 1, allocated_at)
                row = {
                    "sender_id": sender,
                    "receiver_id": receiver,
                    "number": given.number,
                    "idempotency_key": idempotency_key,
                    "allocated_at": given.allocated_at,
                }
                work.change(insert(edi_control_number), [row])
                work.commit()
            return given

    def number_of(self, sender: str, receiver: str, idempotency_key: str) -> ControlNumber | None:
        """Return the number of a key, None where nothing was ever sent under it.

        Raises:
            RetryableError: The ledger does not answer.
        """
        with self._ledger.reading() as work:
            return _number(work, sender, receiver, idempotency_key)


def _number(work: UnitOfWork, sender: str, receiver: str, idempotency_key: str) -> ControlNumber | None:
    columns = edi_control_number.c
    rows = work.rows(
        select(columns.number, columns.allocated_at).where(
            columns.sender_id == sender,
            columns.receiver_id == receiver,
            columns.idempotency_key == idempotency_key,
        )
    )
    return ControlNumber(rows[0].number, rows[0].allocated_at) if rows else None


def _last(work: UnitOfWork, sender: str, receiver: str) -> int:
    columns = edi_control_number.c
    of_pair = (columns.sender_id == sender) & (columns.receiver_id == receiver)
    (row,) = work.rows(select(func.coalesce(func.max(columns.number), 0).label("last")).where(of_pair))
    return int(row.last)
