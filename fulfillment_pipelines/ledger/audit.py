"""The audit log: append only, each row bound to the one before it by its hash.

A row's hash covers the previous row's hash and everything the row says, so an edit breaks the row itself, and a
removal, an insertion or a reordering breaks the row that follows. The head is stored beside the log, so that a
cut tail is seen too. Who may write what is decided elsewhere; here it is only recorded and verified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from fulfillment_pipelines.errors import AuditChainError
from fulfillment_pipelines.ledger.tables import audit_head, audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

GENESIS_HASH = "0" * 64
"""What the first row names as the hash before it."""

_HEAD_ID = 1
_PAGE_ROWS = 10_000

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


class BreakKind(StrEnum):
    """In which way a row does not follow from the row before it."""

    EDITED = "EDITED"
    REMOVED = "REMOVED"
    MISPLACED = "MISPLACED"
    TRUNCATED = "TRUNCATED"


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """One place where the chain is broken.

    Attributes:
        kind: EDITED: the row no longer has the hash it was written with. REMOVED: rows before it are gone.
            MISPLACED: it was inserted or moved, since it names another predecessor. TRUNCATED: rows after it
            are gone, or were added without the head being told.
        sequence: The row at which it shows.
        detail: What was expected and found, in words.
    """

    kind: BreakKind
    sequence: int
    detail: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found.

    Attributes:
        rows: Rows that were read.
        head_hash: Hash of the last row; publish it elsewhere to prove later that nothing was rewritten.
        breaks: Every broken place, in order; empty when the log is whole.
    """

    rows: int
    head_hash: str
    breaks: tuple[AuditBreak, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was edited, removed, inserted, reordered or cut."""
        return not self.breaks

    def require_intact(self) -> None:
        """Do nothing if the log is whole.

        Raises:
            AuditChainError: It is not.
        """
        if self.breaks:
            first = self.breaks[0]
            raise AuditChainError(
                f"The audit log is broken at row {first.sequence} ({first.kind}), {len(self.breaks)} place(s) in all.",
                found=first.detail,
                remedy="compare with a backup of the ledger; do not repair the rows by hand",
            )


def append(work: UnitOfWork, entries: Sequence[AuditEntry]) -> None:
    """Append entries in their order, as part of the running transaction.

    Raises:
        RetryableError: The ledger is busy.
    """
    if not entries:
        return
    work.take_turn("audit")
    sequence, previous_hash = _head(work) or (0, GENESIS_HASH)
    started = sequence > 0
    rows: list[Mapping[str, object]] = []
    for entry in entries:
        sequence += 1
        detail = json.dumps(dict(entry.detail), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        said = (entry.actor, entry.action, entry.subject, detail)
        grounds = (entry.reason, entry.policy_version, entry.evidence_hash)
        row_hash = _hash(previous_hash, entry.recorded_at, said, grounds)
        rows.append(
            {
                "sequence": sequence,
                "recorded_at": entry.recorded_at,
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "detail": detail,
                "reason": entry.reason,
                "policy_version": entry.policy_version,
                "evidence_hash": entry.evidence_hash,
                "previous_hash": previous_hash,
                "row_hash": row_hash,
            }
        )
        previous_hash = row_hash
    work.change(insert(audit_log), rows)
    head = {"head_id": _HEAD_ID, "sequence": sequence, "row_hash": previous_hash}
    work.change(update(audit_head) if started else insert(audit_head), [head])


def verify(work: UnitOfWork) -> AuditReport:
    """Read the whole log and report every place where it was tampered with.

    Raises:
        RetryableError: The ledger does not answer.
    """
    breaks: list[AuditBreak] = []
    count, last_sequence, last_hash = 0, 0, GENESIS_HASH
    for row in _all_rows(work):
        count += 1
        said = (row.actor, row.action, row.subject, row.detail)
        own = _hash(row.previous_hash, row.recorded_at, said, (row.reason, row.policy_version, row.evidence_hash))
        if own != row.row_hash:
            breaks.append(AuditBreak(BreakKind.EDITED, row.sequence, f"expected hash {own}, found {row.row_hash}"))
        if row.sequence != last_sequence + 1:
            missing = f"rows {last_sequence + 1} to {row.sequence - 1} are missing"
            breaks.append(AuditBreak(BreakKind.REMOVED, row.sequence, missing))
        elif row.previous_hash != last_hash:
            found = f"it follows {row.previous_hash}, but the row before it is {last_hash}"
            breaks.append(AuditBreak(BreakKind.MISPLACED, row.sequence, found))
        last_sequence, last_hash = row.sequence, row.row_hash
    head_sequence, head_hash = _head(work) or (0, GENESIS_HASH)
    if (head_sequence, head_hash) != (last_sequence, last_hash):
        found = f"the head says row {head_sequence} ({head_hash}), the log ends at row {last_sequence} ({last_hash})"
        breaks.append(AuditBreak(BreakKind.TRUNCATED, last_sequence, found))
    return AuditReport(count, last_hash, tuple(breaks))


def _head(work: UnitOfWork) -> tuple[int, str] | None:
    rows = work.rows(select(audit_head.c.sequence, audit_head.c.row_hash).where(audit_head.c.head_id == _HEAD_ID))
    return (rows[0].sequence, rows[0].row_hash) if rows else None


def _all_rows(work: UnitOfWork) -> Iterator[Row[Any]]:
    after = -1
    while page := work.rows(
        select(audit_log).where(audit_log.c.sequence > after).order_by(audit_log.c.sequence).limit(_PAGE_ROWS)
    ):
        yield from page
        after = page[-1].sequence


def _hash(previous_hash: str, recorded_at: datetime, said: tuple[str, ...], grounds: tuple[str, ...]) -> str:
    # Rows of the first ledgers have no grounds, and their hash was made without them.
    content = [previous_hash, recorded_at.astimezone(UTC).isoformat(), *said, *(grounds if any(grounds) else ())]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
