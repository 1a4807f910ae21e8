"""What a row of the audit log is, what its hash covers, and what a verification can say of a row.

Plain values, the same for a row in the database, in an exported file and in an archive. Where rows come from belongs in
`audit`, `audit_export` and `audit_archive`; how a broken chain is read, in `audit_verification`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from fulfillment_pipelines.errors import AuditChainError

GENESIS_HASH: Final = "0" * 64
"""What the first row names as the hash before it."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=repr)


class ChainEnd(NamedTuple):
    """Where a chain ends, or where a part of it begins: a row's number and its hash."""

    sequence: int
    row_hash: str


BEGINNING: Final = ChainEnd(0, GENESIS_HASH)
"""What comes before the first row."""


class ChainRow(NamedTuple):
    """One row of the audit log, every field the text that its hash covers.

    Attributes:
        sequence: Its number, from 1 without holes; not in the hash, since the chain fixes it.
        recorded_at: ISO 8601 in UTC, to the microsecond where it has a fraction.
        actor: Who did it.
        action: `object.verb`, past tense.
        subject: Identity of what it was done to.
        detail: A JSON object as text, keys in order, without blanks.
        reason: Why, in words.
        policy_version: Of the policies under which it was decided.
        evidence_hash: Of the evidence on which it was decided.
        previous_hash: `row_hash` of the row before it.
        row_hash: What `hash_of` gave when it was written.
    """

    sequence: int
    recorded_at: str
    actor: str
    action: str
    subject: str
    detail: str
    reason: str
    policy_version: str
    evidence_hash: str
    previous_hash: str
    row_hash: str

    def own_hash(self) -> str:
        """Return the hash of what the row says now."""
        return hash_of(self[1:-2], self.previous_hash)


def hash_of(said: Sequence[str], previous_hash: str) -> str:
    """Return the hash of a row.

    Args:
        said: The row's text from `recorded_at` to `evidence_hash`, in the order of `ChainRow`.
        previous_hash: `row_hash` of the row before it.
    """
    # Rows of the first ledgers have no reason, policy or evidence, and their hash was made without them.
    grounds = said[5:] if any(said[5:]) else ()
    text = _ENCODER.encode((previous_hash, *said[:5], *grounds))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def instant_text(instant: datetime) -> str:
    """Return an instant as rows carry it."""
    return instant.astimezone(UTC).isoformat()


class BreakKind(StrEnum):
    """What was done to a row, or between two rows."""

    EDITED = "EDITED"
    REWRITTEN = "REWRITTEN"
    REMOVED = "REMOVED"
    INSERTED = "INSERTED"
    MISPLACED = "MISPLACED"
    TRUNCATED = "TRUNCATED"


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """One place where the log is not what was written.

    Attributes:
        kind: EDITED: the row says something else than when it was written. REWRITTEN: it was given a new hash to match,
            but what follows it, the head or an anchor knows another. REMOVED: rows are gone. INSERTED: rows that the
            chain does not lead over. MISPLACED: rows that belong elsewhere. TRUNCATED: the end of the log is not where
            its head says.
        sequence: Number of the first row concerned; where rows are gone, the number they had.
        through: Number of the last row concerned.
        recorded_at: What the first row says, where it is there; else empty.
        actor: Likewise.
        action: Likewise.
        subject: Likewise.
        detail: What was expected and found, in words.
    """

    kind: BreakKind
    sequence: int
    through: int
    recorded_at: str
    actor: str
    action: str
    subject: str
    detail: str

    @staticmethod
    def at(kind: BreakKind, row: ChainRow, detail: str, through: int | None = None) -> AuditBreak:
        """Return a break at a row that is there."""
        last = row.sequence if through is None else through
        return AuditBreak(kind, row.sequence, last, row.recorded_at, row.actor, row.action, row.subject, detail)

    @staticmethod
    def gap(kind: BreakKind, first: int, last: int, detail: str) -> AuditBreak:
        """Return a break where rows are gone."""
        return AuditBreak(kind, first, last, "", "", "", "", detail)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found.

    Attributes:
        rows: Rows that were read.
        head_sequence: Number of the last row; 0 for none.
        head_hash: Hash of the last row; publish it elsewhere to prove later that nothing was rewritten.
        breaks: Every broken place, in order of the rows; empty when the log is whole.
        further: Broken places that are not told, because there are too many.
    """

    rows: int
    head_sequence: int
    head_hash: str
    breaks: tuple[AuditBreak, ...] = ()
    further: int = 0

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
                f"The audit log is broken at row {first.sequence} ({first.kind}), "
                f"{len(self.breaks) + self.further} place(s) in all.",
                found=first.detail,
                remedy="compare with a backup of the ledger; do not repair the rows by hand",
            )
