"""The audit log: append only, each row bound to the one before it by its hash.

A row's hash covers the previous row's hash and everything the row says, so an edit breaks the row itself, and a
removal, an insertion or a reordering breaks the row that follows. The head is stored beside the log, so that a
cut tail is seen too. Who may write what is decided elsewhere; here it is only recorded and verified. What a row is
belongs in `audit_chain`; files of rows, in `audit_export` and `audit_archive`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, String, insert, select, type_coerce, update

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.audit_chain import (
    BEGINNING,
    GENESIS_HASH,
    AuditBreak,
    AuditReport,
    BreakKind,
    ChainEnd,
    ChainRow,
    hash_of,
    instant_text,
)
from fulfillment_pipelines.ledger.audit_verification import Expected, verify_chain
from fulfillment_pipelines.ledger.tables import audit_archive, audit_head, audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

__all__ = [
    "GENESIS_HASH",
    "AuditBreak",
    "AuditEntry",
    "AuditReport",
    "BreakKind",
    "append",
    "archived_end",
    "head_of",
    "read_rows",
    "verify",
]

_HEAD_ID = 1
_PAGE_ROWS = 10_000
_DAY_WIDTH = len("2026-03-02")
_INSTANT_WIDTH = len("2026-03-02 12:00:00.000000+00:00")

JsonScalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What is to be recorded.

    Attributes:
        recorded_at: When it happened.
        actor: Who did it: a person's name, or the part of the platform.
        action: `object.verb`, past tense.
        subject: Identity of what it was done to.
        detail: What else must be known to judge it later.
        reason: Why, in words.
        policy_version: Of the policies under which it was decided; empty where none were.
        evidence_hash: Of the evidence on which it was decided; empty where there was none.
    """

    recorded_at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, JsonScalar]
    reason: str = ""
    policy_version: str = ""
    evidence_hash: str = ""


def append(work: UnitOfWork, entries: Sequence[AuditEntry]) -> None:
    """Append entries in their order, as part of the running transaction.

    Raises:
        RetryableError: The ledger is busy.
    """
    if not entries:
        return
    work.take_turn("audit")
    head = head_of(work)
    sequence, previous_hash = head or BEGINNING
    rows: list[Mapping[str, object]] = []
    request = {"request_id": work.request_id} if work.request_id else {}
    for entry in entries:
        sequence += 1
        said = {
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "detail": json.dumps(
                {**entry.detail, **request}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            ),
            "reason": entry.reason,
            "policy_version": entry.policy_version,
            "evidence_hash": entry.evidence_hash,
        }
        row_hash = hash_of((instant_text(entry.recorded_at), *said.values()), previous_hash)
        chained = {"sequence": sequence, "previous_hash": previous_hash, "row_hash": row_hash}
        rows.append({"recorded_at": entry.recorded_at, **said, **chained})
        previous_hash = row_hash
    work.change(insert(audit_log), rows)
    ended = {"head_id": _HEAD_ID, "sequence": sequence, "row_hash": previous_hash}
    work.change(update(audit_head) if head else insert(audit_head), [ended])


def verify(
    work: UnitOfWork,
    *,
    since: int | None = None,
    anchors: Sequence[ChainEnd] = (),
    progress: Callable[[int], None] = lambda _rows: None,
) -> AuditReport:
    """Read the log as it is in the database and report every place where it was tampered with.

    Args:
        work: A transaction; nothing is written.
        since: Read only the rows behind this one, which is believed; None for all.
        anchors: Hashes that rows of the database had when they were published.
        progress: Told now and then how many rows were read.

    Raises:
        RetryableError: The ledger does not answer.
    """
    after = archived_end(work) if since is None else _end_at(work, since)
    expected = Expected(after, head_of(work) or BEGINNING, tuple(anchors))
    from_row = None if since is None else since + 1
    return verify_chain(partial(read_rows, work, from_row=from_row), expected, progress)


def head_of(work: UnitOfWork) -> ChainEnd | None:
    """Return where the log ends, as it was stored beside it; None before the first row."""
    rows = work.rows(select(audit_head.c.sequence, audit_head.c.row_hash).where(audit_head.c.head_id == _HEAD_ID))
    return ChainEnd(rows[0].sequence, rows[0].row_hash) if rows else None


def archived_end(work: UnitOfWork) -> ChainEnd:
    """Return the row behind which the log in the database begins: the last that was moved to a file."""
    archived = select(audit_archive.c.last_sequence, audit_archive.c.last_row_hash)
    rows = work.rows(archived.order_by(audit_archive.c.last_sequence.desc()).limit(1))
    return ChainEnd(rows[0].last_sequence, rows[0].last_row_hash) if rows else BEGINNING


def read_rows(
    work: UnitOfWork, *, from_row: int | None = None, where: Sequence[ColumnElement[bool]] = ()
) -> Iterator[ChainRow]:
    """Read rows in their order, as the text that their hashes cover, some at a time.

    Args:
        work: A transaction.
        from_row: Number of the first; None for all.
        where: What they must fulfil.
    """
    columns = [
        # As it is stored, so that what is no instant is told as edited, and not stumbled over.
        type_coerce(audit_log.c.recorded_at, String).label("recorded_at")
        if name == "recorded_at"
        else audit_log.c[name]
        for name in ChainRow._fields
    ]
    query = select(*columns).where(*where).order_by(audit_log.c.sequence).limit(_PAGE_ROWS)
    page = work.rows(query if from_row is None else query.where(audit_log.c.sequence >= from_row))
    while page:
        for row in page:
            cells: tuple[Any, ...] = tuple(row)
            yield ChainRow._make((cells[0], _instant_text(cells[1]), *cells[2:]))
        page = work.rows(query.where(audit_log.c.sequence > page[-1].sequence))


def _end_at(work: UnitOfWork, sequence: int) -> ChainEnd:
    rows = work.rows(select(audit_log.c.row_hash).where(audit_log.c.sequence == sequence))
    if rows:
        return ChainEnd(sequence, rows[0].row_hash)
    archived = archived_end(work)
    if sequence == archived.sequence:
        return archived
    raise BadDataError(
        f"The audit log has no row {sequence} to begin behind.",
        expected="the number of a row that is in the database",
        found=f"rows behind {archived.sequence}",
        remedy="verify the whole log, or begin behind a row that is there",
    )


def _instant_text(stored: object) -> str:
    """Return what a database holds as an instant, as it was hashed: SQLite has text of one width."""
    if isinstance(stored, datetime):
        return instant_text(stored)
    text = str(stored)
    if len(text) != _INSTANT_WIDTH or text[_DAY_WIDTH] != " ":
        return f"no instant: {text}"
    return text.replace(" ", "T", 1).replace(".000000+", "+", 1)
