"""The exchange with trading partners: documents that are due are sent, and acknowledged by a 997 some runs later.

What is due belongs to `edi_due`, what a document says to `edi_documents`, files and envelopes to `systems/edi_files`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fulfillment_pipelines.twin.world import edi_documents as documents
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.edi_documents import FUNCTIONAL_IDS
from fulfillment_pipelines.twin.world.edi_due import INBOUND, OUTBOUND, Draft, Window, due_documents
from fulfillment_pipelines.twin.world.edi_tables import edi_documents, edi_silences
from fulfillment_pipelines.twin.world.trading_partners import RUN_SECONDS, next_run


@dataclass(frozen=True, slots=True)
class SentDocument:
    """A document of the distributor's that the exchange did not make itself.

    Attributes:
        partner_id: With whom.
        set_type: Transaction set.
        about: What it was made for.
        group_no: Control number of its group.
        set_no: Its own control number.
        ack_status: What the partner will answer.
        segments: What it says, without ST and SE.
    """

    partner_id: str
    set_type: str
    about: str
    group_no: int
    set_no: str
    ack_status: str
    segments: documents.Segments


_LAST_RUN_NUMBERS = 1_000_000
_SLOW_EVERY = 7  # one document in so many is acknowledged later, well within every agreement
_SLOW_RUNS = 3
_PROMPT_SETS = frozenset(("856", "940"))
_FUNCTIONS = tuple(FUNCTIONAL_IDS)


def exchange(books: Books, since: int, last_run: int) -> list[Row[Any]]:
    """Let the runs after one moment and up to another carry what is due, and return what they carried.

    Args:
        books: The open books.
        since: The last run that is not theirs, in epoch seconds.
        last_run: The newest of them.

    Returns:
        Rows of `edi_documents`, in the order they were made.
    """
    first_id = (books.truth.execute(select(func.max(edi_documents.c.document_id))).scalar() or 0) + 1
    _send(books, list(due_documents(books, Window(since, last_run))))
    _acknowledge(books, since, last_run)
    sent = select(edi_documents).where(edi_documents.c.document_id >= first_id).order_by(edi_documents.c.document_id)
    return list(books.truth.execute(sent))


def group_no(run_at: int, set_type: str) -> int:
    """Return the control number of the group that carries a set type in a run."""
    return run_at // RUN_SECONDS % _LAST_RUN_NUMBERS * 10 + _FUNCTIONS.index(set_type)


def set_no(number: int) -> str:
    """Return the control number of a document."""
    return f"{number:06d}"


def document_key(partner_id: str, direction: str, set_type: str, run_at: int, number: int) -> str:
    """Return a document's name as the product spells it: partner, direction, type, group and control number."""
    return f"{partner_id}/{direction}/{set_type}/{group_no(run_at, set_type)}-{set_no(number)}"


def send_again(books: Books, key: str, at: int) -> Row[Any] | None:
    """Let a document be sent once more under its own numbers, to be accepted with the next run; None if unknown."""
    partner_id, direction, set_type, numbers = key.split("/")
    group, _, number = numbers.partition("-")
    same = (
        (edi_documents.c.partner_id == partner_id)
        & (edi_documents.c.direction == direction)
        & (edi_documents.c.set_type == set_type)
        & (edi_documents.c.group_no == int(group))
        & (edi_documents.c.set_no == number)
    )
    books.truth.execute(
        update(edi_documents).where(same).values(ack_at=next_run(at) + RUN_SECONDS, ack_status="A", answered_at=None)
    )
    return books.truth.execute(select(edi_documents).where(same)).one_or_none()


def record_sent(books: Books, sent: SentDocument, at: int) -> None:
    """Record a document that somebody else of the distributor's sent with a run; its 997 comes with the next one."""
    row = {
        "partner_id": sent.partner_id,
        "direction": OUTBOUND,
        "set_type": sent.set_type,
        "about": sent.about,
        "group_no": sent.group_no,
        "set_no": sent.set_no,
        "sent_at": at,
        "ack_at": at + RUN_SECONDS,
        "ack_status": sent.ack_status,
        "segments": sent.segments,
    }
    books.truth.execute(insert(edi_documents), [row])


def was_sent(books: Books, partner_id: str, group_number: int) -> bool:
    """Return whether a partner was ever sent a group of this number."""
    same = (
        (edi_documents.c.partner_id == partner_id)
        & (edi_documents.c.direction == OUTBOUND)
        & (edi_documents.c.group_no == group_number)
    )
    return bool(books.truth.execute(select(func.count()).where(same)).scalar_one())


def _send(books: Books, drafts: Sequence[Draft]) -> None:
    arranged = {(row.set_type, row.about): row.ack_status for row in books.truth.execute(select(edi_silences))}
    rows = []
    for draft in drafts:
        status = arranged.get((draft.set_type, draft.about), "A" if draft.is_answered else "")
        slow = draft.set_type not in _PROMPT_SETS and draft.number % _SLOW_EVERY == 0
        rows.append(
            {
                "partner_id": draft.partner_id,
                "direction": draft.direction,
                "set_type": draft.set_type,
                "about": draft.about,
                "group_no": group_no(draft.run_at, draft.set_type),
                "set_no": set_no(draft.number),
                "sent_at": draft.run_at,
                "ack_at": draft.run_at + RUN_SECONDS * (_SLOW_RUNS if slow else 1) if status else None,
                "ack_status": status,
                "segments": draft.segments,
            }
        )
    if rows:
        books.truth.execute(insert(edi_documents), rows)


def _acknowledge(books: Books, since: int, last_run: int) -> None:
    """Write the 997s that are due, one for each group of documents and run."""
    waiting = (
        select(edi_documents)
        .where(edi_documents.c.ack_at <= last_run, edi_documents.c.answered_at.is_(None))
        .order_by(edi_documents.c.ack_at, edi_documents.c.document_id)
    )
    groups: dict[tuple[Any, ...], list[Row[Any]]] = defaultdict(list)
    for document in books.truth.execute(waiting):
        run_at = max(document.ack_at, min(since + RUN_SECONDS, last_run))
        groups[run_at, document.partner_id, document.direction, document.group_no].append(document)
    rows = []
    for (run_at, partner_id, direction, answered_group), of_group in groups.items():
        rows.append(
            {
                "partner_id": partner_id,
                "direction": OUTBOUND if direction == INBOUND else INBOUND,
                "set_type": "997",
                "about": f"{direction}/{answered_group}/{run_at}",
                "group_no": group_no(run_at, "997"),
                "set_no": set_no(answered_group % _LAST_RUN_NUMBERS),
                "sent_at": run_at,
                "ack_at": None,
                "ack_status": "",
                "segments": documents.acknowledgement(of_group),
            }
        )
    if rows:
        books.truth.execute(insert(edi_documents), rows)
        books.truth.execute(
            update(edi_documents)
            .where(edi_documents.c.ack_at <= last_run, edi_documents.c.answered_at.is_(None))
            .values(answered_at=edi_documents.c.ack_at)
        )
