"""The inbox: what systems have sent by themselves, each message once, in the order in which it was kept.

How messages arrive belongs to `systems.transports.events`; what they mean, to the feeds that read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, insert, select

from fulfillment_pipelines.domain.inbox import InboxMessage, KeptMessage
from fulfillment_pipelines.ledger.tables import inbox_message
from fulfillment_pipelines.ledger.unit_of_work import Ledger


class LedgerInbox:
    """The inbox of one deployment.

    Args:
        ledger: Where it is kept. No transaction of the caller may be open on it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def keep(self, messages: Sequence[InboxMessage]) -> int:
        """Keep those that are not kept yet, and return how many they were; they are durable when this returns.

        Raises:
            RetryableError: The ledger is busy or does not answer; nothing was kept.
        """
        if not messages:
            return 0
        with self._ledger.unit_of_work() as work:
            # One after the other, so that a message is never seen before one with a lower number.
            work.take_turn("inbox")
            new = {(message.system, message.entity, message.message_id): message for message in messages}
            staged = work.stage(message.message_id for message in messages)
            known = select(inbox_message.c.system, inbox_message.c.entity, inbox_message.c.message_id).join(
                staged, staged.c.key == inbox_message.c.message_id
            )
            for row in work.rows(known):
                new.pop((row.system, row.entity, row.message_id), None)
            work.change(insert(inbox_message), [asdict(message) for message in new.values()])
            work.commit()
        return len(new)

    def read(self, system: str, entity: str, after: int, most: int | None = None) -> Sequence[KeptMessage]:
        """Return what came of an entity after a message, in the order in which it was kept; all, or the first few.

        Raises:
            RetryableError: The ledger does not answer.
        """
        columns = inbox_message.c
        query = (
            select(columns.sequence_no, columns.received_at, columns.body)
            .where(columns.system == system, columns.entity == entity, columns.sequence_no > after)
            .order_by(columns.sequence_no)
            .limit(most)
        )
        with self._ledger.reading() as work:
            return [KeptMessage(row.sequence_no, row.received_at, row.body) for row in work.rows(query)]

    def senders_after(self, sequence_no: int) -> tuple[int, frozenset[str]]:
        """Return the number of the last message, and who sent those that came after the one with the given number.

        Cheap enough to be asked all the time: where nothing came, only the end of the key is looked at.

        Raises:
            RetryableError: The ledger does not answer.
        """
        columns = inbox_message.c
        with self._ledger.reading() as work:
            (newest,) = work.rows(select(func.max(columns.sequence_no).label("last")))
            if newest.last is None or newest.last <= sequence_no:
                return sequence_no, frozenset()
            came = (columns.sequence_no > sequence_no) & (columns.sequence_no <= newest.last)
            senders = work.rows(select(columns.system).distinct().where(came))
            return newest.last, frozenset(row.system for row in senders)
