"""The audit log as JSON Lines: one row a line, every value the text that its hash covers.

Another tool needs nothing but the file and SHA-256 to verify it; `docs/audit.md` says how. Rows that leave the database
for good are written by `audit_archive`, in the same form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from sqlalchemy import ColumnElement

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.audit import read_rows
from fulfillment_pipelines.ledger.audit_chain import (
    BEGINNING,
    AuditBreak,
    AuditReport,
    BreakKind,
    ChainEnd,
    ChainRow,
)
from fulfillment_pipelines.ledger.audit_verification import MOST_BREAKS, Expected, verify_chain
from fulfillment_pipelines.ledger.tables import audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which rows to export; None for no restriction.

    Attributes:
        since: Recorded at this moment or later.
        until: Recorded before this moment.
        subject: What it was done to.
        actor: Who did it.
        action: What was done.
    """

    since: datetime | None = None
    until: datetime | None = None
    subject: str | None = None
    actor: str | None = None
    action: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a row must fulfil."""
        columns = audit_log.c
        wanted = {columns.subject: self.subject, columns.actor: self.actor, columns.action: self.action}
        found = [column == value for column, value in wanted.items() if value is not None]
        if self.since is not None:
            found.append(columns.recorded_at >= self.since)
        if self.until is not None:
            found.append(columns.recorded_at < self.until)
        return found


def export(work: UnitOfWork, wanted: ExportFilter, into: TextIO) -> int:
    """Write rows of the database, in their order, and return how many.

    Raises:
        RetryableError: The ledger does not answer.
    """
    return write_rows(read_rows(work, where=wanted.conditions()), into)


def write_rows(rows: Iterable[ChainRow], into: TextIO) -> int:
    """Write rows as JSON Lines and return how many."""
    count = 0
    for row in rows:
        into.write(line_of(row))
        count += 1
    return count


def line_of(row: ChainRow) -> str:
    """Return a row as a line of a file, in ASCII, since some tools take other characters than LF for its end."""
    return json.dumps(row._asdict(), separators=(",", ":")) + "\n"


def read_file(path: Path) -> Iterator[ChainRow]:
    """Read an exported file, row by row.

    Raises:
        BadDataError: It cannot be read, or a line is not a row of the audit log; names the line.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                yield _row_of(line, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataError(
            f"The audit file {path} cannot be read.",
            expected="a file that `fulfillment audit export` has written",
            found=str(error),
            remedy="correct the path, or take the file from a backup",
        ) from error


def verify_file(
    path: Path,
    *,
    anchors: Sequence[ChainEnd] = (),
    excerpt: bool = False,
    progress: Callable[[int], None] = lambda _rows: None,
) -> AuditReport:
    """Verify an exported file without the database it came from.

    A file does not say where the log ended: that nothing is missing at its end, only an anchor tells. What comes before
    its first row is believed.

    Args:
        path: The file.
        anchors: Hashes that rows had when they were published.
        excerpt: Whether the file was exported with a filter, so that rows between may be missing.
        progress: Told now and then how many rows were read.

    Raises:
        BadDataError: It cannot be read, or a line is not a row of the audit log.
    """
    if excerpt:
        return _verify_excerpt(read_file(path), anchors)

    def verified(first: ChainRow | None) -> AuditReport:
        after = ChainEnd(first.sequence - 1, first.previous_hash) if first and first.sequence > 1 else BEGINNING
        return verify_chain(lambda: read_file(path), Expected(after, None, tuple(anchors)), progress)

    first = next(read_file(path), None)
    report = verified(first)
    if not report.intact and first is not None and first.sequence > 1:
        # The line that stands first may itself have been moved there.
        return verified(min(read_file(path), key=lambda row: row.sequence))
    return report


def _verify_excerpt(rows: Iterable[ChainRow], anchors: Sequence[ChainEnd]) -> AuditReport:
    published = {anchor.sequence: anchor.row_hash for anchor in anchors}
    breaks: list[AuditBreak] = []
    count, untold, last = 0, 0, BEGINNING
    for row in rows:
        count += 1
        found = _break_of(row, last, published.get(row.sequence, row.row_hash))
        if found is not None and len(breaks) < MOST_BREAKS:
            breaks.append(found)
        elif found is not None:
            untold += 1
        last = ChainEnd(row.sequence, row.row_hash)
    return AuditReport(count, last.sequence, last.row_hash, tuple(breaks), untold)


def _break_of(row: ChainRow, last: ChainEnd, published_hash: str) -> AuditBreak | None:
    own = row.own_hash()
    if own != row.row_hash:
        return AuditBreak.at(
            BreakKind.EDITED, row, f"what it says has the hash {own}, it was written with {row.row_hash}"
        )
    if row.row_hash != published_hash:
        return AuditBreak.at(BreakKind.REWRITTEN, row, f"it was published with the hash {published_hash}")
    if row.sequence <= last.sequence:
        return AuditBreak.at(BreakKind.MISPLACED, row, f"it was read after row {last.sequence}")
    if row.sequence == last.sequence + 1 and row.previous_hash != last.row_hash:
        return AuditBreak.at(BreakKind.MISPLACED, row, f"it does not follow from row {last.sequence}")
    return None


def _row_of(line: str, place: str) -> ChainRow:
    try:
        content = json.loads(line)
    except json.JSONDecodeError:
        content = None
    names = set(ChainRow._fields)
    texts = names - {"sequence"}
    if (
        not isinstance(content, dict)
        or set(content) != names
        or not isinstance(content["sequence"], int)
        or not all(isinstance(content[name], str) for name in texts)
    ):
        raise BadDataError(
            f"{place}: this line is not a row of the audit log.",
            expected=f"a JSON object with the whole number sequence and the texts {', '.join(sorted(texts))}",
            found=line.strip()[:200] or "an empty line",
            remedy="export the log again, or compare with an earlier copy of the file",
        )
    return ChainRow(**content)
